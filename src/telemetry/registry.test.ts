import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePrometheusText } from '../../test/support/prometheus-text.ts';
import { type MetricDefinition, OTHER, Registry } from './registry.ts';

const COUNTER: MetricDefinition = {
  name: 'cutover_things_total',
  type: 'counter',
  help: 'Things.',
  unit: 'count',
  labels: { endpoint: 'open', side: ['control', 'candidate'] },
};

test('any help text and any label value survive the text format', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary', maxLength: 500 }), (help, endpoint) => {
      const registry = new Registry();
      // A label's value is cut at 512 units, which these stay below.
      const metric = registry.value({ ...COUNTER, help });
      metric.labels({ endpoint, side: 'control' }).inc(3);
      const family = parsePrometheusText(registry.render()).get(COUNTER.name);
      expect(family?.help).toBe(help);
      expect(family?.samples).toEqual([{ name: COUNTER.name, labels: { endpoint, side: 'control' }, value: 3 }]);
    }),
  );
});

test('open label values beyond the bound are counted as _other, and nothing is lost', () => {
  const registry = new Registry({ maxOpenValues: 10 });
  const metric = registry.value(COUNTER);
  for (let i = 0; i < 1_000; i++) metric.labels({ endpoint: `GET /${i}`, side: 'candidate' }).inc();
  const samples = parsePrometheusText(registry.render()).get(COUNTER.name)?.samples ?? [];
  expect(samples).toHaveLength(11);
  expect(samples.reduce((sum, sample) => sum + sample.value, 0)).toBe(1_000);
  expect(samples.find((sample) => sample.labels['endpoint'] === OTHER)?.value).toBe(990);
});

test('a metric never has more children than its bound, but for those of _other', () => {
  const registry = new Registry({ maxChildren: 5 });
  const metric = registry.value(COUNTER);
  for (let i = 0; i < 100; i++)
    metric.labels({ endpoint: `GET /${i}`, side: i % 2 === 0 ? 'control' : 'candidate' }).inc();
  const samples = parsePrometheusText(registry.render()).get(COUNTER.name)?.samples ?? [];
  expect(samples.length).toBeLessThanOrEqual(7);
  expect(samples.reduce((sum, sample) => sum + sample.value, 0)).toBe(100);
});

test("a value that is not in a label's list is counted as _other", () => {
  const registry = new Registry();
  registry.value(COUNTER).labels({ endpoint: 'GET /a', side: 'nobody' }).inc();
  expect(registry.render()).toContain('side="_other"} 1');
});

test('the same label values give the same child', () => {
  const metric = new Registry().value(COUNTER);
  expect(metric.labels({ endpoint: 'a', side: 'control' })).toBe(metric.labels({ side: 'control', endpoint: 'a' }));
});

test('a histogram counts each value in its bucket, bounds included, and ignores what is no duration', () => {
  const registry = new Registry();
  const histogram = registry.histogram({
    ...COUNTER,
    name: 'cutover_x_seconds',
    type: 'histogram',
    labels: {},
    buckets: [0.1, 1],
  });
  for (const value of [0, 0.1, 0.5, 1, 7, -1, Number.NaN]) histogram.labels({}).observe(value);
  const samples = parsePrometheusText(registry.render()).get('cutover_x_seconds')?.samples ?? [];
  expect(samples.map(({ labels, value }) => [labels['le'], value])).toEqual([
    ['0.1', 2],
    ['1', 4],
    ['+Inf', 5],
    [undefined, 8.6],
    [undefined, 5],
  ]);
});

test('gauges show infinities and NaN as the format spells them, and a collector runs at each scrape', () => {
  const registry = new Registry();
  const gauge = registry.value({ ...COUNTER, name: 'cutover_g', type: 'gauge', labels: {} });
  const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e21, 5e-7];
  let scrape = 0;
  registry.onScrape(() => gauge.labels({}).set(values[scrape++] ?? 0));
  for (const value of values) {
    expect(parsePrometheusText(registry.render()).get('cutover_g')?.samples[0]?.value).toBe(value);
  }
});

test('a name is registered once', () => {
  const registry = new Registry();
  registry.value(COUNTER);
  expect(() => registry.value(COUNTER)).toThrow(/twice/);
});
