import { describe, expect, it } from 'vitest';
import { KEPT_AT_ONCE, KeepPlan } from './keep-plan.ts';

function planAt() {
  let now = 0;
  const plan = new KeepPlan(() => now);
  const keptOf = (count: number, causes: readonly string[], everyMs = 0) => {
    let kept = 0;
    for (let n = 0; n < count; n += 1) {
      if (plan.wants(causes)) kept += 1;
      now += everyMs;
    }
    return kept;
  };
  return { keptOf, wait: (ms: number) => (now += ms) };
}

describe('which mismatches are kept', () => {
  it('the first of a cause, as many as the store keeps; then one a second', () => {
    const { keptOf } = planAt();
    expect(keptOf(1_000, ['a'])).toBe(KEPT_AT_ONCE);
    expect(keptOf(1_001, ['a'], 10)).toBe(10);
    expect(keptOf(1_000, ['b'])).toBe(KEPT_AT_ONCE);
  });

  it('what was quiet for a while is kept at once again', () => {
    const { keptOf, wait } = planAt();
    keptOf(100, ['a']);
    wait(3_600_000);
    expect(keptOf(100, ['a'])).toBe(KEPT_AT_ONCE);
  });

  it('one of several causes is enough: the first mismatch of a new cause always has its copy', () => {
    const { keptOf } = planAt();
    keptOf(100, ['a']);
    expect(keptOf(1, ['a', 'new'])).toBe(1);
  });

  it('a mismatch without a cause is kept, and many causes do not grow what is remembered', () => {
    const { keptOf } = planAt();
    expect(keptOf(30, [])).toBe(30);
    keptOf(100, ['a']);
    for (let n = 0; n < 10_000; n += 1) keptOf(1, [`other ${n}`]);
    expect(keptOf(100, ['a'])).toBe(KEPT_AT_ONCE);
  });
});
