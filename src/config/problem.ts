/** Keys and indices from the root of the file. */
export type Path = readonly PropertyKey[];

export interface Place {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** Something wrong, before it is known where in which file. */
export interface Finding {
  readonly path: Path;
  /** Whether the key is wrong or its value (the default). */
  readonly part?: 'key' | 'value';
  /** Where it is, for what has no path. */
  readonly place?: Place;
  /** In which file, where not in the configuration itself. */
  readonly file?: string;
  /** What is there, completing a sentence whose subject is the path: `is "5"`, `is missing`. Never a secret. */
  readonly what: string;
  /** Completes "expected …"; empty where `what` says everything. */
  readonly expected: string;
  readonly hint?: string;
}

/** One problem of a configuration. */
export interface ConfigProblem {
  readonly file: string;
  /** From 1; absent where the settings came from the command line. */
  readonly line?: number;
  readonly column?: number;
  /** `endpoints[2].dial`; empty for the file as a whole. */
  readonly path: string;
  /** What is there: `is "5"`, `is missing`, `is not a known key`. Values of secrets never appear. */
  readonly what: string;
  /** What was expected in its place. */
  readonly expectation: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** `endpoints[2].dial`. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${plainKey(String(step))}`;
  }
  return text;
}

function plainKey(key: string): string {
  return /^[\w-]{1,64}$/.test(key) ? key : JSON.stringify(key.slice(0, 64));
}

/** `cutover.yaml:3:9: endpoints[0].dial: is 5; expected a share such as 5%. Write "5%".` */
export function describeProblem(problem: ConfigProblem): string {
  const place = problem.line === undefined ? '' : `:${problem.line}:${problem.column}`;
  const path = problem.path === '' ? '' : ` ${problem.path}:`;
  const expectation = problem.expectation === '' ? '' : `; expected ${problem.expectation}`;
  const hint = problem.hint === undefined ? '' : ` ${problem.hint}`;
  return `${problem.file}${place}:${path} ${problem.what}${expectation}${endsSentence(problem) ? '' : '.'}${hint}`;
}

function endsSentence(problem: ConfigProblem): boolean {
  return /[.?!]$/.test(problem.expectation === '' ? problem.what : problem.expectation);
}

/** Longest value shown. */
const MAX_SHOWN = 80;
/** Keys whose values may be secrets, rightly or by mistake. */
const SECRET = /secret|token|password|passwd|credential|private/i;

/** What is at a path, as words: `is "5"`, `is missing`. Values that may be secrets are not shown. */
export function describeValue(path: Path, value: unknown): string {
  if (value === undefined) return 'is missing';
  if (value === null) return 'is empty';
  if (Array.isArray(value)) return value.length === 0 ? 'is an empty list' : `is a list of ${value.length}`;
  if (typeof value === 'object') return 'is a mapping';
  if (path.some((step) => SECRET.test(String(step)))) return 'is not of the right form';
  return `is ${showText(value)}`;
}

function showText(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  // A URL may carry a password before the host, and tokens in its query.
  const plain = value.includes('://') ? value.replace(/\/\/.*@/s, '//…@').replace(/\?.*/s, '?…') : value;
  const shown = JSON.stringify(plain.length > MAX_SHOWN ? `${plain.slice(0, MAX_SHOWN)}…` : plain);
  // Characters that steer a terminal or hide in a line are shown by their numbers.
  return shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** An own member of a mapping or list; undefined for anything else. */
export function memberOf(data: unknown, key: PropertyKey): unknown {
  return typeof data === 'object' && data !== null && Object.hasOwn(data, key) ? Reflect.get(data, key) : undefined;
}
