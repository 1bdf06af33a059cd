import { afterAll, beforeAll, expect, test } from 'vitest';
import { LaneTrial } from '../../support/lanes/lane-trial.ts';
import { ReaderTrial } from '../../support/lanes/reader-trial.ts';
import { RealOrigins } from '../../support/lanes/real-origins.ts';
import { CORPUS, type WireInput, WireMutator } from '../../support/lanes/wire-corpus.ts';

/** The same in every run; `node scripts/fuzz-lanes.ts` goes on with other seeds and more inputs. */
const SEED = 20_261_121;
const FOR_READERS = 20_000;
const FOR_LANES = 600;
const AT_ONCE = 4;

let trials: LaneTrial[] = [];
let origins: RealOrigins | undefined;

beforeAll(async () => {
  trials = await Promise.all(Array.from({ length: AT_ONCE }, () => LaneTrial.start()));
  origins = await RealOrigins.start();
});
afterAll(async () => {
  await Promise.all(trials.map((trial) => trial.close()));
  await origins?.stop();
});

/** What differs between the lanes, and behind them, for inputs that `next` gives until it gives none. */
async function lookAtAll(next: () => WireInput | undefined, see?: (input: WireInput, feature: string) => void) {
  const differences: string[] = [];
  let forwarded = 0;
  const work = async (trial: LaneTrial): Promise<void> => {
    for (let input = next(); input !== undefined; input = next()) {
      const { difference, feature, requests } = await trial.look(input);
      see?.(input, feature);
      forwarded += requests.length;
      const found = difference ?? (await origins?.look(requests));
      if (found !== undefined) differences.push(`${JSON.stringify(input.bytes.toString('latin1'))}: ${found}`);
    }
  };
  await Promise.all(trials.map(work));
  return { differences, forwarded };
}

test(`${FOR_READERS} made-up connections: what the fast lane takes, Node's parser understands as the same requests`, async () => {
  const mutator = new WireMutator(SEED);
  const trial = new ReaderTrial();
  const differences: string[] = [];
  let plain = 0;
  for (let n = 0; n < FOR_READERS; n += 1) {
    const input = mutator.next();
    const { difference, feature } = await trial.look(input);
    mutator.saw(input, feature);
    if (!feature.startsWith('0,')) plain += 1;
    if (difference !== undefined) differences.push(`${JSON.stringify(input.bytes.toString('latin1'))}: ${difference}`);
  }
  expect(differences).toEqual([]);
  // Both kinds must be there, or the inputs would prove nothing.
  expect(plain).toBeGreaterThan(FOR_READERS / 10);
  expect(plain).toBeLessThan((FOR_READERS * 9) / 10);
});

test('every connection of the corpus, whole and byte by byte: both lanes forward and answer the same', async () => {
  const inputs = CORPUS.flatMap((text): WireInput[] => {
    const bytes = Buffer.from(text, 'latin1');
    const everywhere = Array.from({ length: Math.min(400, bytes.length - 1) }, (_, at) => at + 1);
    return [
      { bytes, cuts: [] },
      { bytes, cuts: everywhere },
    ];
  });
  const { differences, forwarded } = await lookAtAll(() => inputs.pop());
  expect(differences).toEqual([]);
  expect(forwarded).toBeGreaterThan(CORPUS.length);
});

test(`${FOR_LANES} made-up connections: both lanes and every real server behind them understand the same`, async () => {
  const mutator = new WireMutator(SEED);
  let left = FOR_LANES;
  const next = (): WireInput | undefined => (left-- > 0 ? mutator.next() : undefined);
  const { differences, forwarded } = await lookAtAll(next, (input, feature) => mutator.saw(input, feature));
  expect(differences).toEqual([]);
  expect(forwarded).toBeGreaterThan(FOR_LANES / 4);
});
