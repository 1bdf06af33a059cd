import type { Budget } from './budget.ts';
import { InStep, PROBES } from './in-step.ts';

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

/** A node that knows where in its text it stands, so that another text can be parsed in step with it. */
interface Placed extends JsonNode {
  readonly start: number;
  /** Behind its last character. */
  readonly end: number;
  /** Nodes in all, itself included. */
  readonly count: number;
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
  return parsed(new Parser(text, budget));
}

/**
 * Parses a second document in step with a first: where their texts agree, the second takes the first one's nodes.
 * What comes out equals what `parseJson` gives; it only costs less, and equal parts are the same objects, which the walk passes by.
 *
 * @param first What `parseJson` made of `firstText`.
 */
export function parseJsonBeside(text: string, first: JsonNode, firstText: string, budget: Budget): JsonParse {
  // Only this parser makes nodes of JSON texts, and it places all of them.
  return parsed(new Parser(text, budget, firstText), first as Placed);
}

function parsed(parser: Parser, mate?: Placed): JsonParse {
  try {
    return { ok: true, node: parser.document(mate) };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, message: error.message, offset: error.offset };
    throw error;
  }
}

class Parser {
  readonly #text: string;
  readonly #budget: Budget;
  /** The document that this one is parsed in step with, if any. */
  readonly #mates: InStep;
  #at = 0;
  #nodes = 0;

  constructor(text: string, budget: Budget, mateText = '') {
    this.#text = text;
    this.#budget = budget;
    this.#mates = new InStep(mateText, text);
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1;
  }

  document(mate: Placed | undefined): JsonNode {
    const node = this.#value(0, mate);
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

  #value(depth: number, mate: Placed | undefined): Placed {
    this.#skip();
    if (++this.#nodes > MAX_JSON_NODES) throw new Malformed('too many values', this.#at);
    if (depth > MAX_JSON_DEPTH) throw new Malformed('nested too deeply', this.#at);
    this.#budget.spend(1);
    if (mate !== undefined && this.#isSame(mate)) return this.#take(mate);
    const start = this.#at;
    switch (this.#text.charCodeAt(start)) {
      case 123:
        return this.#object(depth, mate?.kind === 'object' ? mate : undefined);
      case 91:
        return this.#array(depth, mate?.kind === 'array' ? mate : undefined);
      case 34:
        return leaf('string', this.#string(), start, this.#at);
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

  #object(depth: number, mate: Placed | undefined): Placed {
    const [start, before] = [this.#at, this.#nodes];
    const keys: string[] = [];
    const items: Placed[] = [];
    this.#at++;
    this.#skip();
    if (this.#text.charCodeAt(this.#at) === 125) {
      this.#at++;
      return { kind: 'object', text: '', keys, items, hash: 0, start, end: this.#at, count: 1 };
    }
    for (let next = 0; ; ) {
      this.#skip();
      if (this.#text.charCodeAt(this.#at) !== 34) throw new Malformed('a member name is expected', this.#at);
      const key = this.#string();
      keys.push(key);
      this.#skip();
      if (this.#text.charCodeAt(this.#at) !== 58) throw new Malformed('":" is expected', this.#at);
      this.#at++;
      const mateAt = mate === undefined ? -1 : memberNear(mate, key, next);
      if (mateAt >= 0) next = mateAt + 1;
      items.push(this.#value(depth + 1, mate?.items[mateAt] as Placed | undefined)); // all nodes of a parse are placed
      this.#skip();
      const code = this.#text.charCodeAt(this.#at++);
      if (code === 125) {
        const count = this.#nodes - before + 1;
        return { kind: 'object', text: '', keys, items, hash: 0, start, end: this.#at, count };
      }
      if (code !== 44) throw new Malformed('"," or "}" is expected', this.#at - 1);
    }
  }

  #array(depth: number, mate: Placed | undefined): Placed {
    const [start, before] = [this.#at, this.#nodes];
    const items: Placed[] = [];
    this.#at++;
    this.#skip();
    if (this.#text.charCodeAt(this.#at) === 93) {
      this.#at++;
      return { kind: 'array', text: '', keys: NO_KEYS, items, hash: 0, start, end: this.#at, count: 1 };
    }
    for (let next = 0; ; next++) {
      this.#skip();
      if (mate !== undefined) next = this.#elementNear(mate, next);
      items.push(this.#value(depth + 1, mate?.items[next] as Placed | undefined)); // all nodes of a parse are placed
      this.#skip();
      const code = this.#text.charCodeAt(this.#at++);
      if (code === 93) {
        const count = this.#nodes - before + 1;
        return { kind: 'array', text: '', keys: NO_KEYS, items, hash: 0, start, end: this.#at, count };
      }
      if (code !== 44) throw new Malformed('"," or "]" is expected', this.#at - 1);
    }
  }

  /** Takes over a node of the first document whose text stands here as well; its depth is ours, for we descend together. */
  #take(mate: Placed): Placed {
    this.#nodes += mate.count - 1;
    if (this.#nodes > MAX_JSON_NODES) throw new Malformed('too many values', this.#at);
    this.#at += mate.end - mate.start;
    return mate;
  }

  /** Whether the text of `mate` stands here. */
  #isSame(mate: Placed): boolean {
    const { start, end } = mate;
    return this.#mates.isSame(start, end, this.#at) && this.#endsHere(mate, this.#at + end - start);
  }

  /** `12` also stands where `123` does. */
  #endsHere(mate: Placed, at: number): boolean {
    if (mate.kind !== 'number') return true;
    const code = this.#text.charCodeAt(at);
    return !isDigit(code) && code !== 46 && (code | 32) !== 101;
  }

  /** The place of the first document's element that stands here, looked for around `expected`; else `expected`. */
  #elementNear(mate: Placed, expected: number): number {
    const there = mate.items[expected] as Placed | undefined; // all nodes of a parse are placed
    if (there !== undefined && this.#isSame(there)) return expected;
    for (const by of PROBES) {
      const other = mate.items[expected + by] as Placed | undefined; // as above
      // Scalars recur by chance, and gain nothing.
      if (other === undefined || other.count === 1) continue;
      const common = this.#mates.probe(other.start, other.end, this.#at);
      this.#budget.spend(1 + (common >> 6));
      if (common === other.end - other.start) return expected + by;
    }
    return expected;
  }

  #word(word: 'true' | 'false' | 'null'): Placed {
    if (!this.#text.startsWith(word, this.#at)) throw new Malformed('a value is expected', this.#at);
    const start = this.#at;
    this.#at += word.length;
    return leaf(word, '', start, this.#at);
  }

  #number(): Placed {
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
    return leaf('number', text.slice(start, at), start, at);
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

function leaf(kind: JsonKind, text: string, start: number, end: number): Placed {
  return { kind, text, keys: NO_KEYS, items: NO_ITEMS, hash: 0, start, end, count: 1 };
}

/** The place of a member, most likely at `expected`; -1: there is none near it. */
function memberNear(node: JsonNode, key: string, expected: number): number {
  if (node.keys[expected] === key) return expected;
  for (const by of PROBES) if (node.keys[expected + by] === key) return expected + by;
  // Small objects in another order are worth a search; a map of thousands of keys is not.
  return node.keys.length <= 64 ? node.keys.indexOf(key) : -1;
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
