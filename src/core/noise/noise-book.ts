import type { Finding } from '../compare/finding.ts';
import type { ListMode } from '../compare/walk.ts';
import type { NoisePath } from '../ports.ts';
import { isEcho } from './echo.ts';
import { recogniseInside } from './embedded.ts';
import { recogniseHeader } from './header-noise.ts';
import { type NoiseContext, type Recognised, readCount, record, type ValuePair } from './learner.ts';
import { ListNoise, listOf } from './list-noise.ts';
import { OptionalNoise } from './optional-noise.ts';
import { PathArms } from './path-arms.ts';
import { isRelativeTime } from './relative-time.ts';
import { ReuseGuard } from './reuse-guard.ts';
import { recogniseTime } from './time.ts';
import { areTokens, isNonceName, isTokenName } from './token.ts';
import { areUuids } from './uuid.ts';
import { notLearned, ValueNoise } from './value-noise.ts';

export type { NoiseContext } from './learner.ts';

/** Places (values and lists together) learned of one endpoint; later ones stay strict. */
export const MAX_PATTERNS = 500;
/** Refusals shown of one endpoint. */
const MAX_REFUSALS = 100;
/** Longer patterns are not kept. */
const MAX_PATTERN_TEXT = 1_000;
/** A drawn value that did not drift in as many control–control pairs is no noise: it would drift each time. */
const STEADY_PAIRS = 10;
/** Longer texts are never noise by a learned class. */
const MAX_VALUE = 2_000;

/** Noise of one endpoint: built-in classes, and what control–control pairs taught. */
export class NoiseBook {
  /** How often either arm differs at the paths that weak classes excuse. */
  readonly arms = new PathArms();
  private pairs = 0;
  private readonly values = new Map<string, ValueNoise>();
  private readonly lists = new Map<string, ListNoise>();
  private readonly optional = new Map<string, OptionalNoise>();
  private readonly refusals = new Map<string, { reason: string; samples: number }>();
  private readonly guard = new ReuseGuard();

  /** Takes the findings of a control–control pair (the same request twice); an empty list is a pair that agreed. */
  learn(findings: readonly Finding[], context: NoiseContext): void {
    this.pairs++;
    const lists = new Map<string, Finding[]>();
    const rest: Finding[] = [];
    for (const finding of findings) {
      if (finding.accounted?.rule !== undefined || finding.accounted?.ignored === true) continue;
      const list = listFor(finding);
      if (list !== undefined) push(lists, list, finding);
      else rest.push(finding);
    }
    for (const [pattern, found] of lists) this.learnList(pattern, found);
    for (const pattern of replacedIn(rest)) this.learnReplaced(pattern);
    for (const finding of rest) {
      const comesOrGoes = finding.kind === 'added' || finding.kind === 'removed';
      if (!comesOrGoes || isWhole(finding)) this.learnValue(finding, context);
      // Elements of a list that moved are not compared with themselves: that they differ says nothing of their members.
      else if ([...lists.keys()].some((list) => finding.place.pattern.startsWith(`${list}/`)))
        this.refuse(keyOf(finding), 'elements moved or were replaced, so that it may be of another one');
      else this.learnOptional(finding);
    }
  }

  /** A list whose elements are others in the second answer is picked anew, unless only their ids are made anew. */
  private learnReplaced(pattern: string): void {
    const leaves = [...this.values].filter(([key]) => key.startsWith(`${pattern}/*/`));
    const picked = leaves.filter(([, value]) => value.samples > 1 && PICKED.has(value.learner()?.learner.name ?? ''));
    const isName = ([key]: readonly [string, unknown]): boolean => ELEMENT_NAMES.has(key.slice(pattern.length + 3));
    if (pattern === 'body' || picked.length < 2 || !picked.some(isName) || leaves.length > picked.length) return;
    const list = this.lists.get(pattern) ?? new ListNoise();
    if (!this.lists.has(pattern) && !this.hasRoom(pattern)) return;
    this.lists.set(pattern, list);
    list.beginPick();
  }

