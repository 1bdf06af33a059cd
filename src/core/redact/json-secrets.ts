import { MARK_LENGTH, type Marks } from './marks.ts';

/** Nesting that is followed; deeper text is still scanned, without names above it. */
const DEEPEST = 256;

interface Frame {
  readonly isObject: boolean;
  /** The member being read, or the index. */
  key: string;
  index: number;
  expectsKey: boolean;
  /** Name of the secret member this value lies under. */
  readonly under: string | undefined;
}

export interface JsonScan {
  readonly marks: Marks;
  /** `body`: first part of the names reported. */
  readonly where: string;
  /** Looks inside a value that is no secret by name. */
  readonly inside: (text: string) => string;
}

/**
 * JSON text with the values of secret members replaced, at any depth, everything else byte for byte as it was.
 * One pass; also takes several values in a row (NDJSON), text cut in the middle, and text that only resembles JSON.
 * Under a secret name that holds an object or list, every string and number in it is replaced.
 */
export function redactJson(text: string, scan: JsonScan): string {
  return new JsonScanner(text, scan).run();
}

class JsonScanner {
  readonly #text: string;
  readonly #scan: JsonScan;
  readonly #stack: Frame[] = [];
  #out = '';
  /** Everything before it is in `#out`. */
  #copied = 0;

  constructor(text: string, scan: JsonScan) {
    this.#text = text;
    this.#scan = scan;
  }

  run(): string {
    let at = 0;
    while (at < this.#text.length) at = this.#token(at);
    return this.#out + this.#text.slice(this.#copied);
  }

  /** Takes the token at `at`; gives where the next begins. */
  #token(at: number): number {
    const char = this.#text.charAt(at);
    const top = this.#stack.at(-1);
    switch (char) {
      case '{':
      case '[':
        if (this.#stack.length < DEEPEST) this.#open(char === '{');
        return at + 1;
      case '}':
      case ']':
        this.#stack.pop();
        return at + 1;
      case ',':
        if (top) this.#next(top);
        return at + 1;
      case '"':
        return this.#string(at);
      case '⟦':
        return at + markLength(this.#text, at);
      default:
        return isNumberStart(char) ? this.#number(at) : at + 1;
    }
  }

  #open(isObject: boolean): void {
    const top = this.#stack.at(-1);
    this.#stack.push({
      isObject,
      key: isObject ? '' : '0',
      index: 0,
      expectsKey: isObject,
      under: this.#secretName(top),
    });
  }

  #next(top: Frame): void {
    top.expectsKey = top.isObject;
    if (top.isObject) return;
    top.index += 1;
    top.key = String(top.index);
  }

  #string(at: number): number {
    const { end, isEscaped } = stringAt(this.#text, at);
    const top = this.#stack.at(-1);
    if (top?.expectsKey) {
      top.key = decoded(this.#text.slice(at, end));
      top.expectsKey = false;
      return end;
    }
    const name = this.#secretName(top);
    // Strings without escapes are text like any other, and are looked at with the whole body.
    if (name === undefined && !isEscaped) return end;
    const value = decoded(this.#text.slice(at, end));
    const replaced = name === undefined ? this.#scan.inside(value) : this.#scan.marks.mark(name, value, this.#path());
    if (replaced !== value) this.#replace(at, end, JSON.stringify(replaced));
    return end;
  }

  #number(at: number): number {
    let end = at + 1;
    while (end < this.#text.length && '0123456789.eE+-'.includes(this.#text.charAt(end))) end += 1;
    const value = this.#text.slice(at, end);
    const name = this.#secretName(this.#stack.at(-1));
    // A count (`tokens: 120`) is not a secret; a number under a name in the singular may be a PIN.
    const isSecret = name !== undefined && !/s$/i.test(name);
    const replaced = isSecret ? this.#scan.marks.mark(name, value, this.#path()) : this.#inNumber(value);
    if (replaced !== value) this.#replace(at, end, JSON.stringify(replaced));
    return end;
  }

  /** Only a card number is long enough; the mark must be quoted, so it is found here. */
  #inNumber(value: string): string {
    return value.length < 13 ? value : this.#scan.inside(value);
  }

  #secretName(top: Frame | undefined): string | undefined {
    if (top === undefined) return undefined;
    if (top.under !== undefined) return top.under;
    return top.isObject && this.#scan.marks.names.isSecret(top.key) ? top.key : undefined;
  }

  #replace(from: number, to: number, replacement: string): void {
    this.#out += this.#text.slice(this.#copied, from) + replacement;
    this.#copied = to;
  }

  /** `body:/user/password`. */
  #path(): string {
    return `${this.#scan.where}:/${this.#stack.map((frame) => frame.key).join('/')}`;
  }
}

/** A mark without quotes stands in text that only resembles JSON; its digits are no number. */
function markLength(text: string, at: number): number {
  return text.startsWith('⟦r:', at) && text.charAt(at + MARK_LENGTH - 1) === '⟧' ? MARK_LENGTH : 1;
}

function isNumberStart(char: string): boolean {
  return char === '-' || (char >= '0' && char <= '9');
}

/** Index after the closing quote, or the end of a text cut within the string; and whether a backslash stands in it. */
function stringAt(text: string, at: number): { readonly end: number; readonly isEscaped: boolean } {
  let isEscaped = false;
  for (let i = at + 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 34) return { end: i + 1, isEscaped };
    if (code !== 92) continue;
    isEscaped = true;
    i += 1;
  }
  return { end: text.length, isEscaped };
}

function decoded(token: string): string {
  const inner = token.length > 1 && token.endsWith('"') ? token.slice(1, -1) : token.slice(1);
  if (!inner.includes('\\')) return inner;
  try {
    // A string token parses to a string; text that is no JSON throws and is taken as it stands.
    return JSON.parse(token) as string;
  } catch {
    return inner;
  }
}
