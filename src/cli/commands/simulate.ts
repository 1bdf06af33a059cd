import { writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { CutoverError } from '../../core/errors.ts';
import type { SimulationResult } from '../../simulation/result.ts';
import { type CommonOptions, define, EXIT, parseWhole } from '../command.ts';
import { colour, count, errorColour, isOutputClosed, percent, print, printError, printJson, safe } from '../output.ts';

interface SimulateOptions extends CommonOptions {
  readonly scenario: string;
  readonly seed: number;
  readonly svg?: string;
}

/** `cutover simulate`. */
export function addSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description('try a plan in a simulated world: the real controller, on a clock that needs no time')
    .requiredOption('--scenario <file>', 'the world: traffic, both sides, what happens, and the plan')
    .addOption(new Option('--seed <n>', 'which chance').argParser(parseWhole(0, 999_999_999)).default(1))
    .option('--svg <file>', 'also draw the share over time into this file')
    .addHelpText(
      'after',
      '\nThe same scenario and seed give the same result, byte for byte.\nEnds with 1 where an invariant was violated. docs/reference/scenario.md has every key of a scenario.',
    );
  define<SimulateOptions>(
    command,
    [
      'cutover simulate --scenario examples/scenarios/healthy-rewrite.yaml',
      'cutover simulate --scenario world.yaml --seed 7 --output json',
    ],
    async (options) => {
      const result = await run(options);
      if (options.svg !== undefined) await draw(options.svg, result);
      if (options.output === 'json') printJson(result);
      else printResult(result);
      return result.violations.length > 0 ? EXIT.failed : EXIT.done;
    },
  );
}

/** How often a long simulation says how far it is, where nobody watches. */
const TOLD_MS = 5_000;

async function run({ scenario: file, seed }: SimulateOptions): Promise<SimulationResult> {
  const { readSmallFile } = await import('../../config/files.ts');
  const { describeProblem } = await import('../../config/problem.ts');
  const { MAX_SCENARIO_BYTES, readScenario } = await import('../../simulation/read-scenario.ts');
  const { simulate } = await import('../../simulation/simulate.ts');
  const text = readSmallFile(file, MAX_SCENARIO_BYTES);
  if ('problem' in text)
    throw new CutoverError('CONFIG_UNREADABLE', `The scenario ${file} ${text.problem}.`, {
      hint: 'examples/scenarios has some to start from.',
    });
  const read = readScenario(text.value, { file, env: process.env, baseDir: dirname(resolve(file)) });
  if (!read.ok)
    throw new CutoverError('CONFIG_INVALID', read.problems.map(describeProblem).join('\n'), {
      hint: 'Nothing was simulated. docs/reference/scenario.md has every key.',
    });
  const isWatched = process.stderr.isTTY === true;
  let toldAt = performance.now();
  const progress = (share: number): void => {
    if (isOutputClosed()) return;
    const text = `${Math.round(share * 100)} % …`;
    if (isWatched) process.stderr.write(`\r${errorColour.dim(text)}`);
    else if (performance.now() - toldAt >= TOLD_MS) {
      toldAt = performance.now();
      printError(`${text.slice(0, -2)} of ${timeText(read.scenario.durationMs)} simulated`);
    }
  };
  const result = await simulate(read.scenario, seed, { progress });
  if (isWatched) process.stderr.write('\r        \r');
  return result;
}

async function draw(file: string, result: SimulationResult): Promise<void> {
  const { scenarioSvg } = await import('../../simulation/picture.ts');
  try {
    writeFileSync(file, scenarioSvg(result));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new CutoverError('USAGE', `${file} cannot be written (${code}).`, {
      hint: 'Name a file in a folder that is there and yours.',
      cause: error,
    });
  }
  printError(`Drew ${file}.`);
}

/** Changes that are shown one by one; JSON has all. */
const SHOWN_CHANGES = 20;
const ROWS = 6;
const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

