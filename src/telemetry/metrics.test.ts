import { expect, test } from 'vitest';
import { parsePrometheusText } from '../../test/support/prometheus-text.ts';
import { createMetrics, METRICS, metricsReference } from './metrics.ts';
import type { MetricDefinition } from './registry.ts';

const TABLE = Object.values<MetricDefinition>(METRICS);

test('every metric of the table is served, with its help and type', () => {
  const families = parsePrometheusText(createMetrics().registry.render());
  expect([...families.keys()].sort()).toEqual(TABLE.map((metric) => metric.name).sort());
  for (const { name, help, type } of TABLE) expect(families.get(name)).toMatchObject({ help, type });
});

test.each(TABLE.map((metric) => [metric.name, metric] as const))('%s follows the naming rules', (name, metric) => {
  expect(name).toMatch(/^(cutover|process)_[a-z0-9_]+$/);
  expect(name.endsWith('_total')).toBe(metric.type === 'counter');
  if (metric.unit === 'seconds') expect(name).toMatch(/_seconds(_total)?$/);
  if (metric.unit === 'ratio') expect(name).toMatch(/_ratio$/);
  if (metric.unit === 'bytes') expect(name).toMatch(/_bytes$/);
  expect(metric.buckets !== undefined).toBe(metric.type === 'histogram');
  expect([...(metric.buckets ?? [])].sort((a, b) => a - b)).toEqual(metric.buckets ?? []);
  expect(Object.keys(metric.labels)).not.toContain('tenant');
});

test('the reference page names every metric and every label', () => {
  const page = metricsReference();
  for (const { name, labels } of TABLE) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` `));
    for (const label of Object.keys(labels)) expect(row).toContain(`\`${label}\``);
    expect(row).toBeDefined();
  }
});

test('a scrape shows the CPU time and memory of this process', () => {
  const families = parsePrometheusText(createMetrics().registry.render());
  expect(families.get('process_resident_memory_bytes')?.samples[0]?.value).toBeGreaterThan(1e6);
  expect(families.get('process_cpu_seconds_total')?.samples[0]?.value).toBeGreaterThan(0);
});
