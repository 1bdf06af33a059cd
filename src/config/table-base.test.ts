import { expect, test } from 'vitest';
import { restoreState, tableOf } from '../core/control-state.ts';
import { compileTable } from '../core/table.ts';
import { parseSettings } from './load.ts';
import { tableBase } from './table-base.ts';

function baseOf(text: string) {
  const sides = 'control: {url: "http://127.0.0.1:3000"}\ncandidate: {url: "http://127.0.0.1:3001"}\n';
  const parsed = parseSettings(sides + text, { file: 'cutover.yaml', env: {}, baseDir: '/' });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return tableBase(parsed.settings);
}

test('the default dial applies to everything, and an endpoint adds its own where it differs', () => {
  const base = baseOf('defaults: {dial: 5%}\nendpoints: [{match: GET /a, dial: 10%}, {match: GET /b}]\n');
  expect(base.dials).toEqual([
    { scope: {}, dialPpm: 50_000 },
    { scope: { endpoint: 'GET /a' }, dialPpm: 100_000 },
  ]);
});

test('endpoints of one journey share a salt, and listing an endpoint changes no bucket', () => {
  const base = baseOf(`identity: {salt: s}
endpoints:
  - {match: GET /cart, journey: checkout}
  - {match: POST /cart, journey: checkout, writes: true}
  - {match: GET /a}
`);
  const salts = base.endpoints.map((endpoint) => endpoint.salt);
  expect(salts).toEqual(['s:checkout', 's:checkout', 's']);
  expect(base.defaults.salt).toBe('s');
});

test('endpoints that are not listed never write, act or count as retired', () => {
  expect(baseOf('').defaults).toEqual({
    proof: 'endpoint',
    maxPpm: 1_000_000,
    writes: false,
    acts: false,
    sharedValidators: false,
    salt: 'cutover',
    mirrorPpm: 100_000,
    retired: false,
  });
});

test('the table made of it finds policies and dials by the names of the catalogue', () => {
  const base = baseOf(
    'defaults: {max: 50%}\nendpoints: [{match: "GET /orders/{id}", dial: 5%, proof: none, max: 7%}]\n',
  );
  const table = compileTable(tableOf(restoreState(new Map(), base)));
  const [listed] = base.endpoints;
  if (listed === undefined) throw new Error('no endpoint');
  expect(table.policyOf(listed.id)).toMatchObject({ proof: 'none', maxPpm: 70_000 });
  expect(table.dialFor(listed.id, undefined).dialPpm).toBe(50_000);
});
