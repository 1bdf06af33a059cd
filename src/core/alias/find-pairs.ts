import type { Finding } from '../compare/finding.ts';
import { isTokenName } from '../noise/token.ts';
import { areMade, isCursorName, isIdName, isShortId, nounOf } from './made.ts';
import type { AliasCheck, AliasPair } from './pair.ts';

/** What a finding says of aliases: all of what differs, pair by pair. */
export interface PairsFound {
  readonly pairs: readonly AliasPair[];
  /** Of these nothing may be learned: they count only if they are known already. */
  readonly mustBeKnown: readonly AliasPair[];
}

/** Longer texts are not taken apart. */
const MAX_TEXT = 16_384;
const MAX_PARTS = 64;
/** Headers that hold values a client sends back. */
const HEADERS = /^header:(?:set-cookie|location|content-location|link|x-csrf-token|x-xsrf-token)$/;

/**
 * The values of a finding, where all that differs in it may be names that the two sides gave to one thing.
 * Undefined where it may not: another type, other words, other punctuation.
 *
 * @param template The endpoint's path, for `id` at the top of a body: `/orders/{id}` holds orders.
 */
export function findPairs(finding: Finding, template: string): PairsFound | undefined {
  const { place, kind, control, candidate } = finding;
  if (kind !== 'value' || control === undefined || candidate === undefined) return undefined;
  if (control.type !== candidate.type || (control.type !== 'text' && control.type !== 'number')) return undefined;
  if (place.path.startsWith('header:') && !HEADERS.test(place.path)) return undefined;
  const [a, b] = [control.text, candidate.text];
  if (a === '' || b === '' || a.length > MAX_TEXT || b.length > MAX_TEXT) return undefined;
  if (place.path === 'header:set-cookie') return cookiePair(finding, a, b);
  const noun = nounAt(place.path, place.name, template);
  if (control.type === 'number') return /^\d+$/.test(a) && /^\d+$/.test(b) ? idPair(place.name, noun, a, b) : undefined;
  if (areMade(a, b)) return { pairs: [pairOf('', a, b, checkFor(place.name))], mustBeKnown: [] };
  return idPair(place.name, noun, a, b) ?? wordPairs(a, b, place.name);
}

/** A cookie's value; its attributes are no aliases. */
function cookiePair({ place }: Finding, a: string, b: string): PairsFound | undefined {
  const { name, detail = '' } = place;
  if (detail.includes('/')) return undefined;
  return areMade(a, b) ? { pairs: [pairOf(`cookie:${name}`, a, b, 'across')], mustBeKnown: [] } : undefined;
}

function idPair(name: string, noun: string, a: string, b: string): PairsFound | undefined {
  const isNamed = isIdName(name) || isCursorName(name);
  if (!isNamed || !isShortId(a) || !isShortId(b)) return undefined;
  return { pairs: [pairOf(isCursorName(name) ? name.toLowerCase() : noun, a, b, checkFor(name))], mustBeKnown: [] };
}

function checkFor(name: string): AliasCheck {
  if (isCursorName(name)) return 'never';
  return isTokenName(name) ? 'across' : 'always';
}

function pairOf(kind: string, control: string, candidate: string, check: AliasCheck): AliasPair {
  return { kind, control, candidate, check };
}

/** What an `id` at this place belongs to: its own name, or the nearest one around it, or the endpoint's. */
function nounAt(path: string, name: string, template: string): string {
  const own = nounOf(name);
  if (own !== '' || !isIdName(name)) return own;
  const segments = path.split('/').slice(1, -1);
  // Elements of markup name nothing: there the endpoint does.
  if (!segments.includes('html')) {
    for (const segment of segments.reverse()) {
      const noun = /^\d+$/.test(segment) ? '' : nounOf(segment);
      if (noun !== '' && noun !== 'data' && noun !== 'item' && noun !== 'result') return noun;
    }
  }
  return nounOfTemplate(template);
}

/** `/api/orders/{id}` is about `order`. */
export function nounOfTemplate(template: string): string {
  const literals = template.split('/').filter((segment) => segment !== '' && !segment.startsWith('{'));
  return nounOf(literals.at(-1) ?? '');
}

const SEPARATORS = /([\s/?&=#"'`<>()[\]{},;:|\\!]+)/;

/** Links and sentences: what stands between the values must be the same. */
function wordPairs(a: string, b: string, name: string): PairsFound | undefined {
  const left = a.split(SEPARATORS);
  const right = b.split(SEPARATORS);
  if (left.length !== right.length) return undefined;
  const pairs: AliasPair[] = [];
  const mustBeKnown: AliasPair[] = [];
  for (let at = 0; at < left.length; at++) {
    const [mine, theirs] = [left[at] as string, right[at] as string]; // one length
    if (mine === theirs) continue;
    const around = { before: left[at - 1] ?? '', word: left[at - 2] ?? '', earlier: left[at - 4] ?? '' };
    const [x, y] = bare(mine, theirs);
    if (at % 2 === 1 || pairs.length + mustBeKnown.length >= MAX_PARTS) return undefined;
    if (areMade(x, y)) pairs.push(pairOf('', x, y, checkFor(around.before === '=' ? around.word : name)));
    else if (!isShortId(x) || !isShortId(y)) return undefined;
    else if (around.before === '/' && nounOf(around.word) !== '')
      pairs.push(pairOf(nounOf(around.word), x, y, 'always'));
    else if (around.before === '=' && isCursorName(around.word)) {
      pairs.push(pairOf(around.word.toLowerCase(), x, y, 'never'));
    } else if (around.before === '=' && isIdName(around.word)) {
      pairs.push(pairOf(nounOf(around.word) || nounOf(around.earlier), x, y, 'always'));
    } else mustBeKnown.push(pairOf(nounOf(around.word), x, y, 'always'));
  }
  return pairs.length + mustBeKnown.length === 0 ? undefined : { pairs, mustBeKnown };
}

/** Without the full stop of a sentence and without percent encoding. */
function bare(a: string, b: string): readonly [string, string] {
  const isStopped = a.endsWith('.') && b.endsWith('.');
  return [decoded(isStopped ? a.slice(0, -1) : a), decoded(isStopped ? b.slice(0, -1) : b)];
}

/** Percent-decoded; a broken encoding stays as it is. */
export function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
