/**
 * Sends made-up connections through both lanes of the proxy and fails where they are understood in two ways:
 * `node scripts/fuzz-lanes.ts --inputs 100000 --seed 1 --readers 1000000`.
 *
 * `--readers` inputs go to the fast lane's reader and to Node's parser alone; `--inputs` go over sockets through a proxy of
 * each lane, and what was forwarded once more to node, and to nginx and HAProxy where they are installed.
 * A difference is printed with the seed and the bytes, and ends the run with 1; put its bytes into the corpus.
 */
import { LaneTrial } from '../test/support/lanes/lane-trial.ts';
import { ReaderTrial } from '../test/support/lanes/reader-trial.ts';
import { RealOrigins } from '../test/support/lanes/real-origins.ts';
import { type WireInput, WireMutator } from '../test/support/lanes/wire-corpus.ts';

const LANES = 12;
const MAX_TOLD = 5;
/** Processor time that one reading may take. */
const STALL_MS = 20;
const PROGRESS = 10_000;

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const value = at < 0 ? fallback : Number(process.argv[at + 1]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number`);
  return value;
}

let told = 0;

function tell(what: string, input: WireInput): void {
  told += 1;
  console.log(
    `DIFFERENCE ${what}\n  in ${JSON.stringify(input.bytes.toString('latin1'))} cut at [${input.cuts.join()}]`,
  );
}

async function readers(count: number, seed: number): Promise<void> {
  const mutator = new WireMutator(seed);
  const trial = new ReaderTrial();
  let plain = 0;
  for (let n = 1; n <= count && told < MAX_TOLD; n += 1) {
    const input = mutator.next();
    const { difference, feature } = await trial.look(input);
    mutator.saw(input, feature);
    if (!feature.startsWith('0,')) plain += 1;
    if (difference !== undefined) tell(`between the readers: ${difference}`, input);
    if (n % (PROGRESS * 10) === 0) console.error(`readers: ${n}`);
  }
  console.log(
    `readers: ${count} inputs, ${plain} with a plain request, ${mutator.kinds} kinds, longest ${trial.worstMs} ms`,
  );
  if (trial.worstMs > STALL_MS) {
    told += 1;
    console.log(`STALL of ${trial.worstMs} ms`);
  }
}

async function lanes(count: number, seed: number): Promise<void> {
  const mutator = new WireMutator(seed);
  const origins = await RealOrigins.start();
  let sent = 0;
  let forwarded = 0;
  const work = async (): Promise<void> => {
    const trial = await LaneTrial.start();
    while (sent < count && told < MAX_TOLD) {
      sent += 1;
      if (sent % PROGRESS === 0) console.error(`lanes: ${sent}`);
      const input = mutator.next();
      const { difference, feature, requests } = await trial.look(input);
      mutator.saw(input, feature);
      forwarded += requests.length;
      if (difference !== undefined) tell(`between the lanes: ${difference}`, input);
      const misread = requests.length === 0 ? undefined : await origins.look(requests);
      if (misread !== undefined) tell(`behind the lanes: ${misread}`, input);
    }
    await trial.close();
  };
  await Promise.all(Array.from({ length: LANES }, work));
  await origins.stop();
  const { understood, refused } = origins;
  console.log(
    `lanes: ${sent} inputs, ${forwarded} requests forwarded, ${mutator.kinds} kinds; ${origins.names.join(', ')} understood ${understood} and refused ${refused}`,
  );
}

const seed = option('seed', 1);
await readers(option('readers', 100_000), seed);
await lanes(option('inputs', 10_000), seed);
process.exit(told === 0 ? 0 : 1);
