const CR = 13;
const LF = 10;
const SP = 32;
const HTAB = 9;
const SEMICOLON = 59;

/** Value of a hexadecimal digit, or 255. */
const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase());
  return digit < 0 ? 255 : digit;
});

/** Digits of one size; 12 are 256 TiB, more than any body, and exact in a number. Leading zeros count. */
const MAX_SIZE_DIGITS = 12;

/** Bytes of one chunk's extension. Unbounded ones were CVE-2024-22019 elsewhere; nobody known to us uses any. */
export const MAX_EXTENSION_BYTES = 1_024;

/**
 * Takes the framing off a chunked body (RFC 9112 7.1), from pieces of any size. Extensions are dropped.
 * Stops behind the line of the last chunk: the trailer section is the caller's.
 */
export class ChunkedBody {
  #state: 'size' | 'space' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' = 'size';
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  /** The body's bytes in the piece last read: `bytes[pieceStart, pieceEnd)`. */
  pieceStart = 0;
  pieceEnd = 0;
  complete = false;
  failure = '';

  begin(): void {
    this.#state = 'size';
    this.#size = 0;
    this.#digits = 0;
    this.#extensionBytes = 0;
    this.complete = false;
    this.failure = '';
  }

  /**
   * Reads until `end`, the last chunk or a fault; gives the next place.
   * All body bytes found are moved together, so that many small chunks become one piece:
   *
   *     3\r\nabc\r\n2\r\nde\r\n   ->   abcde
   *          ^start                    ^pieceStart   ^pieceEnd = pieceStart + 5
   */
  read(bytes: Buffer, start: number, end: number): number {
    this.pieceStart = start;
    this.pieceEnd = start;
    let at = start;
    while (at < end && !this.complete && this.failure === '') {
      if (this.#state === 'data') {
        at = this.#takeData(bytes, at, end);
      } else {
        // `at < end`, so the byte exists.
        this.#step(bytes[at] as number);
        at += 1;
      }
    }
    return at;
  }

  #takeData(bytes: Buffer, at: number, end: number): number {
    const take = Math.min(this.#size, end - at);
    if (this.pieceEnd === this.pieceStart) {
      this.pieceStart = at;
      this.pieceEnd = at + take;
    } else {
      bytes.copyWithin(this.pieceEnd, at, at + take);
      this.pieceEnd += take;
    }
    this.#size -= take;
    if (this.#size === 0) this.#state = 'data-cr';
    return at + take;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case 'size':
        this.#sizeByte(byte);
        return;
      case 'space':
        if (byte === SEMICOLON) this.#state = 'extension';
        else if (byte !== SP && byte !== HTAB) this.failure = 'bad chunk size';
        this.#countExtension();
        return;
      case 'extension':
        if (byte === CR) this.#state = 'size-lf';
        else if ((byte < SP && byte !== HTAB) || byte === 127) this.failure = 'control byte in a chunk extension';
        this.#countExtension();
        return;
      case 'size-lf':
        if (byte !== LF) this.failure = 'chunk size line does not end in CRLF';
        else if (this.#size === 0) this.complete = true;
        else this.#state = 'data';
        return;
      case 'data-cr':
        if (byte !== CR) this.failure = 'chunk longer than its size';
        this.#state = 'data-lf';
        return;
      case 'data-lf':
        if (byte !== LF) this.failure = 'chunk does not end in CRLF';
        this.#state = 'size';
        this.#digits = 0;
        this.#extensionBytes = 0;
        return;
      case 'data':
        return;
    }
  }

  #sizeByte(byte: number): void {
    // The table has an entry for every byte.
    const digit = HEX[byte] as number;
    if (digit !== 255) {
      this.#size = this.#size * 16 + digit;
      this.#digits += 1;
      if (this.#digits > MAX_SIZE_DIGITS) this.failure = 'chunk size too large';
    } else if (this.#digits === 0) {
      this.failure = 'chunk without size';
    } else if (byte === CR) {
      this.#state = 'size-lf';
    } else if (byte === SEMICOLON) {
      this.#state = 'extension';
    } else if (byte === SP || byte === HTAB) {
      this.#state = 'space';
    } else {
      this.failure = 'bad chunk size';
    }
  }

  #countExtension(): void {
    this.#extensionBytes += 1;
    if (this.#extensionBytes > MAX_EXTENSION_BYTES) this.failure = 'chunk extension too long';
  }
}
