import type { Budget } from './budget.ts';

export type JsonKind = 'null' | 'true' | 'false' | 'number' | 'string' | 'array' | 'object';

/**
 * One JSON value with everything `JSON.parse` throws away: the text of numbers, repeated keys, the order of members.
 * All kinds share one shape: the walk stays monomorphic.
 */
export interface JsonNode {
  readonly kind: JsonKind;
  /** The number as written, or the string's value; empty otherwise. */
  readonly text: string;
  /** Member names in order, repeated ones included; empty unless an object. */
  readonly keys: readonly string[];
  /** Elements or member values. */
  readonly items: readonly JsonNode[];
  /** Structural hash; 0: not computed yet. Written only by `jsonHash`. */
  hash: number;
}

/** Bounds on one document: deeper nesting than 256 is an attack or a mistake, and recursion stays within the stack. */
export const MAX_JSON_DEPTH = 256;
export const MAX_JSON_NODES = 200_000;

export type JsonParse =
  | { readonly ok: true; readonly node: JsonNode }
  | { readonly ok: false; readonly message: string; readonly offset: number };

const NO_KEYS: readonly string[] = [];
const NO_ITEMS: readonly JsonNode[] = [];

class Malformed extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Parses one JSON document (RFC 8259), nothing more lenient but a byte order mark.
 * @param budget One unit per node.
 */
export function parseJson(text: string, budget: Budget): JsonParse {
  try {
    return { ok: true, node: new Parser(text, budget).document() };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, message: error.message, offset: error.offset };
    throw error;
  }
}

class Parser {
  readonly #text: string;
  readonly #budget: Budget;
  #at = 0;
  #nodes = 0;

  constructor(text: string, budget: Budget) {
    this.#text = text;
    this.#budget = budget;
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1;
  }

  document(): JsonNode {
    const node = this.#value(0);
    this.#skip();
    if (this.#at < this.#text.length) throw new Malformed('more than one value', this.#at);
    return node;
  }

  #skip(): void {
    const text = this.#text;
    let at = this.#at;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) break;
      at++;
    }
    this.#at = at;
  }

  #value(depth: number): JsonNode {
    this.#skip();
    if (++this.#nodes > MAX_JSON_NODES) throw new Malformed('too many values', this.#at);
    if (depth > MAX_JSON_DEPTH) throw new Malformed('nested too deeply', this.#at);
    this.#budget.spend(1);
    switch (this.#text.charCodeAt(this.#at)) {
      case 123:
        return this.#object(depth);
      case 91:
        return this.#array(depth);
      case 34:
        return { kind: 'string', text: this.#string(), keys: NO_KEYS, items: NO_ITEMS, hash: 0 };
      case 116:
        return this.#word('true');
      case 102:
        return this.#word('false');
      case 110:
        return this.#word('null');
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonNode {
    const keys: string[] = [];
    const items: JsonNode[] = [];
    this.#at++;
    this.#skip();
    if (this.#text.charCodeAt(this.#at) === 125) {
      this.#at++;
      return { kind: 'object', text: '', keys, items, hash: 0 };
    }
    for (;;) {
      this.#skip();
      if (this.#text.charCodeAt(this.#at) !== 34) throw new Malformed('a member name is expected', this.#at);
      keys.push(this.#string());
      this.#skip();
      if (this.#text.charCodeAt(this.#at) !== 58) throw new Malformed('":" is expected', this.#at);
      this.#at++;
      items.push(this.#value(depth + 1));
      this.#skip();
      const code = this.#text.charCodeAt(this.#at++);
      if (code === 125) return { kind: 'object', text: '', keys, items, hash: 0 };
      if (code !== 44) throw new Malformed('"," or "}" is expected', this.#at - 1);
    }
  }

  #array(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.#at++;
    this.#skip();
    if (this.#text.charCodeAt(this.#at) === 93) {
      this.#at++;
      return { kind: 'array', text: '', keys: NO_KEYS, items, hash: 0 };
    }
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#skip();
      const code = this.#text.charCodeAt(this.#at++);
      if (code === 93) return { kind: 'array', text: '', keys: NO_KEYS, items, hash: 0 };
      if (code !== 44) throw new Malformed('"," or "]" is expected', this.#at - 1);
    }
  }

  #word(word: 'true' | 'false' | 'null'): JsonNode {
    if (!this.#text.startsWith(word, this.#at)) throw new Malformed('a value is expected', this.#at);
    this.#at += word.length;
    return { kind: word, text: '', keys: NO_KEYS, items: NO_ITEMS, hash: 0 };
  }

  #number(): JsonNode {
    const text = this.#text;
    const start = this.#at;
    let at = start;
    if (text.charCodeAt(at) === 45) at++;
    const first = text.charCodeAt(at);
    if (!isDigit(first)) throw new Malformed('a value is expected', start);
    at++;
    if (first !== 48) while (isDigit(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) === 46) {
      if (!isDigit(text.charCodeAt(at + 1))) throw new Malformed('a digit is expected', at + 1);
      at += 2;
      while (isDigit(text.charCodeAt(at))) at++;
    }
    if ((text.charCodeAt(at) | 32) === 101) {
      at++;
      const sign = text.charCodeAt(at);
      if (sign === 43 || sign === 45) at++;
      if (!isDigit(text.charCodeAt(at))) throw new Malformed('a digit is expected', at);
      while (isDigit(text.charCodeAt(at))) at++;
    }
    this.#at = at;
    return { kind: 'number', text: text.slice(start, at), keys: NO_KEYS, items: NO_ITEMS, hash: 0 };
  }

  /** Finds the closing quote by `indexOf`, which is many times faster than looking at each character. */
  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let end = text.indexOf('"', start);
    if (end < 0) throw new Malformed('a string is not closed', this.#at);
    let slice = text.slice(start, end);
    if (!slice.includes('\\')) {
      this.#at = end + 1;
      return this.#checked(slice, start);
    }
    while (isEscaped(text, end, start)) {
      end = text.indexOf('"', end + 1);
      if (end < 0) throw new Malformed('a string is not closed', this.#at);
    }
    slice = text.slice(start, end);
    this.#at = end + 1;
    return this.#unescape(this.#checked(slice, start), start);
  }

  #checked(slice: string, start: number): string {
    const at = slice.search(BELOW_SPACE);
    if (at >= 0) throw new Malformed('a control character in a string', start + at);
    return slice;
  }

  #unescape(slice: string, start: number): string {
    let result = '';
    let from = 0;
    for (let at = slice.indexOf('\\'); at >= 0; at = slice.indexOf('\\', from)) {
      result += slice.slice(from, at);
      const code = slice[at + 1];
      if (code === 'u') {
        const hex = slice.slice(at + 2, at + 6);
        if (!/^[\da-f]{4}$/i.test(hex)) throw new Malformed('four hex digits are expected', start + at);
        result += String.fromCharCode(Number.parseInt(hex, 16));
        from = at + 6;
      } else {
        const char = code === undefined ? undefined : ESCAPES[code];
        if (char === undefined) throw new Malformed('an unknown escape', start + at);
        result += char;
        from = at + 2;
      }
    }
    return result + slice.slice(from);
  }
}

/** Written as what it is not, because patterns may not name control characters. */
const BELOW_SPACE = /[^ -\uFFFF]/;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Whether the quote at `end` follows an odd number of backslashes. */
function isEscaped(text: string, end: number, start: number): boolean {
  let at = end - 1;
  while (at >= start && text.charCodeAt(at) === 92) at--;
  return (end - 1 - at) % 2 === 1;
}