  private learnOptional(finding: Finding): void {
    const key = keyOf(finding);
    let known = this.optional.get(key);
    if (known === undefined) {
      if (!this.hasRoom(key)) return;
      known = new OptionalNoise();
      this.optional.set(key, known);
    }
    known.absorb(finding, this.pairs);
  }

  private learnList(pattern: string, findings: readonly Finding[]): void {
    if (pattern === 'body') {
      this.refuse(pattern, 'the list is the whole body');
      return;
    }
    let list = this.lists.get(pattern);
    if (list === undefined) {
      if (!this.hasRoom(pattern)) return;
      list = new ListNoise();
      this.lists.set(pattern, list);
    }
    list.absorb(findings);
  }

  private learnValue(finding: Finding, context: NoiseContext): void {
    const key = keyOf(finding);
    const reason = refusalOf(finding);
    const pair = pairOf(finding);
    if (reason !== undefined || pair === undefined) {
      if (reason !== undefined) this.refuse(key, reason);
      return;
    }
    let known = this.values.get(key);
    if (known === undefined) {
      if (!this.hasRoom(key)) return;
      known = new ValueNoise();
      this.values.set(key, known);
    }
    known.absorb(pair, context, this.pairs);
    known.note(finding.place.path);
    const found = known.recognise(pair, context);
    if (found?.drawn !== undefined)
      this.guard.learn({ pattern: key, exchange: exchangeOf(finding, context), ...found.drawn });
  }

  private hasRoom(key: string): boolean {
    return this.values.size + this.lists.size + this.optional.size < MAX_PATTERNS && key.length <= MAX_PATTERN_TEXT;
  }

  private refuse(key: string, reason: string): void {
    const known = this.refusals.get(key);
    if (known !== undefined) known.samples++;
    else if (this.refusals.size < MAX_REFUSALS && key.length <= MAX_PATTERN_TEXT) {
      this.refusals.set(key, { reason, samples: 1 });
    }
  }

  /**
   * The class whose check the finding of a control–candidate pair passes (`time`, `uuid`, …).
   * Undefined: it speaks against the candidate.
   */
  check(finding: Finding, context: NoiseContext): string | undefined {
    if (isWhole(finding)) return undefined;
    if (finding.accounted?.noise === 'pick') return this.checkPick(finding, context);
    if (finding.kind === 'added' || finding.kind === 'removed') return this.checkOptional(finding);
    const pair = finding.kind === 'value' ? pairOf(finding) : undefined;
    if (pair === undefined || pair.control.text === '' || pair.candidate.text === '') return undefined;
    const key = keyOf(finding);
    const known = this.valueAt(key, finding.place.path);
    const found = this.recognise(known, pair, finding, context);
    if (found === undefined || this.isRepeated(found, known, finding, context)) return undefined;
    return found.class;
  }

  /** Whether the control itself gave different values here when it was asked again. */
  drifts(finding: Finding): boolean {
    return this.valueAt(keyOf(finding), finding.place.path) !== undefined;
  }

  /** What was learned of a place; of a pattern that has only ever drifted at one place, nothing is known elsewhere. */
  private valueAt(key: string, path: string): ValueNoise | undefined {
    const known = this.values.get(key);
    return known?.covers(path) === true ? known : undefined;
  }

