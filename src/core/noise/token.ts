import {
  FlatLearner,
  type Learner,
  MAX_KEPT_TEXT,
  type NoiseContext,
  type Recognised,
  type ValuePair,
} from './learner.ts';
import { readTimedId } from './timed-id.ts';

/** Alphabets of tokens, narrowest first; each is inside those after it that its characters fit. */
const ALPHABETS = [
  { name: 'digits', size: 10, pattern: /^\d+$/ },
  { name: 'hex lower', size: 16, pattern: /^[\da-f]+$/ },
  { name: 'hex upper', size: 16, pattern: /^[\dA-F]+$/ },
  { name: 'alphanumeric lower', size: 36, pattern: /^[\da-z]+$/ },
  { name: 'alphanumeric upper', size: 36, pattern: /^[\dA-Z]+$/ },
  { name: 'alphanumeric', size: 62, pattern: /^[\dA-Za-z]+$/ },
  { name: 'base64url', size: 64, pattern: /^[\w-]+=*$/ },
  { name: 'base64', size: 64, pattern: /^[\dA-Za-z+/]+=*$/ },
  { name: 'dotted', size: 65, pattern: /^[\w.-]+$/ },
] as const;

type Alphabet = (typeof ALPHABETS)[number];

/** Longest text looked at as a token. */
const MAX_TOKEN = 2_000;
/** A narrower alphabet is chance if a token of the wider one falls into it at least this often. */
const CHANCE = 0.000_01;

/** The narrowest alphabet of a token; undefined where the text is none. */
export function alphabetOf(text: string): Alphabet | undefined {
  if (text.length > MAX_TOKEN) return undefined;
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 61) end--;
  if (end === 0) return undefined;
  let kinds = end < text.length ? PADDING : 0;
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i);
    const kind = code < 128 ? (KIND[code] ?? 0) : 0;
    if (kind === 0) return undefined;
    kinds |= kind;
  }
  const at = HELD.findIndex((held) => (kinds & ~held) === 0);
  return ALPHABETS[at];
}

/** Kinds of characters, as bits, that tell the alphabets apart; and what each alphabet holds, in the same order. */
const KINDS = ['0123456789', 'abcdef', 'ghijklmnopqrstuvwxyz', 'ABCDEF', 'GHIJKLMNOPQRSTUVWXYZ', '-', '_', '+/', '.'];
const PADDING = 1 << KINDS.length;
const KIND = new Uint16Array(128);
for (const [at, characters] of KINDS.entries()) {
  for (const character of characters) KIND[character.charCodeAt(0)] = 1 << at;
}
const HELD: readonly number[] = ALPHABETS.map(({ pattern }) => {
  const padding = pattern.test('00==') ? PADDING : 0;
  return KINDS.reduce((held, [first = ''], at) => (pattern.test(`0${first}`) ? held | (1 << at) : held), padding);
});

/**
 * The alphabet of two tokens. One may look narrower by chance: 16 characters of base64url hold no `-` or `_` in 6 of 10 cases,
 * while 32 of them are never all hex digits.
 */
export function commonAlphabet(a: string, b: string): Alphabet | undefined {
  const left = alphabetOf(a);
  const right = alphabetOf(b);
  if (left === undefined || right === undefined || left === right) return left === right ? left : undefined;
  const wide = ALPHABETS.find(({ pattern }) => pattern.test(a) && pattern.test(b));
  if (wide === undefined) return undefined;
  return isByChance(left, wide, a.length) && isByChance(right, wide, b.length) ? wide : undefined;
}

function isByChance(narrow: Alphabet, wide: Alphabet, length: number): boolean {
  return (narrow.size / wide.size) ** length >= CHANCE;
}

/** Words and numbers with a separator between: `amber-lamp-12`. */
const SLUG = /^(?:[a-z]+|\d+)(?:[-_.](?:[a-z]+|\d+))+$/;

/** Whether a text may have been drawn at random: no word, no repetition. */
export function looksRandom(text: string): boolean {
  const alphabet = alphabetOf(text);
  if (alphabet === undefined || alphabet.name === 'digits') return alphabet !== undefined && hasVariety(text, 10);
  // Words of hex digits alone are shorter than any token.
  const isWord = !alphabet.name.startsWith('hex') && kindsIn(text) < 2;
  return !isWord && !SLUG.test(text) && hasVariety(text, alphabet.size);
}

/** Of digits, lower and upper case how many there are. */
function kindsIn(text: string): number {
  return (/\d/.test(text) ? 1 : 0) + (/[a-z]/.test(text) ? 1 : 0) + (/[A-Z]/.test(text) ? 1 : 0);
}

