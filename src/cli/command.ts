import { type Command, InvalidArgumentError, Option } from 'commander';
import { CutoverError } from '../core/errors.ts';
import { ApiClient, type ApiOptions, findApi } from './api-client.ts';
import type { OutputMode } from './output.ts';

/** Exit codes are a promise: done, failed, usage or configuration, gate not met. */
export const EXIT = { done: 0, failed: 1, usage: 2, gate: 3 } as const;

/** What a command's action ends in: its exit code. */
export type Action<Options> = (options: Options, ...args: string[]) => Promise<number>;

/** Options every command has. */
export interface CommonOptions {
  readonly output: OutputMode;
}

/** Options of commands that talk to a running Cutover. */
export interface RemoteOptions extends CommonOptions, ApiOptions {}

const EXAMPLES = new WeakMap<Command, readonly string[]>();

/** The examples in a command's help, for the reference page. */
export function examplesOf(command: Command): readonly string[] {
  return EXAMPLES.get(command) ?? [];
}

/** Adds `--output` and an action whose number becomes the process's exit code. */
export function define<Options extends { readonly output: string }>(
  command: Command,
  examples: readonly string[],
  action: Action<Options>,
  more: { readonly modes: readonly string[]; readonly says: string } = { modes: [], says: '' },
): Command {
  command.addOption(
    new Option('--output <mode>', `text for people, json for machines${more.says}`)
      .choices(['text', 'json', ...more.modes])
      .default('text'),
  );
  EXAMPLES.set(command, examples);
  command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`);
  command.action(async (...given: unknown[]) => {
    // Commander calls an action with the arguments, then the options, then the command.
    const args = given
      .slice(0, -2)
      .flat()
      .filter((argument) => argument !== undefined)
      .map(String);
    process.exitCode = await action(given.at(-2) as Options, ...args);
  });
  return command;
}

/** Adds the options that say where the running Cutover is. */
export function remote(command: Command): Command {
  return command
    .option('--api <url>', 'address of the control API (CUTOVER_API)')
    .option('--token-file <file>', 'file with its token (or CUTOVER_TOKEN holds it)')
    .option('--dir <folder>', 'state folder of the running Cutover (CUTOVER_DIR)');
}

export function clientOf(options: ApiOptions): ApiClient {
  return new ApiClient(findApi(options, process.env));
}

/** `5%`, `0.1%`, `100%`: parts per million. */
export function parsePercent(text: string): number {
  const match = /^(\d{1,3}(?:\.\d{1,4})?)\s*%$/.exec(text.trim());
  const value = match === null ? Number.NaN : Number(match[1]);
  if (!(value >= 0 && value <= 100))
    throw new InvalidArgumentError(
      'Give a percentage from 0% to 100%, with the sign, at most four decimals: 5%, 0.1%.',
    );
  return Math.round(value * 10_000);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `250ms`, `30s`, `5m`, `2h`, `7d`: milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text.trim());
  const value = Number(match?.[1] ?? Number.NaN) * (UNITS[match?.[2] ?? ''] ?? Number.NaN);
  if (!(value > 0)) throw new InvalidArgumentError('Give a time with its unit: 250ms, 30s, 5m, 2h, 7d.');
  return value;
}

/** A date (its end, in local time), a time (`2026-12-01T06:00`, local unless it says otherwise), or a time from now (`2d`): milliseconds since the epoch. */
export function parseMoment(text: string): number {
  const trimmed = text.trim();
  if (/^\d{4}-\d{2}-\d{2}$/.test(trimmed)) {
    const midnight = Date.parse(`${trimmed}T00:00`);
    const end = new Date(midnight);
    end.setDate(end.getDate() + 1);
    if (!Number.isNaN(midnight)) return end.getTime();
  }
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?$/.test(trimmed);
  const at = isTime ? Date.parse(trimmed) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  if (/^\d/.test(trimmed) && !trimmed.includes('-')) return Date.now() + parseDuration(trimmed);
  throw new InvalidArgumentError('Give a date (2026-12-01), a time (2026-12-01T06:00) or a time from now (2d).');
}

/** Shortest and longest waits that a timer keeps: below it would be hammering, above it Node fires at once. */
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 2_147_483_647;

/** A duration to wait for, 100 ms to 24 days. */
export function parseInterval(text: string): number {
  const value = parseDuration(text);
  if (value < MIN_INTERVAL_MS || value > MAX_INTERVAL_MS)
    throw new InvalidArgumentError('Give a time from 100ms to 24d.');
  return value;
}

/** A header as `-H` takes it: `name: value`. @throws CutoverError USAGE */
export function parseHeader(line: string): readonly [string, string] {
  const match = /^([!#$%&'*+.^_`|~\w-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line.trim());
  if (match === null) throw new CutoverError('USAGE', `${line} is no header.`, { hint: "Give it as 'name: value'." });
  return [match[1] ?? '', match[2] ?? ''];
}

/** A whole number from `low` to `high`. */
export function parseWhole(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= low && value <= high)) throw new InvalidArgumentError(`Give a whole number from ${low} to ${high}.`);
    return value;
  };
}

/** Collects a repeated option. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** A scope as the options name it. */
export interface ScopeOptions {
  readonly tenant?: string;
  readonly endpoint?: string;
  readonly cohort?: string;
}

/** Options of commands that change who serves. */
export interface ChangeOptions extends RemoteOptions, ScopeOptions {
  readonly reason?: string;
}

/** Adds the reason that goes into the journal. */
export function reasoned(command: Command): Command {
  return command.option('--reason <text>', 'why, for the journal');
}

/** The options that name a scope as one would type them, with a space before each; empty for everything. */
export function scopeFlags(scope: ScopeOptions): string {
  const flag = (name: string, value: string | undefined): string => {
    if (value === undefined) return '';
    return ` --${name} ${/^[\w.:@-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`;
  };
  return flag('tenant', scope.tenant) + flag('endpoint', scope.endpoint) + flag('cohort', scope.cohort);
}

/** Adds the options that name a scope; none means everything. */
export function scoped(command: Command): Command {
  return command
    .option('--tenant <name>', 'only this tenant')
    .option('--endpoint <name>', "only this endpoint, such as 'GET /orders/{id}'")
    .option('--cohort <name>', 'only this cohort');
}

export function scopeOf(options: ScopeOptions): { tenant?: string; endpoint?: string; cohort?: string } {
  return {
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.cohort === undefined ? {} : { cohort: options.cohort }),
  };
}

/** A scope as people read it. */
export function scopeText(scope: ScopeOptions): string {
  const parts = [
    scope.cohort === undefined ? undefined : `cohort ${scope.cohort}`,
    scope.tenant,
    scope.endpoint,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'everything' : parts.join(' · ');
}
