import { dirname, resolve } from 'node:path';
import type { Side } from '../core/cell.ts';
import { CutoverError } from '../core/errors.ts';
import { breakerWarnings } from './breaker-checks.ts';
import { buildSettings, fetchOutside } from './build.ts';
import { crossFindings } from './checks.ts';
import type { Surroundings } from './files.ts';
import { readSmallFile } from './files.ts';
import { schemaFindings, textFindings } from './findings.ts';
import { peopleWarnings } from './people.ts';
import type { ConfigProblem, Finding, Path, Place } from './problem.ts';
import { describeProblem, pathText } from './problem.ts';
import type { ConfigFile } from './schema.ts';
import { configSchema } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';
import { salvage } from './schema-walk.ts';
import type { Settings } from './settings.ts';
import { tlsWarnings } from './tls-files.ts';
import { MAX_FILE_BYTES, readYaml } from './yaml-source.ts';

export type { ConfigProblem } from './problem.ts';
export { describeProblem } from './problem.ts';
export type { Settings } from './settings.ts';

export interface ParseOptions extends Surroundings {
  /** How the file is called in problems. */
  readonly file: string;
  /** Milliseconds since the epoch, for rules that have ended; the present by default. */
  readonly now?: number;
}

export type ParsedSettings =
  | {
      readonly ok: true;
      readonly settings: Settings;
      /** A finding about these settings as a problem of this file, with its line and column. */
      readonly problemOf: (finding: Finding) => ConfigProblem;
      /**
       * What a person should know although everything can start: rules that have ended.
       * They are no problems, because a process restarted the day after must serve as before.
       */
      readonly warnings: readonly ConfigProblem[];
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Most problems told at once: who has more looks at the first anyway. */
const MAX_PROBLEMS = 100;

/**
 * The settings a configuration makes, or everything that is wrong with it at once, in the order of the file.
 * Never throws. Reads the files and variables the configuration refers to, and nothing else.
 */
export function parseSettings(text: string, options: ParseOptions): ParsedSettings {
  const source = readYaml(text);
  const problemOf = (finding: Finding) =>
    problemAt(options.file, finding, finding.place ?? source.locate(finding.path, finding.part ?? 'value'));
  if (source.data === undefined) return { ok: false, problems: inOrder(source.findings.map(problemOf)) };
  const checked = checkData(source.data, options);
  const findings = [...source.findings, ...('findings' in checked ? checked.findings : [])];
  if (findings.length > 0 || 'findings' in checked) return { ok: false, problems: inOrder(findings.map(problemOf)) };
  return { ok: true, settings: checked.settings, problemOf, warnings: inOrder(checked.warnings.map(problemOf)) };
}

const NO_FILE = 'cutover init writes a file to start from; -c names another one.';

/**
 * The text of a configuration file.
 * @param hint What to do where there is none; absent: for commands that take it by `-c`.
 * @throws CutoverError CONFIG_UNREADABLE where there is no such text file.
 */
export function readConfigText(file: string, hint: string = NO_FILE): string {
  const read = readSmallFile(file, MAX_FILE_BYTES);
  if (!('problem' in read)) return read.value;
  throw new CutoverError('CONFIG_UNREADABLE', `The configuration ${file} ${read.problem}.`, { hint });
}

/**
 * Reads and checks a configuration file. Paths in it are relative to its folder.
 * @throws CutoverError CONFIG_UNREADABLE where there is no such text file, CONFIG_INVALID with every problem on a line of its own.
 */
export async function loadSettings(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  onWarning: (warning: ConfigProblem) => void = () => {},
): Promise<Settings> {
  const parsed = parseSettings(readConfigText(file), { file, env, baseDir: dirname(resolve(file)) });
  if (!parsed.ok) throw invalid(parsed.problems);
  for (const warning of parsed.warnings) onWarning(warning);
  return parsed.settings;
}

export interface UrlOptions {
  /** `http://host:port`, at least one. */
  readonly control: readonly string[];
  readonly candidate: readonly string[];
  readonly listen?: string;
  readonly apiListen?: string;
  /** State folder, relative to the working directory. */
  readonly dir?: string;
  readonly logLevel?: string;
  /** Anything else, in the shape of the file: `{defaults: {dial: '5%'}}`. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/**
 * The settings of a start without a file: two servers, the rest by default.
 * @throws CutoverError CONFIG_INVALID, like a file.
 */
export function settingsFromUrls(options: UrlOptions): Settings {
  const checked = checkData(urlData(options), { env: {}, baseDir: process.cwd() });
  if (!('findings' in checked)) return checked.settings;
  throw invalid(checked.findings.map((finding) => problemAt('command line', finding, undefined)));
}

/** The same start as the text of a file, which JSON is. */
export function textFromUrls(options: UrlOptions): string {
  return `${JSON.stringify(urlData(options), undefined, 2)}\n`;
}

function urlData(options: UrlOptions): object {
  return {
    ...options.more,
    control: { ...asMapping(options.more?.['control']), targets: options.control },
    candidate: { ...asMapping(options.more?.['candidate']), targets: options.candidate },
    ...(options.listen === undefined ? {} : { listen: options.listen }),
    ...(options.apiListen === undefined
      ? {}
      : { api: { ...asMapping(options.more?.['api']), listen: options.apiListen } }),
    ...(options.dir === undefined ? {} : { store: { ...asMapping(options.more?.['store']), dir: options.dir } }),
    ...(options.logLevel === undefined ? {} : { log: { level: options.logLevel } }),
  };
}

/**
 * The settings that a part of a configuration makes, or what is wrong with it; paths begin at the part.
 * Where it names no servers it gets two that nobody asks: for whoever wants to know what a configuration would do.
 */
export function checkPart(part: Readonly<Record<string, unknown>>, around: Surroundings): Checked {
  const side = (name: Side, port: number): object => {
    const given = asMapping(part[name]);
    const isNamed = Object.hasOwn(given, 'url') || Object.hasOwn(given, 'targets');
    return isNamed ? given : { ...given, url: `http://127.0.0.1:${port}` };
  };
  return checkData({ ...part, control: side('control', 1), candidate: side('candidate', 2) }, around);
}

function asMapping(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

export type Checked =
  | { readonly settings: Settings; readonly warnings: readonly Finding[] }
  | { readonly findings: readonly Finding[] };

function checkData(data: unknown, around: Surroundings & { readonly now?: number }): Checked {
  const texts = textFindings(data);
  // A value with a variable in it has one problem, not two.
  const isExplained = (path: Path) => texts.some((finding) => pathText(finding.path) === pathText(path));
  const schema = schemaFindings(configSchema, data).filter((finding) => !isExplained(finding.path));
  // `salvage` follows the schema, whose output type this is.
  const file = salvage(configSchema, data) as Salvaged<ConfigFile>;
  const outside = fetchOutside(file, around);
  const findings = [...texts, ...schema, ...crossFindings(file, data, outside.openapi.templates), ...outside.findings];
  if (findings.length > 0) return { findings };
  // Without a finding nothing was left out: the salvaged file is the whole one.
  const whole = file as ConfigFile;
  const warnings = [
    ...endedRules(whole, around.now ?? Date.now()),
    ...outside.openapi.warnings,
    ...breakerWarnings(file),
    ...peopleWarnings(file),
    ...tlsWarnings(whole, outside, around.now ?? Date.now()),
  ];
  return { settings: buildSettings(whole, outside, around), warnings };
}

function endedRules(file: ConfigFile, now: number): Finding[] {
  return file.compare.rules.flatMap(({ name, until }, index) => {
    if (until === undefined || until >= now) return [];
    const what = `is ${new Date(until).toISOString().slice(0, 10)}, which is past: the rule ${name} no longer applies`;
    return [{ path: ['compare', 'rules', index, 'until'], what, expected: 'a day to come, or no such rule' }];
  });
}

/** A finding as people are told it. */
export function problemAt(file: string, finding: Finding, place: Place | undefined): ConfigProblem {
  return {
    file: finding.file ?? file,
    ...(place === undefined ? {} : place),
    path: pathText(finding.path),
    what: finding.what,
    expectation: finding.expected,
    ...(finding.hint === undefined || finding.hint === '' ? {} : { hint: finding.hint }),
  };
}

/** By place; those of another file stay behind those of the configuration. */
export function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  const byPlace = (a: ConfigProblem, b: ConfigProblem) =>
    files.indexOf(a.file) - files.indexOf(b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
  return problems.toSorted(byPlace);
}

/** @internal One error that tells every problem. */
export function invalid(problems: readonly ConfigProblem[]): CutoverError {
  const shown = problems.slice(0, MAX_PROBLEMS).map(describeProblem);
  if (problems.length > shown.length) shown.push(`… and ${problems.length - shown.length} more.`);
  return new CutoverError('CONFIG_INVALID', shown.join('\n'), { hint: 'Nothing was started or changed.' });
}