/** At least half as many different characters as random ones would have: size × (1 − (1 − 1/size)^length). */
function hasVariety(text: string, size: number): boolean {
  const least = (size * (1 - (1 - 1 / size) ** text.length)) / 2;
  // Four words of bits, one for each character of ASCII: every alphabet is of that.
  const seen = [0, 0, 0, 0];
  let different = 0;
  for (let i = 0; i < text.length && different < least; i++) {
    const code = text.charCodeAt(i) & 127;
    const bit = 1 << (code & 31);
    const word = seen[code >> 5] ?? 0;
    if ((word & bit) !== 0) continue;
    seen[code >> 5] = word | bit;
    different++;
  }
  return different >= least;
}

const MIN_TOKEN = 16;
const MIN_HEX_NONCE = 8;

/** Whether both are random texts of one length and alphabet, and not the same; 16 characters at least, 8 for hex where `short`. */
export function areTokens(control: string, candidate: string, short: boolean): boolean {
  if (control.length !== candidate.length || control === candidate) return false;
  const alphabet = commonAlphabet(control, candidate);
  if (alphabet === undefined || alphabet.name === 'digits') return false;
  const least = short && alphabet.name.startsWith('hex') ? MIN_HEX_NONCE : MIN_TOKEN;
  return control.length >= least && looksRandom(control) && looksRandom(candidate);
}

const TOKEN_NAME =
  /csrf|xsrf|nonce|authenticity|requestid|traceid|traceparent|spanid|correlationid|verifier$|^(oauth)?state$/;
const SCRIPT_NAME =
  /nonce|token|csrf|xsrf|visit|(^|request|trace|span|correlation|page|view|event)id$|authenticity|^state$/;

/** Whether what is called so holds a token: `csrf-token`, `X-Request-Id`, `state`. */
export function isTokenName(name: string): boolean {
  return TOKEN_NAME.test(fold(name));
}

/** The same for names in scripts and queries, which are shorter: `id`, `visit`, `token`. */
export function isTokenNameInText(name: string): boolean {
  return SCRIPT_NAME.test(fold(name));
}

/** Whether hex digits of 8 characters will do: `nonce`. */
export function isNonceName(name: string): boolean {
  return fold(name).includes('nonce');
}

function fold(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('-') || lower.includes('_') ? lower.replaceAll(/[-_]/g, '') : lower;
}

/** One pair in so many may look odd. */
const ODD_ONE_IN = 25;

type TokenState = {
  readonly samples: number;
  readonly alphabet: string;
  readonly shortest: number;
  readonly longest: number;
  /** What all of them began with, up to a separator: `tok_live_`. */
  readonly prefix: string;
  /** The form whose times were all near the request: `ulid`; empty where there is none. */
  readonly form: string;
  readonly apartMs: number;
  /** Texts that looked as no token does: a few in a hundred are chance. */
  readonly odd: number;
};

/** The times of two ids may differ by so much more than seen. */
const TIME_SLACK_MS = 5_000;

/** Random texts of one alphabet and a range of lengths, with one beginning. */
export class TokenLearner extends FlatLearner<TokenState> implements Learner {
  readonly #least: number;

  /** @param least Shortest text that is looked at; shorter ones are words as likely as tokens. */
  constructor(least: number = MIN_HEX_NONCE) {
    super({ samples: 0, alphabet: '', shortest: 0, longest: 0, prefix: '', form: '', apartMs: 0, odd: 0 });
    this.#least = least;
  }

  get name(): string {
    return this.state.form === '' ? 'token' : this.state.form.replace(' ', '-');
  }

