import { type Command, Option } from 'commander';
import { formatDuration } from '../../config/units.ts';
import {
  type BreakerChangeAdvice,
  type BreakerPlan,
  type BreakerPlanInput,
  FULL_UTILISATION,
  HIGH_UTILISATION,
  planBreakers,
} from '../../core/breaker-plan.ts';
import { type CommonOptions, define, EXIT, parseDuration, parseWhole } from '../command.ts';
import { colour, count, print, printJson } from '../output.ts';

interface PlanOptions extends CommonOptions {
  readonly circuits: number;
  readonly timeout: number;
  readonly errorThreshold: number;
  readonly errorTimeout: number;
  readonly halfOpenTimeout: number;
  readonly threads: number;
  readonly successThreshold: number;
}

/** More circuits or threads than any machine has. */
const MAX_COUNT = 1_000_000;

/** `cutover breaker plan`. */
export function addBreaker(program: Command): void {
  const command = program.command('breaker').description('what circuit breakers cost while everything is down');
  const plan = command
    .command('plan')
    .description('the share of all threads that probes take in a total outage, and what to change')
    .addOption(whole('--circuits <n>', 'circuits that are open then').makeOptionMandatory())
    .addOption(time('--timeout <time>', 'time limit of a call').makeOptionMandatory())
    .addOption(whole('--error-threshold <n>', 'errors until a circuit opens').makeOptionMandatory())
    .addOption(time('--error-timeout <time>', 'from the last error until a probe').makeOptionMandatory())
    .addOption(time('--half-open-timeout <time>', 'time limit of a probe').makeOptionMandatory())
    .addOption(whole('--threads <n>', 'calls that can be under way at once').makeOptionMandatory())
    .addOption(whole('--success-threshold <n>', 'probes that must succeed until a circuit closes').default(1));
  define<PlanOptions>(
    plan,
    [
      'cutover breaker plan --circuits 42 --timeout 250ms --error-threshold 3 --error-timeout 2s --half-open-timeout 250ms --threads 2',
      'cutover breaker plan --circuits 42 --timeout 250ms --error-threshold 3 --error-timeout 30s --half-open-timeout 50ms --threads 2 --output json',
    ],
    async (options) => {
      const input: BreakerPlanInput = {
        circuits: options.circuits,
        timeoutMs: options.timeout,
        errorThreshold: options.errorThreshold,
        errorTimeoutMs: options.errorTimeout,
        halfOpenTimeoutMs: options.halfOpenTimeout,
        threads: options.threads,
        successThreshold: options.successThreshold,
      };
      const plan = planBreakers(input);
      if (options.output === 'json') printJson({ ...input, ...plan });
      else printPlan(input, plan);
      return EXIT.done;
    },
  );
}

function whole(flags: string, says: string): Option {
  return new Option(flags, says).argParser(parseWhole(1, MAX_COUNT));
}

function time(flags: string, says: string): Option {
  return new Option(flags, says).argParser(parseDuration);
}

function printPlan(input: BreakerPlanInput, plan: BreakerPlan): void {
  const { extraUtilisation: extra } = plan;
  const paint = extra > FULL_UTILISATION ? colour.red : extra > HIGH_UTILISATION ? colour.yellow : colour.green;
  const rows: readonly (readonly [string, string])[] = [
    ['extra utilisation', `${paint(percentOf(extra))} of ${threads(input.threads)} in a total outage`],
    [
      'exact cycle',
      `${percentOf(plan.exactUtilisation)}: ${duration(plan.cycleMs)}, the last ${duration(input.halfOpenTimeoutMs)} of it a probe`,
    ],
    ['all open', `${duration(plan.allOpenAfterMs)} after it began`],
    ['closed again', `${duration(plan.closedAfterMs)} after it ended, at most`],
  ];
  for (const [name, value] of rows) print(`${colour.dim(name.padEnd(19))}${value}`);
  print();
  if (plan.changes.length === 0) {
    print(`Nothing to change: ${percentOf(HIGH_UTILISATION)} or less is hardly felt.`);
    return;
  }
  print(
    extra > FULL_UTILISATION
      ? 'Probes want more than there is: while one thing is down, everything that shares the threads is.'
      : 'Whatever shares the threads feels the probes.',
  );
  print(`To come to ${percentOf(HIGH_UTILISATION)} or less, one of:`);
  for (const change of plan.changes) print(`  ${changeText(change)}`);
  print('A probe must be given longer than the service usually takes, or the circuit never closes.');
}

function changeText({ extraUtilisation: then, ...change }: BreakerChangeAdvice): string {
  const flags = [
    change.errorTimeoutMs === undefined ? [] : [`--error-timeout ${formatDuration(change.errorTimeoutMs)}`],
    change.halfOpenTimeoutMs === undefined ? [] : [`--half-open-timeout ${formatDuration(change.halfOpenTimeoutMs)}`],
    change.circuits === undefined ? [] : [`--circuits ${change.circuits}`],
    change.threads === undefined ? [] : [`--threads ${change.threads}`],
  ];
  return `${flags.flat().join(' ').padEnd(48)} ${percentOf(then)}`;
}

/** As published: without decimals, half of one upwards; below one with two digits that count. */
function percentOf(share: number): string {
  const value = share * 100;
  if (value >= 1) return `${count(Math.round(value))} %`;
  return value === 0 ? '0 %' : `${Number(value.toPrecision(2))} %`;
}

function duration(ms: number): string {
  if (ms < 1_000) return `${Number(ms.toFixed(2))} ms`;
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(2))} s`;
  return ms < 7_200_000 ? `${Number((ms / 60_000).toFixed(1))} min` : `${Number((ms / 3_600_000).toFixed(1))} h`;
}

function threads(number: number): string {
  return number === 1 ? 'the one thread' : `${count(number)} threads`;
}
