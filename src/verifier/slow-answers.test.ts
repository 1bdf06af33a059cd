import { afterEach, describe, expect, it } from 'vitest';
import { exchangeOf, jsonAnswer, type Repeat, type Trial, trialVerifier } from '../../test/support/trial-verifier.ts';
import type { Answer } from '../core/observation.ts';

const open: Trial[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((trial) => trial.verifier.close()));
});

const slowerThan = { factor: 3, byMs: 500 };
const taking = (ms: number, value: unknown = { a: 1 }): Answer =>
  jsonAnswer(value, { firstByteMs: ms, durationMs: ms });

function start(repeat: Repeat, settings: object = { slowerThan }): Trial {
  const trial = trialVerifier({ repeat, settings });
  open.push(trial);
  return trial;
}

const again =
  (control: Answer | undefined, candidate: Answer | undefined): Repeat =>
  (side) =>
    side === 'control' ? control : candidate;

/** Verdict, reason, and the kinds of difference that speak against the candidate. */
async function said(trial: Trial, control: Answer, candidate: Answer) {
  trial.verifier.offer(exchangeOf(control, candidate));
  await trial.settled();
  const result = trial.verified.at(-1)?.result;
  const kinds = result?.differences.filter(({ noise }) => noise === undefined).map(({ kind }) => kind) ?? [];
  return [result?.verdict, result?.reason, ...kinds].filter((word) => word !== undefined);
}

describe('a candidate that answers the same, far later', () => {
  it('is a match as long as nobody limits it', async () => {
    expect(await said(start(again(taking(20), taking(2_000)), {}), taking(20), taking(2_000))).toEqual(['match']);
  });

  it('is a mismatch of its own kind where it is slow again', async () => {
    const trial = start(again(taking(25), taking(1_500)));
    expect(await said(trial, taking(20), taking(2_000))).toEqual(['mismatch', 'timing']);
    expect(trial.asked).toEqual(['control', 'candidate']);
    expect(trial.verified[0]?.result.differences).toEqual([
      { path: 'timing', kind: 'timing', control: '25 ms to the first byte', candidate: '1500 ms to the first byte' },
    ]);
    expect([...trial.clusters.values()]).toMatchObject([{ kind: 'timing', transition: 'far slower' }]);
  });

  it('was slow once and quick when asked again: once proves nothing', async () => {
    expect(await said(start(again(taking(25), taking(30))), taking(20), taking(2_000))).toEqual(['match']);
  });

  it('is no slower than a control that takes as long the next time', async () => {
    const trial = start(again(taking(1_900), taking(2_000)));
    expect(await said(trial, taking(20), taking(2_000))).toEqual(['match']);
    expect(trial.asked).toEqual(['control']);
  });

  it('is not judged where it cannot be asked again', async () => {
    const trial = start(again(taking(20), undefined));
    expect(await said(trial, taking(20), taking(2_000))).toEqual(['inconclusive', 'unconfirmed', 'timing']);
  });

  it('is believed to be slow without asking only after it was slow again three times', async () => {
    const pauses = start(again(taking(20), taking(30)));
    for (let times = 0; times < 4; times += 1) await said(pauses, taking(20), taking(2_000));
    expect(pauses.asked).toHaveLength(8);
    expect(pauses.clusters.size).toBe(0);
  });

  it('differs besides: what it says counts, how slow it was only if it is so again', async () => {
    const other = (ms: number) => taking(ms, { a: 2 });
    expect(await said(start(again(taking(20), other(25))), taking(20), other(2_000))).toEqual(['mismatch', 'value']);
    expect(await said(start(again(taking(20), other(1_900))), taking(20), other(2_000))).toEqual([
      'mismatch',
      'value',
      'timing',
    ]);
    // What it says the control says as well, the next time: that leaves nothing.
    expect(await said(start(again(taking(20, { a: 3 }), other(25))), taking(20), other(2_000))).toEqual([
      'inconclusive',
      'controlMoved',
      'value',
    ]);
  });

  it('may be slow where a rule says so', async () => {
    const rules = [{ kind: 'ignore', name: 'slow', reason: 'cold start', path: 'timing', counts: false }] as const;
    const trial = start(again(taking(25), taking(1_500)), { slowerThan, rules });
    expect(await said(trial, taking(20), taking(2_000))).toEqual(['ignored', 'timing']);
  });
});
