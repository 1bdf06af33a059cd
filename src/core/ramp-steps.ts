import type { Ramp, RampStep } from './ramp.ts';

/**
 * Where a ramp stands on another ladder: at the last step whose dial for everybody is not above the present one, and its time begins anew.
 * On a ladder without such a step it begins at the first; the dial itself stays until a step sets it.
 * At 50 % on `5 %, 20 %, 100 %`: at 20 %, which lowers the dial, because 50 % is no longer on the way.
 */
export function onLadder(ramp: Ramp, steps: readonly RampStep[], now: number): Ramp {
  const { restAt, ...rest } = ramp;
  const isBelow = (one: RampStep): boolean =>
    one.kind === 'dial' && one.cohort === undefined && one.tenants === undefined && one.dialPpm <= ramp.dialPpm;
  const step = ramp.dialPpm === 0 ? 0 : Math.max(0, steps.findLastIndex(isBelow));
  return {
    ...rest,
    step,
    since: now,
    reason: 'other steps were configured',
    ...(restAt === undefined ? {} : { restAt }),
  };
}
