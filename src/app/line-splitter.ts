export interface Line {
  /** From 1, empty lines counted. */
  readonly number: number;
  /** Undefined: longer than the bound; what it held is gone. */
  readonly text: string | undefined;
}

const LINE_FEED = 0x0a;

/**
 * Cuts a stream of bytes into lines at line feeds only, as NDJSON wants it: JSON may hold U+2028 and U+2029 as they are,
 * which other readers of lines take for ends. Empty lines are left out. Holds at most one line of the bound.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #number = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in `chunk`. */
  *push(chunk: Buffer): Generator<Line> {
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      this.#keep(chunk.subarray(from, at));
      yield* this.end();
      from = at + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  /** The line begun, which the end of the file ends. */
  *end(): Generator<Line> {
    this.#number += 1;
    const text = this.#bytes > this.#maxBytes ? undefined : Buffer.concat(this.#parts).toString('utf8');
    this.#parts = [];
    this.#bytes = 0;
    if (text === undefined || text.trim() !== '') yield { number: this.#number, text };
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#maxBytes) this.#parts = [];
    else this.#parts.push(part);
  }
}
