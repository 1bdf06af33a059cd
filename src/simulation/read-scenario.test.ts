import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../../test/support/cutover-process.ts';
import { problemsOf, scenarioOf } from '../../test/support/scenario.ts';
import { readScenario } from './read-scenario.ts';

const LEAST = 'duration: 10m\ntraffic: {rps: 5}\n';

describe('a scenario', () => {
  test('needs a duration and requests a second; the rest has defaults', () => {
    const scenario = scenarioOf(LEAST);
    expect(scenario).toMatchObject({ name: 'world', durationMs: 600_000, proxies: 1, events: [] });
    expect(scenario.traffic).toMatchObject({ perSecond: 5, daily: 0, endpoints: [{ id: 'GET /', weight: 1 }] });
    expect(scenario.traffic.tenants).toHaveLength(20);
    expect(scenario.candidate).toMatchObject({
      version: 'v1',
      differences: [],
      latency: [{ value: { p50: 20, p99: 20 } }],
    });
  });

  test('takes shares, times, latencies, tenants and endpoints in the forms people write', () => {
    const { traffic, control, candidate, events } = scenarioOf(`duration: 2h
traffic:
  rps: 0.5
  tenants: [acme, globex]
  endpoints: [GET /a, {endpoint: 'GET /b/{id}', weight: 2.5}, {match: POST /c}]
control: {errorRate: 0.5%, latencyMs: {p50: 10, p99: 100}, noise: 0.02}
candidate:
  errorRate: [{rate: 0}, {from: 1h, rate: 5%}]
  latencyMs: [{latencyMs: 10}, {from: 30m, latencyMs: {p50: 30}}]
  differences:
    - {endpoint: 'GET /b/{order}', tenants: acme, share: 0.5, from: 10m, until: 20m}
    - {endpoint: [GET /a, POST /c], tenants: 1}
    - {}
events:
  - {at: 90m, kind: clock-jump, by: -1h}
  - {at: 0, kind: deploy, version: v2}
`);
    expect(traffic.endpoints.map(({ id, weight, method }) => [id, weight, method])).toEqual([
      ['GET /a', 1, 'GET'],
      ['GET /b/{id}', 2.5, 'GET'],
      ['POST /c', 1, 'POST'],
    ]);
    expect(control).toMatchObject({ errorRate: [{ from: 0, value: 0.005 }], noise: [{ from: 0, value: 0.02 }] });
    expect(candidate.errorRate).toEqual([
      { from: 0, value: 0 },
      { from: 3_600_000, value: 0.05 },
    ]);
    expect(candidate.latency[1]).toEqual({ from: 1_800_000, value: { p50: 30, p99: 30 } });
    expect(candidate.differences.map(({ endpoints, tenants, share }) => [endpoints, tenants, share])).toEqual([
      [[1], [0], 0.5],
      [[0, 2], [0], 1],
      [[0, 1, 2], [0, 1], 1],
    ]);
    expect(events.map(({ at, kind }) => [at, kind])).toEqual([
      [0, 'deploy'],
      [5_400_000, 'clock-jump'],
    ]);
  });

  test('calls an endpoint as the plan lists it', () => {
    const { traffic } = scenarioOf(`${LEAST.replace('rps: 5', 'rps: 5, endpoints: ["GET /orders/{x}", GET /new]')}plan:
  endpoints: [{match: 'GET /orders/{id}', dial: 5%}]
`);
    expect(traffic.endpoints).toMatchObject([
      { id: 'GET /orders/{id}', origin: 'listed' },
      { id: 'GET /new', origin: 'found' },
    ]);
  });

  test('takes a plan from a file of its own, and tells what is wrong with it by the lines of that file', () => {
    const folder = tempFolder();
    const read = (plan: string) => {
      writeFileSync(join(folder, 'plan.yaml'), plan);
      return readScenario(`${LEAST}plan: plan.yaml\n`, { file: 'world.yaml', env: {}, baseDir: folder });
    };
    const good = read('control: http://127.0.0.1:1\ncandidate: http://127.0.0.1:2\ndefaults: {dial: 5%}\n');
    expect(good.ok && good.scenario.settings.defaults.dialPpm).toBe(50_000);
    const bad = read('defaults:\n  dail: 5%\n');
    expect(bad.ok ? [] : bad.problems).toMatchObject([{ file: 'plan.yaml', line: 2, path: 'defaults.dail' }]);
    expect(problemsOf(`${LEAST}plan: nowhere.yaml\n`)).toEqual([
      expect.stringContaining('plan: names a file that does not exist'),
    ]);
  });

  test('moves what opens where its plan says nothing of dials, and says so', () => {
    expect(scenarioOf(LEAST).settings.defaults.dialPpm).toBe(1_000_000);
    expect(scenarioOf(LEAST).notes.join()).toContain('dial 100%');
    const stepped = scenarioOf(`${LEAST}plan: {defaults: {steps: [mirror, {dial: 5%}]}}\n`);
    expect([stepped.settings.defaults.dialPpm, stepped.notes]).toEqual([0, []]);
    expect(scenarioOf(`${LEAST}plan: {evidence: {minSpan: 1m}}\n`).settings.evidence.minSpanMs).toBe(60_000);
  });

  test('may hold a whole configuration: its servers are not asked', () => {
    const { settings } = scenarioOf(`${LEAST}plan:
  control: {url: http://10.0.0.5:3000}
  candidate: {versionHeader: x-version}
  defaults: {dial: 5%}
`);
    expect(settings.sides.control.targets).toEqual(['http://10.0.0.5:3000']);
    expect(settings.sides.candidate.versionHeader).toBe('x-version');
  });
});