function printResult(result: SimulationResult): void {
  const { requests, cells, clientsHurt, timeToOpenMs, timeToDetectMs } = result;
  print(colour.bold(`${safe(result.scenario)}, seed ${result.seed}, ${timeText(result.durationMs)}`));
  for (const note of result.notes) print(colour.dim(note));
  print();
  for (const line of shareLines(result)) print(line);
  print();
  const rows: [string, string][] = [
    [
      'requests',
      `${count(requests.total)}, ${percent(share(requests.candidate, requests.total))} by the candidate; ${count(requests.failedOver)} failed over${requests.unserved > 0 ? `, ${count(requests.unserved)} unserved` : ''}`,
    ],
    ['cells', `${count(cells.opened)} of ${count(cells.total)} opened, ${count(cells.openAtEnd)} open at the end`],
    ['until cells open', `half within ${timeText(timeToOpenMs.p50)}, 95 % within ${timeText(timeToOpenMs.p95)}`],
    ['promotions', `${count(result.promotions)}, of them wrong ${count(result.falsePromotions)}`],
    ['taken back', `${count(result.rollbacks)}${byText(result)}, of them wrong ${count(result.falseRollbacks)}`],
    [
      'found',
      `${count(timeToDetectMs.count)} of ${count(timeToDetectMs.count + result.undetected)} flaws that put requests at risk, half within ${timeText(timeToDetectMs.p50)}`,
    ],
    ['clients hurt', `${count(clientsHurt.requests)} requests of ${count(clientsHurt.subjects)} users`],
  ];
  for (const [name, value] of rows) print(`${colour.dim(name.padEnd(18))}${safe(value)}`);
  printChanges(result);
  printViolations(result);
}

function byText({ rollbacksBy }: SimulationResult): string {
  const parts = Object.entries(rollbacksBy).map(([by, times]) => `${by} ${times}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function printChanges({ changes, refusedOrders }: SimulationResult): void {
  if (changes.length + refusedOrders.length === 0) return;
  print();
  for (const change of changes.slice(0, SHOWN_CHANGES)) {
    const what =
      change.kind === 'promotion' ? `+${change.opened}` : change.closed > 0 ? `−${change.closed}` : change.kind;
    const paint = change.kind === 'rollback' ? colour.red : change.kind === 'promotion' ? colour.green : colour.yellow;
    const where = (change.endpoints ?? []).join(', ');
    print(
      `  ${timeText(change.at).padStart(9)}  ${paint(what.padStart(8))}  ${safe(`${where === '' ? '' : `${where}: `}${change.actor}: ${change.reason}`)}`,
    );
  }
  const more = changes.length - SHOWN_CHANGES;
  if (more > 0) print(colour.dim(`  … and ${count(more)} more; --output json has them`));
  for (const { at, what } of refusedOrders)
    print(`  ${timeText(at).padStart(9)}  ${colour.yellow('refused')}  ${safe(what)}`);
}

function printViolations({ violations, invariants }: SimulationResult): void {
  const checked = Object.values(invariants.checks).reduce((sum, one) => sum + one, 0);
  print();
  if (violations.length === 0) print(`Invariants: ${count(checked)} checks, no violation.`);
  else
    print(
      colour.red(
        `Invariants violated: ${Object.entries(invariants.violations)
          .flatMap(([name, times]) => (times > 0 ? [`${name} ${times}×`] : []))
          .join(', ')}`,
      ),
    );
  for (const { invariant, at, detail } of violations.slice(0, SHOWN_CHANGES))
    print(`  ${timeText(at).padStart(9)}  ${colour.red(invariant)}  ${safe(detail)}`);
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** The share over time as columns of eighths, 0 to 100 %. */
function shareLines({ share: points, durationMs }: SimulationResult): string[] {
  const width = Math.min(points.length, 60);
  const columns = Array.from({ length: width }, (_, at) => {
    const part = points.slice(Math.floor((at * points.length) / width), Math.floor(((at + 1) * points.length) / width));
    const known = part.flatMap((one) => (one.share === null ? [] : [one.share]));
    return known.length === 0 ? 0 : known.reduce((sum, one) => sum + one, 0) / known.length;
  });
  const rows = Array.from({ length: ROWS }, (_, row) => {
    const floor = ROWS - 1 - row;
    const bar = columns.map((value) => {
      const eighths = Math.round((value * ROWS - floor) * 8);
      // Whatever is served at all is seen.
      return EIGHTHS[Math.max(floor === 0 && value > 0 ? 1 : 0, Math.min(8, eighths))] ?? ' ';
    });
    const label = row === 0 ? '100 %' : row === ROWS - 1 ? '0 %' : '';
    return `${label.padStart(5)} │${colour.cyan(bar.join(''))}`;
  });
  const end = timeText(durationMs);
  return [...rows, `      └${'─'.repeat(width)}`, `       0${end.padStart(width - 1)}`];
}

/** `90 s`, `12.5 m`, `3.2 h`; `–` for never. */
export function timeText(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(1))} s`;
  if (ms < 7_200_000) return `${Number((ms / 60_000).toFixed(1))} m`;
  return ms < 172_800_000 ? `${Number((ms / 3_600_000).toFixed(1))} h` : `${Number((ms / 86_400_000).toFixed(1))} d`;
}