  private recognise(
    known: ValueNoise | undefined,
    pair: ValuePair,
    finding: Finding,
    context: NoiseContext,
  ): Recognised | undefined {
    if (Math.max(pair.candidate.text.length, pair.control.text.length) > MAX_VALUE)
      return recogniseInside(pair.control.text, pair.candidate.text, context);
    const header = recogniseHeader(finding.place.pattern, finding.place.detail, pair);
    if (header.known) return isEcho(pair, context) ? undefined : header.found;
    const learned = known?.isTrusted(this.pairs) === true ? known.recognise(pair, context) : undefined;
    // What the control has shown here often enough is the whole truth; what is noise anywhere is only a guess.
    if (learned !== undefined || known?.isSettled(this.pairs) === true) return learned;
    if (isEcho(pair, context)) return undefined;
    const isSteady = known === undefined && this.pairs >= STEADY_PAIRS;
    const found = header.found ?? recogniseAnywhere(finding.place.name, pair, context, isSteady);
    // Drawn values drift each time: here the control has given the same one again and again.
    return isSteady && found?.drawn !== undefined ? undefined : found;
  }

  /** Whether a drawn value came again, or a clock stands still. */
  private isRepeated(
    { drawn, clock, rare, class: name }: Recognised,
    known: ValueNoise | undefined,
    finding: Finding,
    context: NoiseContext,
  ): boolean {
    if (clock === undefined && drawn === undefined && name !== 'time') return false;
    const [pattern, exchange] = [keyOf(finding), exchangeOf(finding, context)];
    if (clock !== undefined && this.guard.hasStopped(pattern, exchange, clock)) return true;
    if (name === 'time' && this.guard.comesAgain(pattern, `${context.exchange ?? context.at}`, rare !== undefined))
      return true;
    if (drawn === undefined) return false;
    const reuse = this.guard.note({ pattern, exchange, ...drawn });
    return reuse === 'frozen' || (reuse === 'stable' && name === 'uuid' && known === undefined);
  }

  /** A list that is picked anew, and so hardly ever the same one for two exchanges. */
  private checkPick(finding: Finding, context: NoiseContext): string | undefined {
    const { place, control, candidate } = finding;
    const list = this.lists.get(place.pattern);
    if (list === undefined || control === undefined || candidate === undefined) return 'pick';
    const exchange = exchangeOf(finding, context);
    const drawn = { pattern: place.pattern, exchange, control: control.text, candidate: candidate.text };
    if (this.guard.runLength(drawn) > 2 && list.isVaried()) return undefined;
    const reuse = list.isRich() ? this.guard.note(drawn) : 'fresh';
    return reuse === 'frozen' ? undefined : 'pick';
  }

  /** A member that comes and goes on the control may do so on the candidate. */
  private checkOptional(finding: Finding): string | undefined {
    const known = this.optional.get(keyOf(finding));
    return known?.covers(finding, this.pairs) === true ? 'optional' : undefined;
  }

  /** How a list at this path pattern is to be compared, if something was learned of it; undefined: in order. */
  listMode(pattern: string): ListMode | undefined {
    return this.lists.get(pattern)?.mode();
  }

  /** What was learned, and what was refused (class `refused`, the reason as envelope). */
  paths(): NoisePath[] {
    const paths: NoisePath[] = [];
    for (const [path, value] of this.values) {
      const learner = value.learner()?.learner;
      if (learner === undefined) continue;
      const refused = value.refusal(this.pairs, isInList(path));
      paths.push({
        path,
        class: learner.name,
        envelope: learner.envelope(),
        samples: value.samples,
        ...shown(refused),
      });
    }
    for (const [path, member] of this.optional) {
      const refused = member.refusal(this.pairs);
      paths.push({ path, class: 'optional', envelope: member.envelope(), samples: member.samples, ...shown(refused) });
    }
    for (const [path, list] of this.lists) {
      paths.push({ path, class: list.name, envelope: list.envelope(), samples: list.samples });
    }
    for (const [path, { reason, samples }] of this.refusals) {
      if (this.values.has(path) || this.optional.has(path)) continue;
      paths.push({ path, class: 'refused', envelope: reason, samples, refused: notLearned(reason) });
    }
    return paths.map((path) => {
      const flagged = this.arms.reason(path.path);
      return flagged === undefined ? path : { ...path, flagged };
    });
  }

