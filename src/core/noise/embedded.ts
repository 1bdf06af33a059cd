import { FlatLearner, type Learner, type NoiseContext, type ValuePair } from './learner.ts';
import { DATE_IN_TEXT, isTimeOfRequest } from './time.ts';
import { areTokens, isNonceName, isTokenNameInText } from './token.ts';
import { areUuids, UUID_IN_TEXT } from './uuid.ts';

/** Which noise a difference is, and the drawn parts of either side that must not come again. */
export interface Recognised {
  readonly class: string;
  /** Empty where nothing was drawn: a time. */
  readonly drawn?: { readonly control: string; readonly candidate: string };
}

/** Longest text that is looked into. */
const MAX_TEXT = 20_000;
/** Runs that may differ; a text with more is another text. */
const MAX_RUNS = 32;

/** Base64 may hold `+`, `/`, `%` and end with `=`; without them a query's runs are apart. */
const SPLITTERS = ['[\\w-]+', '[\\w%+/-]+=*'].map((run) => new RegExp(`${DATE_IN_TEXT}|${UUID_IN_TEXT}|${run}`, 'g'));

/** Looks for times, uuids and named tokens inside two texts that are equal elsewhere. */
export function recogniseInside(control: string, candidate: string, context: NoiseContext): Recognised | undefined {
  if (Math.max(control.length, candidate.length) > MAX_TEXT) return undefined;
  for (const splitter of SPLITTERS) {
    const found = compareRuns(split(control, splitter), split(candidate, splitter), context);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface Parts {
  readonly runs: readonly string[];
  /** What stands before each run, and after the last. */
  readonly between: readonly string[];
}

function split(text: string, splitter: RegExp): Parts {
  const runs: string[] = [];
  const between: string[] = [];
  let at = 0;
  for (const match of text.matchAll(splitter)) {
    between.push(text.slice(at, match.index));
    runs.push(match[0]);
    at = match.index + match[0].length;
  }
  between.push(text.slice(at));
  return { runs, between };
}

function compareRuns(a: Parts, b: Parts, context: NoiseContext): Recognised | undefined {
  if (a.runs.length !== b.runs.length || a.between.some((text, i) => text !== b.between[i])) return undefined;
  const drawn = { control: '', candidate: '' };
  const classes: string[] = [];
  for (let i = 0; i < a.runs.length; i++) {
    const [left, right] = [a.runs[i] as string, b.runs[i] as string]; // below both lengths
    if (left === right) continue;
    const name = classes.length < MAX_RUNS ? classOfRun(left, right, nameBefore(a, i), context) : undefined;
    if (name === undefined) return undefined;
    classes.push(name);
    if (name === 'time') continue;
    drawn.control += `${left} `;
    drawn.candidate += `${right} `;
  }
  const main = classes.find((name) => name !== 'time') ?? classes[0];
  if (main === undefined) return undefined;
  return drawn.candidate === '' ? { class: main } : { class: main, drawn };
}

function classOfRun(a: string, b: string, name: string, context: NoiseContext): string | undefined {
  if (isTimeOfRequest(a, b, context)) return 'time';
  if (areUuids(a, b)) return 'uuid';
  // Content-Security-Policy level 3, section 2.3.1: 'nonce-…'
  if (a.startsWith('nonce-') && b.startsWith('nonce-'))
    return areTokens(a.slice(6), b.slice(6), true) ? 'token' : undefined;
  return isTokenNameInText(name) && areTokens(a, b, isNonceName(name)) ? 'token' : undefined;
}

/** The name in `name: "run"`, `name = run` or `?name=run`; empty where there is none. */
function nameBefore({ runs, between }: Parts, i: number): string {
  const before = runs[i - 1];
  if (before === undefined) return '';
  const gap = `${/=*$/.exec(before)?.[0]}${between[i]}`;
  return /^["'\s]*[:=]["'\s]*$/.test(gap) ? before.replace(/=+$/, '') : '';
}

type InsideState = { readonly seen: boolean };

/** Texts that are the same but for times, uuids and named tokens inside. */
export class InsideLearner extends FlatLearner<InsideState> implements Learner {
  readonly name = 'inside';

  constructor() {
    super({ seen: false });
  }

  absorb({ control, candidate }: ValuePair, context: NoiseContext): boolean {
    this.state = { seen: true };
    return recogniseInside(control.text, candidate.text, context) !== undefined;
  }

  /** What is inside is recognised without learning. */
  accepts(): boolean {
    return false;
  }

  envelope(): string {
    return 'the same text but for times, uuids and tokens inside, each checked as such';
  }
}
