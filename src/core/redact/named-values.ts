import { decodePercent } from './encoded-text.ts';
import type { Marks } from './marks.ts';

/** Longest name read backwards from a `=` or `:`. */
const LONGEST_NAME = 64;
/** A quoted value without closing quote ends here. */
const LONGEST_VALUE = 8_192;
/** So much of a value decides whether it looks like a credential. */
const DECIDED_BY = 256;

/** For each character of ASCII whether a name may hold it. */
const NAME_CHAR = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$[]-') {
  NAME_CHAR[character.charCodeAt(0)] = 1;
}
/** Where a value without quotes ends. `%26` is an encoded `&`. */
const VALUE_END = /[\s&;,"'<>(){}[\]\\|⟦]|%26/g;
const SCHEME = /^(?:bearer|basic|digest|token|negotiate|apikey)$/i;
const LITERAL = /^(?:null|true|false|undefined|none|required|optional|string|invalid)$/i;
/** A quote as JSON, a JSON string within a string, a script or an attribute spells it. */
const QUOTE = /\\{0,7}["'`]|&quot;|&#34;|&#39;|&#x27;|&#x22;|%22/iy;
const QUOTE_AT_END = /(?:\\{0,7}["'`]|&quot;|&#34;|&#39;|&#x27;|&#x22;|%22)$/i;
const LONGEST_QUOTE = 8;
/** What a quote ends with. */
const QUOTE_ENDS = `"'\`;2`;
const SEPARATOR = /[=:]|%3[DA]/gi;

/**
 * Text with the values after secret names replaced wherever it says `name=value`, `name: value` or `"name":"value"`:
 * queries within links, forms, cookies, settings, scripts, JSON inside anything else.
 * Each separator looks a bounded way back and each value is passed once, so the time is linear.
 */
export function redactNamedValues(text: string, marks: Marks, where: string): string {
  let out = '';
  let copied = 0;
  const ends = new PlainEnds(text);
  SEPARATOR.lastIndex = 0;
  for (let found = SEPARATOR.exec(text); found !== null; found = SEPARATOR.exec(text)) {
    const name = nameBefore(text, found.index, copied, found[0] !== ':');
    if (name.text === '' || !marks.names.isSecret(name.text)) continue;
    const value = valueAfter(text, found.index + found[0].length, ends);
    if (!isCredential(text, name, value)) continue;
    const plain = decodePercent(text.slice(value.start, value.end));
    const last = lastPart(name.text);
    const mark = marks.mark(last, plain, `${where}:${last}`);
    SEPARATOR.lastIndex = value.end;
    if (mark === plain) continue;
    out += text.slice(copied, value.start) + mark;
    copied = value.end;
  }
  return out + text.slice(copied);
}

interface Name {
  readonly text: string;
  /** Stands where a parameter or a setting begins, with `=` after it. */
  readonly isParameter: boolean;
}

interface Value {
  readonly start: number;
  readonly end: number;
  readonly isQuoted: boolean;
}

function nameBefore(text: string, separator: number, limit: number, isEquals: boolean): Name {
  let end = separator;
  for (let spaces = 0; spaces < 3 && end > limit && text.charAt(end - 1) === ' '; spaces += 1) end -= 1;
  end = quoteStart(text, end, limit);
  let start = end;
  const stop = Math.max(limit, end - LONGEST_NAME);
  while (start > stop && NAME_CHAR[text.charCodeAt(start - 1)] === 1) start -= 1;
  const before = start === 0 ? '' : text.charAt(start - 1);
  // An encoded separator leaves its digits on the name: `%26token%3D` is `token`, not `26token`.
  const name = before === '%' ? text.slice(start + 2, end) : text.slice(start, end);
  return { text: name, isParameter: isEquals && (before === '' || /[\s?&;#%|,]/.test(before)) };
}

/** Index of the quote that ends at `end`, or `end`. */
function quoteStart(text: string, end: number, limit: number): number {
  const last = end > limit ? text.charAt(end - 1) : '';
  if (last === '' || !QUOTE_ENDS.includes(last)) return end;
  // A plain quote; behind backslashes it is part of a longer one.
  if (last !== ';' && last !== '2' && (end - 1 === limit || text.charAt(end - 2) !== '\\')) return end - 1;
  const quote = QUOTE_AT_END.exec(text.slice(Math.max(limit, end - LONGEST_QUOTE), end))?.[0];
  return end - (quote?.length ?? 0);
}

function valueAfter(text: string, from: number, ends: PlainEnds): Value {
  let start = from;
  for (let spaces = 0; spaces < 3 && text.charAt(start) === ' '; spaces += 1) start += 1;
  QUOTE.lastIndex = start;
  const quote = QUOTE.exec(text)?.[0];
  if (quote !== undefined) {
    start += quote.length;
    return { start, end: closing(text, start, quote), isQuoted: true };
  }
  let end = ends.after(start);
  // `authorization: Bearer abc`: the credential is the second word.
  if (end - start <= 12 && SCHEME.test(text.slice(start, end)) && text.charAt(end) === ' ') {
    start = end + 1;
    end = ends.after(start);
  }
  return { start, end, isQuoted: false };
}

/** Where plain values end. Remembers the last answer: `pin:pin:pin:…` asks for the same end again and again. */
class PlainEnds {
  readonly #text: string;
  #from = -1;
  #end = -1;

  constructor(text: string) {
    this.#text = text;
  }

  after(start: number): number {
    if (start >= this.#from && start <= this.#end && this.#from >= 0) return this.#end;
    VALUE_END.lastIndex = start;
    this.#from = start;
    this.#end = VALUE_END.exec(this.#text)?.index ?? this.#text.length;
    return this.#end;
  }
}

/** Index of the closing quote, or the line's end where none is near; a backslash before a plain quote escapes it. */
function closing(text: string, start: number, quote: string): number {
  let end = text.indexOf(quote, start);
  while (end !== -1 && quote.length === 1 && isEscaped(text, end, start)) end = text.indexOf(quote, end + 1);
  if (end !== -1 && end - start <= LONGEST_VALUE) return end;
  const lineEnd = text.indexOf('\n', start);
  return lineEnd === -1 ? text.length : lineEnd;
}

function isEscaped(text: string, at: number, start: number): boolean {
  let backslashes = 0;
  while (at - 1 - backslashes >= start && text.charAt(at - 1 - backslashes) === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

/**
 * Quotes, and `=` where a parameter or setting begins, make a value of anything.
 * Elsewhere code (`a.token=b`) and prose (`Session: Winter`) are as likely, so there it must look like a credential.
 */
function isCredential(text: string, name: Name, value: Value): boolean {
  if (value.end === value.start) return false;
  const head = text.slice(value.start, Math.min(value.end, value.start + DECIDED_BY));
  if (LITERAL.test(head)) return false;
  if (value.isQuoted || name.isParameter) return true;
  if (/pass|pwd|secret/i.test(name.text)) return head.length >= 4;
  return head.length >= 8 && /\d/.test(head);
}

/** The member behind `this.`, `data-` and brackets stays; what is in front of the last dot does not. */
function lastPart(name: string): string {
  return name.split(/[.[\]]/).findLast((part) => part !== '') ?? name;
}
