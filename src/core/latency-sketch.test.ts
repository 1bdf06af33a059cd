import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LatencySketch } from './latency-sketch.ts';

/** From 1 µs to 1 h, evenly over the orders of magnitude. */
const duration = fc.double({ min: Math.log(0.001), max: Math.log(3_600_000), noNaN: true }).map(Math.exp);
const durations = fc.array(duration, { minLength: 1, maxLength: 300 });

function sketchOf(values: readonly number[]): LatencySketch {
  const sketch = new LatencySketch();
  for (const value of values) sketch.record(value);
  return sketch;
}

describe('LatencySketch', () => {
  test('every quantile is within 1 % of the exact one', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const exact = values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? 0;
        const shown = sketchOf(values).quantile(q) ?? Number.NaN;
        expect(Math.abs(shown - exact)).toBeLessThanOrEqual(exact * 0.010001);
      }),
    );
  });

  test('merging two sketches gives the sketch of both', () => {
    fc.assert(
      fc.property(durations, durations, (left, right) => {
        const merged = sketchOf(left);
        merged.merge(sketchOf(right));
        expect(merged.toJSON()).toEqual(sketchOf([...left, ...right]).toJSON());
        expect(merged.count).toBe(left.length + right.length);
      }),
    );
  });

  test('comes back from JSON as it was, and holds no empty bins', () => {
    fc.assert(
      fc.property(durations, (values) => {
        const json: unknown = JSON.parse(JSON.stringify(sketchOf(values)));
        const back = LatencySketch.fromJSON(json);
        expect(back?.toJSON()).toEqual(sketchOf(values).toJSON());
        expect(back?.count).toBe(values.length);
        expect(sketchOf(values).toJSON().bins.length).toBeLessThanOrEqual(values.length);
      }),
    );
  });

  test('what is out of range counts as the nearer end, what is no duration does not count', () => {
    const sketch = sketchOf([0, 1e-9, 1e12, Number.POSITIVE_INFINITY, Number.NaN, -1]);
    expect(sketch.count).toBe(4);
    expect(sketch.quantile(0)).toBeCloseTo(0.001, 4);
    expect((sketch.quantile(1) ?? 0) / 3_600_000).toBeCloseTo(1, 1);
    expect(sketch.quantile(-5)).toBe(sketch.quantile(0));
    expect(sketch.quantile(5)).toBe(sketch.quantile(1));
  });

  test('an empty sketch has no quantiles', () => {
    expect(new LatencySketch().quantile(0.5)).toBeUndefined();
  });

  test.each([
    [null],
    [{}],
    [{ version: 2, bins: [] }],
    [{ version: 1, bins: [[-1, 1]] }],
    [{ version: 1, bins: [[0, 0]] }],
    [{ version: 1, bins: [[99_999, 1]] }],
    [{ version: 1, bins: [['0', 1]] }],
    [{ version: 1, bins: 3 }],
  ])('%j is no sketch', (json) => expect(LatencySketch.fromJSON(json)).toBeUndefined());
});