  /** What was learned and the newest of the values drawn, as JSON. */
  snapshot(): unknown {
    const values = [...this.values].map(([path, value]) => ({ path, value: value.save() }));
    const optional = [...this.optional].map(([path, member]) => ({ path, member: member.save() }));
    const lists = [...this.lists].map(([path, list]) => ({ path, list: list.save() }));
    const refusals = [...this.refusals].map(([path, refusal]) => ({ path, ...refusal }));
    return {
      version: 2,
      pairs: this.pairs,
      values,
      optional,
      lists,
      refusals,
      arms: this.arms.save(),
      drawn: this.guard.save(),
    };
  }

  /** Takes a snapshot in place of what is known; parts that cannot be read are left out. */
  restore(saved: unknown): void {
    this.values.clear();
    this.lists.clear();
    this.optional.clear();
    this.refusals.clear();
    const from = record(saved);
    this.arms.load(from?.['arms']);
    this.pairs = readCount(from?.['pairs']) ?? 0;
    if (from?.['version'] !== 2) {
      this.pairs = 0;
      return;
    }
    for (const [path, entry] of entriesOf(from['values'])) {
      const value = new ValueNoise();
      if (this.hasRoom(path) && value.load(entry['value'])) this.values.set(path, value);
    }
    for (const [path, entry] of entriesOf(from['optional'])) {
      const member = new OptionalNoise();
      if (this.hasRoom(path) && member.load(entry['member'])) this.optional.set(path, member);
    }
    this.guard.load(from['drawn']);
    for (const [path, entry] of entriesOf(from['lists'])) {
      const list = new ListNoise();
      if (this.hasRoom(path) && path !== 'body' && list.load(entry['list'])) this.lists.set(path, list);
    }
    for (const [path, { reason, samples }] of entriesOf(from['refusals'])) {
      const count = readCount(samples);
      if (typeof reason !== 'string' || reason.length > 200 || count === undefined) continue;
      if (this.refusals.size < MAX_REFUSALS) this.refusals.set(path, { reason, samples: count });
    }
  }
}

function shown(refused: string | undefined): Pick<NoisePath, 'refused'> {
  return refused === undefined ? {} : { refused };
}

/** Members that name an element. */
const ELEMENT_NAMES: ReadonlySet<string> = new Set([
  'id',
  '_id',
  'key',
  'sku',
  'slug',
  'code',
  'handle',
  'href',
  'url',
  'name',
]);
/** Classes of members of elements that are chosen rather than made. */
const PICKED: ReadonlySet<string> = new Set(['number', 'one-of', 'varying', 'prefixed', 'link', 'inside', 'float']);

/** Lists in which what names an element differs between the two answers. */
function replacedIn(findings: readonly Finding[]): Set<string> {
  const lists = new Set<string>();
  for (const { kind, place } of findings) {
    const cut = place.pattern.lastIndexOf('/');
    const list = place.pattern.slice(0, cut);
    if (kind === 'value' && list.endsWith('/*') && ELEMENT_NAMES.has(place.pattern.slice(cut + 1)))
      lists.add(list.slice(0, -2));
  }
  return lists;
}

/** What is noise wherever it stands. */
function recogniseAnywhere(
  name: string,
  { control, candidate }: ValuePair,
  context: NoiseContext,
  isSteady: boolean,
): Recognised | undefined {
  const [a, b] = [control.text, candidate.text];
  const time = recogniseTime(a, b, context, isSteady);
  if (time !== undefined || control.type === 'number') return time;
  if (isRelativeTime(a, b, context.gapMs)) return { class: 'relative-time' };
  const drawn = { control: a, candidate: b };
  if (areUuids(a, b, context)) return { class: 'uuid', drawn };
  if (a.length === b.length && isTokenName(name) && areTokens(a, b, isNonceName(name)))
    return { class: 'token', drawn };
  return recogniseInside(a, b, context, isSteady);
}