describe('problems of a scenario', () => {
  test('are told all at once, with line, column, what is expected and a hint', () => {
    expect(
      problemsOf(`duration: 10
traffic:
  rps: -1
  tenants: [acme]
  endpoint: [GET /a]
candidate:
  errorRate: 5
  latencyMs: {p50: 20, p99: 10}
events:
  - {at: 1m, kind: deplyo, version: v2}
  - {at: 1m, kind: errors, rate: 5%, sid: control}
  - {kind: rollback}
plan:
  defaults: {dail: 5%}
  evidence: {minSpan: 10}
`),
    ).toEqual([
      'world.yaml:1:11: duration: is 10; expected a duration from 1s to 90d such as 30s, 5m, 7d. Write the unit, for example "10s".',
      'world.yaml:3:8: traffic.rps: is -1; expected requests a second, from 0 to 100000.',
      expect.stringContaining('world.yaml:5:3: traffic.endpoint: is not a known key; expected one of rps, tenants'),
      'world.yaml:7:14: candidate.errorRate: is 5; expected a share from 0% to 100% such as 5%, or a number from 0 to 1. Write "5%" for so many percent.',
      expect.stringContaining('world.yaml:8:14: candidate.latencyMs'),
      expect.stringMatching(
        /^world\.yaml:10:20: events\[0\]\.kind: is "deplyo"; expected one of deploy, .* Did you mean deploy\?$/,
      ),
      expect.stringContaining(
        'world.yaml:11:38: events[1].sid: is not a known key; expected one of at, kind, side, rate',
      ),
      expect.stringContaining('world.yaml:12:5: events[2].at: is missing'),
      expect.stringContaining('world.yaml:14:14: plan.defaults.dail: is not a known key'),
      expect.stringContaining('world.yaml:15:23: plan.evidence.minSpan: is 10; expected a duration'),
    ]);
  });

  test('are also names that are not there, and times that end before they begin', () => {
    expect(
      problemsOf(`duration: 10m
traffic: {rps: 5, tenants: [acme], endpoints: [GET /orders]}
candidate:
  differences:
    - {endpoint: GET /order, tenants: [acmee]}
    - {from: 5m, until: 1m}
events:
  - {at: 5m, kind: errors, rate: 1%, until: 1m}
  - {at: 5m, kind: partition, proxy: 2}
`),
    ).toEqual([
      'world.yaml:5:18: candidate.differences[0].endpoint: is GET /order, which gets no traffic; expected an endpoint of `traffic.endpoints`. Did you mean GET /orders?',
      'world.yaml:5:39: candidate.differences[0].tenants: is acmee, who sends nothing; expected a tenant of `traffic.tenants`. Did you mean acme?',
      'world.yaml:6:25: candidate.differences[1].until: is not after `from`; expected a later moment.',
      'world.yaml:8:5: events[0]: ends before it begins; expected a later moment.',
      'world.yaml:9:38: events[1].proxy: is 2, and there is 1; expected a proxy that is there; see `proxies`.',
    ]);
  });

  test('are told for whatever a file holds, never thrown', () => {
    for (const text of [
      '',
      '[]',
      'duration',
      '{',
      'duration: 10m\ntraffic: []\nplan: []\nevents: {}\n',
      'duration: 1h\ntraffic: {rps: 1}\nevents: [1, null, []]\n',
    ])
      expect(problemsOf(text).length, text).toBeGreaterThan(0);
    expect(problemsOf('duration: 90d\ntraffic: {rps: 50000}\n').join()).toContain('million requests');
  });

  test('are told where a world is too large, events of traffic counted', () => {
    expect(problemsOf('duration: 3650d\ntraffic: {rps: 1000000000}\n')).toEqual([
      expect.stringMatching(/^world\.yaml:1:11: duration: is "3650d"; expected a duration from 1s to 90d/),
      'world.yaml:2:16: traffic.rps: is 1000000000; expected requests a second, from 0 to 100000.',
    ]);
    const times = (count: number) =>
      problemsOf(
        `duration: 1h\ntraffic: {rps: 100}\nevents:\n${'  - {at: 1m, kind: traffic, factor: 1000, for: 1m}\n'.repeat(count)}`,
      ).join();
    expect(times(1)).toBe('');
    expect(times(2)).toContain('world.yaml:2:16: traffic.rps: makes 6001 million requests in all');
    expect(times(200)).toContain('makes very many million requests');
    expect(times(1_001)).toContain('1000');
  });
});
