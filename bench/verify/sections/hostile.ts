import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../../load/process.ts';
import { ask, type Stall, Watched } from '../hostile/watched.ts';
import type { BenchSection, Row, SectionOptions } from '../section.ts';

const ORIGIN = join(import.meta.dirname, '..', 'hostile', 'origin.ts');
const LOAD_CPU = 0;
/** Ordinary comparisons before anything hostile, one by one and then many at once: threads have started, heaps are as large as traffic makes them. */
const WARM_UP = 300;
const WARM_UP_AT_ONCE = 3_000;
const AT_ONCE = 8;
const REST_MS = 3_000;
const VERDICTS: ReadonlySet<string> = new Set(['match', 'ignored', 'mismatch', 'inconclusive']);
/** Pairs that have not begun by then are left out, and the title says so. */
const RUN_LIMIT_MS = 420_000;
const QUICK_PAIRS = 31;

interface Trial {
  readonly name: string;
  readonly verdict: string;
  readonly elapsedMs: number;
  readonly stall: Stall;
  readonly residentMb: number;
}

interface Attack {
  readonly confirm: boolean;
  readonly trials: readonly Trial[];
  readonly compared: number;
  readonly deaths: number;
  /** Resident memory of the process: after ordinary traffic, and three seconds after the last pair. */
  readonly beforeMb: number;
  readonly afterMb: number;
}

/**
 * A running Cutover, as people start it, before a candidate that answers with bodies made to hurt: bombs, depth, keys, lists, evil texts.
 * Its serving thread is watched from within; its threads that die are told by its log. Once without confirming, once with.
 */
export const hostile: BenchSection = {
  name: 'hostile',
  async run(options: SectionOptions) {
    const attacks = [await attack(false, options), await attack(true, options)];
    return {
      title: 'Bodies made to hurt, through a running Cutover',
      rows: attacks.flatMap(rowsOf),
      tables: attacks.map((one) => ({
        title: `The twelve that kept it longest, ${manner(one)}`,
        columns: ['pair', 'verdict', 'ms', 'stall, CPU ms', 'resident MB'],
        rows: [...one.trials]
          .sort((a, b) => b.elapsedMs - a.elapsedMs)
          .slice(0, 12)
          .map(({ name, verdict, elapsedMs, stall, residentMb }) => [
            name,
            verdict,
            elapsedMs.toFixed(0),
            stall.cpuMs.toFixed(1),
            residentMb.toFixed(0),
          ]),
      })),
    };
  },
};

async function attack(confirm: boolean, { quick, progress }: SectionOptions): Promise<Attack> {
  const origin = start(process.execPath, [ORIGIN], LOAD_CPU);
  const folder = mkdtempSync(join(tmpdir(), 'bench-hostile-'));
  let cutover: Watched | undefined;
  try {
    const [, control = '', candidate = ''] = await origin.line(/listening (\d+) (\d+)/);
    cutover = await Watched.start(folder, [control, candidate], confirm);
    await warmUp(cutover);
    const beforeMb = cutover.residentMb();
    const trials: Trial[] = [];
    const begun = performance.now();
    for (let index = 0; !quick || index < QUICK_PAIRS; index++) {
      if (performance.now() - begun > RUN_LIMIT_MS) break;
      if ((await ask(Number(control), `/prepare/${index}`)).status === 404) break;
      const trial = await trialOf(cutover, index);
      trials.push(trial);
      progress(`${trial.name}: ${trial.verdict}, ${trial.elapsedMs.toFixed(0)} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const afterMb = cutover.residentMb();
    const compared = trials.filter(({ verdict }) => isVerdict(verdict)).length;
    return { confirm, trials, compared, deaths: cutover.deaths(), beforeMb, afterMb };
  } finally {
    await cutover?.stop();
    await origin.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function warmUp(cutover: Watched): Promise<void> {
  for (let i = 0; i < WARM_UP; i++) await cutover.verify(`/plain/${i % 5}`);
  const user = async (): Promise<void> => {
    for (let i = 0; i < WARM_UP_AT_ONCE / AT_ONCE; i++) await cutover.serve(`/plain/${i % 5}`);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, user));
  // What waits to be compared is not what ordinary traffic needs once it is over.
  await cutover.settled();
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  await cutover.stall();
}

async function trialOf(cutover: Watched, index: number): Promise<Trial> {
  const begun = performance.now();
  let { name, verdict } = await cutover.verify(`/hostile/${index}`);
  // Under load mirrors are shed, which is no verdict: it is asked again.
  for (let tries = 0; tries < 5 && !isVerdict(verdict); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    ({ name, verdict } = await cutover.verify(`/hostile/${index}`));
  }
  const elapsedMs = performance.now() - begun;
  return { name: name ?? '', verdict, elapsedMs, stall: await cutover.stall(), residentMb: cutover.residentMb() };
}

function isVerdict(told: string): boolean {
  return VERDICTS.has(told.split(',')[0] ?? '');
}

function manner({ confirm, trials, compared }: Attack): string {
  return `${confirm ? 'mismatches confirmed' : 'nothing confirmed'} (${compared} of ${trials.length} compared)`;
}

function rowsOf(attack: Attack): Row[] {
  const { trials, deaths, beforeMb, afterMb } = attack;
  const worst = trials.reduce((a, b) => (b.stall.cpuMs > a.stall.cpuMs ? b : a));
  const clock = Math.max(...trials.map(({ stall }) => stall.wallMs));
  const peak = Math.max(...trials.map(({ residentMb }) => residentMb)) - beforeMb;
  return [
    { figure: `— ${manner(attack)}`, value: '' },
    target('longest stall of the serving thread, its processor time', worst.stall.cpuMs, 20, 'ms'),
    { figure: 'the pair it was seen with', value: worst.name },
    { figure: 'longest stall by the clock, with everything else this machine does', value: `${clock.toFixed(1)} ms` },
    target('comparing threads that died', deaths, 0, ''),
    { figure: 'resident memory after ordinary traffic', value: `${beforeMb.toFixed(0)} MB` },
    target('growth of resident memory, three seconds after the last pair', afterMb - beforeMb, 64, 'MB'),
    { figure: 'highest growth between two pairs', value: `${peak.toFixed(0)} MB` },
  ];
}

function target(figure: string, value: number, most: number, unit: string): Row {
  return {
    figure,
    value: `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`.trim(),
    target: `≤ ${most} ${unit}`.trim(),
    met: value <= most,
  };
}