/** Names one reading of one place, so that the same pair may be checked again. */
function exchangeOf({ place }: Finding, context: NoiseContext): string {
  return `${context.exchange ?? context.at} ${place.path}`;
}

/** The two values, where both are texts, numbers or flags. */
function pairOf({ place, control, candidate }: Finding): ValuePair | undefined {
  if (control === undefined || candidate === undefined || control.type !== candidate.type) return undefined;
  if (control.type !== 'text' && control.type !== 'number' && control.type !== 'boolean') return undefined;
  return { control, candidate, repeated: isInList(place.pattern) };
}

/** Whether a step of the pattern stands for elements of a list, or entries of a map. */
function isInList(pattern: string): boolean {
  return pattern.includes('/*/') || pattern.endsWith('/*') || pattern.includes('[*]');
}

function isWhole({ place }: Finding): boolean {
  return place.pattern === 'status' || place.pattern === 'body';
}

/** Why nothing is learned from a finding; undefined where it may be, or where there is nothing to say. */
function refusalOf(finding: Finding): string | undefined {
  const { control, candidate } = finding;
  if (finding.place.pattern === 'status') return 'the status is never noise';
  if (finding.place.pattern === 'body') return 'the whole body varies';
  if (finding.kind === 'type')
    return `the type changes from ${control?.type ?? 'none'} to ${candidate?.type ?? 'none'}`;
  if (finding.kind !== 'value') return `it differs in ${finding.kind} only`;
  if (control?.text === '' || candidate?.text === '') return 'the text is empty at times';
  if (Math.max(control?.text.length ?? 0, candidate?.text.length ?? 0) > MAX_VALUE) return 'the text is too long';
  return undefined;
}

/** The pattern of the list a finding tells something of; undefined for values. */
function listFor({ kind, place, control, candidate, accounted }: Finding): string | undefined {
  if (kind === 'order') return place.pattern;
  if (kind === 'added' || kind === 'removed') return listOf(place.pattern);
  if (kind !== 'value') return undefined;
  if (accounted?.noise === 'pick' && control?.type === 'element') return place.pattern;
  if (control?.type === 'array' && candidate?.type === 'array') return place.pattern;
  return control?.type === 'element' && candidate?.type === 'element' ? listOf(place.pattern) : undefined;
}

/** The path as `paths` tells it: of a list where the finding tells something of one. */
export function noiseKey(finding: Finding): string {
  return listFor(finding) ?? keyOf(finding);
}

/**
 * What a place is known by: its pattern, and of a line of text the words it begins with on both sides,
 * because all lines of a text have one pattern and a line's number depends on those before it.
 */
function keyOf({ place, control, candidate }: Finding): string {
  const key = place.detail === undefined ? place.pattern : `${place.pattern} ${place.detail}`;
  if (!place.pattern.endsWith('/line/*') || control === undefined || candidate === undefined) return key;
  return `${key} ${beginning(control.text, candidate.text)}`;
}

/** Longest beginning of a line that names it. */
const MAX_BEGINNING = 40;

/** What two lines begin with, up to the last break between words before the first digit or difference. */
function beginning(a: string, b: string): string {
  let end = 0;
  while (end < MAX_BEGINNING && end < a.length && a[end] === b[end] && !/\d/.test(a[end] ?? '')) end++;
  while (end > 0 && /[\p{L}\d]/u.test(a[end - 1] ?? '')) end--;
  return a.slice(0, end);
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [item]);
  else known.push(item);
}

function entriesOf(saved: unknown): [string, Readonly<Record<string, unknown>>][] {
  if (!Array.isArray(saved)) return [];
  return saved.slice(0, MAX_PATTERNS).flatMap((item) => {
    const entry = record(item);
    const path = entry?.['path'];
    return entry === undefined || typeof path !== 'string' || path.length > MAX_PATTERN_TEXT ? [] : [[path, entry]];
  });
}
