import { parseArgs } from 'node:util';
import { machine, print } from '../report.ts';
import type { BenchSection, Section } from '../verify/section.ts';

/** Every section, in the order in which they run; each is loaded only when asked for. */
const SECTIONS: Readonly<Record<string, () => Promise<BenchSection>>> = {
  'false-alarms': async () => (await import('./sections/false-alarms.ts')).falseAlarms,
  scale: async () => (await import('./sections/scale.ts')).scale,
  detection: async () => (await import('./sections/detection.ts')).detection,
  'at-limit': async () => (await import('./sections/at-limit.ts')).atLimit,
  regression: async () => (await import('./sections/regression.ts')).regression,
  spending: async () => (await import('./sections/spending.ts')).spending,
  latency: async () => (await import('./sections/latency.ts')).latency,
  explorer: async () => (await import('./sections/explorer.ts')).explorer,
  exhaustive: async () => (await import('./sections/exhaustive.ts')).exhaustive,
  fleet: async () => (await import('./sections/fleet.ts')).fleet,
  faults: async () => (await import('./sections/faults.ts')).faults,
};

const USAGE = `npm run bench -- controller [--only NAME,…] [--seed N] [--seeds N] [--faults N] [--jobs N] [--quick] [--output json]
NAME is one of: ${Object.keys(SECTIONS).join(', ')}`;

/** Runs the controller's bench: all sections, or those that `--only` names. Exit code 1 where a target was missed. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string' },
      faults: { type: 'string' },
      jobs: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      output: { type: 'string' },
    },
  });
  const names = values.only?.split(',') ?? Object.keys(SECTIONS);
  const seed = Number(values.seed);
  const seeds = values.seeds === undefined ? undefined : Number(values.seeds);
  const faults = values.faults === undefined ? undefined : Number(values.faults);
  const jobs = Number(values.jobs);
  const isCount = [seeds, faults].every((count) => count === undefined || (Number.isSafeInteger(count) && count > 0));
  const isJobs = Number.isSafeInteger(jobs) && jobs >= 1 && jobs <= 64;
  if (!isCount || !isJobs || !Number.isSafeInteger(seed) || names.some((name) => SECTIONS[name] === undefined)) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const sections: Record<string, Section> = {};
  for (const name of names) {
    const progress = (text: string): void => console.error(`${name}: ${text}`);
    const section = await (await SECTIONS[name]?.())?.run({
      seed,
      quick: values.quick,
      jobs,
      progress,
      ...(seeds === undefined ? {} : { seeds }),
      ...(faults === undefined ? {} : { faults }),
    });
    if (section === undefined) continue;
    sections[name] = section;
    if (values.output !== 'json') print(section);
  }
  if (values.output === 'json') console.log(JSON.stringify({ seed, quick: values.quick, ...machine(), sections }));
  if (Object.values(sections).some(({ rows }) => rows.some(({ met }) => met === false))) process.exitCode = 1;
}