  absorb({ control, candidate }: ValuePair, { at }: NoiseContext): boolean {
    const [a, b] = [control.text, candidate.text];
    if (Math.min(a.length, b.length) < this.#least) return false;
    const alphabet = commonAlphabet(a, b);
    if (!looksRandom(a) || !looksRandom(b) || alphabet === undefined || alphabet.name === 'digits') return this.isOdd();
    const known = this.state.alphabet === '' ? alphabet : alphabetNamed(this.state.alphabet);
    const wide = known === undefined ? undefined : wider(known, alphabet);
    if (wide === undefined) return false;
    const { samples, shortest, longest, prefix } = this.state;
    const begun = samples === 0 ? a : prefix;
    this.state = {
      ...this.state,
      samples: samples + 1,
      alphabet: wide.name,
      shortest: Math.min(samples === 0 ? a.length : shortest, a.length, b.length),
      longest: Math.max(longest, a.length, b.length),
      prefix: commonPrefix(commonPrefix(begun, a), b),
      ...this.timed(a, b, at),
    };
    return true;
  }

  /** Takes note of a text that is no token by its looks; true while that may be chance. */
  private isOdd(): boolean {
    this.state = { ...this.state, odd: this.state.odd + 1 };
    return this.state.odd * ODD_ONE_IN <= this.state.samples;
  }

  private timed(a: string, b: string, at: number): Pick<TokenState, 'form' | 'apartMs'> {
    const { samples, form, apartMs } = this.state;
    const [left, right] = [readTimedId(a, at), readTimedId(b, at)];
    const isOne = left !== undefined && left.form === right?.form && (samples === 0 || left.form === form);
    return isOne
      ? { form: left.form, apartMs: Math.max(apartMs, Math.abs(left.ms - right.ms)) }
      : { form: '', apartMs: 0 };
  }

  recognise({ control, candidate }: ValuePair, { at, gapMs }: NoiseContext): Recognised | undefined {
    const text = candidate.text;
    const { shortest, longest, prefix, form } = this.state;
    // Where lengths vary, the extremes of few samples are not the true ones.
    const slack = shortest === longest ? 0 : Math.ceil((longest - shortest) / 4);
    if (text.length < shortest - slack || text.length > longest + slack || !looksRandom(text)) return undefined;
    if (!text.startsWith(prefix) && control.text.startsWith(prefix)) return undefined;
    if (form !== '' && !this.isPresent(control.text, text, { at, gapMs })) return undefined;
    const wide = this.alphabetFor(text);
    const own = alphabetOf(text);
    if (wide === undefined || own === undefined) return undefined;
    if (own !== wide && !isByChance(own, wide, text.length - prefix.length)) return undefined;
    return { class: this.name, drawn: { control: control.text, candidate: text } };
  }

  /** The alphabet learned, or a wider one that the few characters seen may have left out by chance. */
  private alphabetFor(text: string): Alphabet | undefined {
    const known = alphabetNamed(this.state.alphabet);
    if (known === undefined || known.pattern.test(text)) return known;
    const own = alphabetOf(text);
    const wide = own === undefined ? undefined : wider(known, own);
    const { samples, shortest, prefix } = this.state;
    const isChance = wide !== undefined && isByChance(known, wide, 2 * samples * (shortest - prefix.length));
    return isChance && wide.pattern.test(text) ? wide : undefined;
  }

  private isPresent(control: string, candidate: string, { at, gapMs }: NoiseContext): boolean {
    const [left, right] = [readTimedId(control, at), readTimedId(candidate, at)];
    if (left === undefined || right === undefined) return false;
    return Math.abs(left.ms - right.ms) <= 2 * this.state.apartMs + TIME_SLACK_MS + Math.max(0, gapMs);
  }

  envelope(): string {
    const { alphabet, shortest, longest, prefix, form } = this.state;
    const length = shortest === longest ? `${shortest}` : `${shortest} to ${longest}`;
    const begins = prefix === '' ? '' : `, beginning with "${prefix}"`;
    const time = form === '' ? '' : `, a ${form} of the present`;
    return `a random text of ${length} characters, ${alphabet}${begins}${time}, not the same one again`;
  }
}

/** What both begin with, up to the last separator, if that is long enough to be meant. */
function commonPrefix(a: string, b: string): string {
  let end = 0;
  while (end < a.length && a[end] === b[end]) end++;
  const shared = a.slice(0, Math.min(end, MAX_KEPT_TEXT));
  const cut = Math.max(shared.lastIndexOf('_'), shared.lastIndexOf('-'), shared.lastIndexOf('.')) + 1;
  return cut < 3 ? '' : shared.slice(0, cut);
}

function alphabetNamed(name: string): Alphabet | undefined {
  return ALPHABETS.find((alphabet) => alphabet.name === name);
}

/** The narrowest alphabet that holds both. */
function wider(a: Alphabet, b: Alphabet): Alphabet | undefined {
  const characters = `${SAMPLE[a.name]}${SAMPLE[b.name]}`;
  return ALPHABETS.find(({ pattern }) => pattern.test(characters));
}

/** The characters that tell an alphabet from the narrower ones. */
const SAMPLE: Readonly<Record<Alphabet['name'], string>> = {
  digits: '0',
  'hex lower': '0a',
  'hex upper': '0A',
  'alphanumeric lower': '0z',
  'alphanumeric upper': '0Z',
  alphanumeric: 'aZzA',
  base64url: 'aZ-_',
  base64: 'aZ+/',
  dotted: 'aZ.-',
};
