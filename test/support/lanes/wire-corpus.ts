import { Seeded } from '../seeded.ts';

/** What a client sends on one connection, and where it pauses between two pieces. */
export interface WireInput {
  readonly bytes: Buffer;
  /** Places at which the bytes are cut; ascending. */
  readonly cuts: readonly number[];
}

const HOST = 'Host: h.test\r\n';

/** Well-formed and nearly well-formed connections; inputs that once told two readers apart stay here. */
export const CORPUS: readonly string[] = [
  `GET /a HTTP/1.1\r\n${HOST}\r\n`,
  `GET /a?b=c&d=%20e HTTP/1.1\r\n${HOST}Accept: */*\r\nUser-Agent: t/1\r\n\r\n`,
  `HEAD /a HTTP/1.1\r\n${HOST}\r\n`,
  `DELETE /a/1 HTTP/1.1\r\n${HOST}\r\n`,
  `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
  `OPTIONS /a HTTP/1.1\r\n${HOST}\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
  `POST /a HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}\r\n`,
  `PUT /a HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\ncontent-length:3\r\n\r\nabc`,
  `PATCH /a HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n{}`,
  `PUT /a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  `PUT /a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`,
  `GET http://h.test/a HTTP/1.1\r\n${HOST}\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}Connection: X-Drop\r\nX-Drop: 1\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok`,
  `GET /a HTTP/1.1\r\n${HOST}TE: trailers\r\n\r\n`,
  `GET /a HTTP/1.0\r\n${HOST}\r\n`,
  'GET /a HTTP/1.0\r\n\r\n',
  `GET /a HTTP/1.1\r\n${HOST}Range: bytes=0-1\r\nIf-None-Match: "x"\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}Cookie: a=1; b=2\r\nCookie: c=3\r\nAuthorization: Basic eDp5\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.1.1.1\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}X-Cutover-Side: candidate\r\nX_Forwarded_For: 9.9.9.9\r\nX-Empty:\r\n\r\n`,
  `GET /a HTTP/1.1\r\nHost: h.test:8080\r\nX-High: \xe4\xf6\r\n\r\n`,
  `GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n`,
  `GET /${'p'.repeat(600)} HTTP/1.1\r\n${HOST}X-Long: ${'v'.repeat(900)}\r\n\r\n`,
  `\r\nGET /a HTTP/1.1\r\n${HOST}\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}\r\nGET /b HTTP/1.1\r\n${HOST}\r\nGET /c HTTP/1.1\r\n${HOST}\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabcPOST /b HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\nxGET /c HTTP/1.1\r\n${HOST}\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabcPUT /b HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /c HTTP/1.1\r\n${HOST}\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}Content-Length: 30\r\n\r\nGET /in HTTP/1.1\r\nHost: h.test\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`,
  `GET /a HTTP/1.1\r\n${HOST}Host: i.test\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}X: a\r\n folded\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}X : a\r\n\r\n`,
  `GET /a HTTP/1.1\nHost: h.test\n\n`,
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
];

const PIECES: readonly string[] = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\r\r\n',
    '\n\r',
    '\0',
    ' ',
    '\t',
    '\v',
    '\f',
    ':',
    ',',
    ';',
    '#',
    '?',
    '%00',
    '%0d%0a',
    '\x85',
  ],
  ...[
    '\xa0',
    '\xff',
    '\x7f',
    '\x1b',
    '0',
    '-1',
    '+',
    '00',
    '0x',
    '9',
    '_',
    '"',
    '\\',
    '//',
    '/../',
    '@',
    '*',
    '\u00e4',
  ],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: identity\r\n', 'Transfer-Encoding : chunked\r\n'],
  ...['transfer-encoding:chunked\r\n', 'Transfer_Encoding: chunked\r\n', 'Transfer-Encoding:\tchunked\r\n'],
  ...['Content-Length: 3\r\n', 'Content-Length: 0\r\n', 'Content-Length: 03\r\n', 'Content-Length: 3,3\r\n'],
  ...[
    'Content-Length:3 \r\n',
    'content_length: 3\r\n',
    'Content-Length: 18446744073709551616\r\n',
    'Content-Length:\r\n',
  ],
  ...['Host: x\r\n', 'Host:\r\n', 'host: h.test\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n'],
  ...[
    'Connection: Host\r\n',
    'Connection: Content-Length\r\n',
    'Connection: close, x\r\n',
    'Proxy-Connection: close\r\n',
  ],
  ...['Upgrade: h2c\r\n', 'Upgrade: websocket\r\n', 'Expect: 100-continue\r\n', 'TE: trailers\r\n', 'Trailer: a\r\n'],
  ...[
    ' folded\r\n',
    '\tfolded\r\n',
    '0\r\n\r\n',
    '\r\n\r\n',
    'HTTP/1.1',
    'HTTP/1.0',
    'HTTP/2.0',
    'HTTP/11',
    'http/1.1',
  ],
  ...[
    'GET / ',
    'POST / ',
    'GET /in HTTP/1.1\r\nHost: in.test\r\n\r\n',
    'chunked',
    'X-A: b\r\n',
    'A:b\r\n',
    ': b\r\n',
    'A\r\n',
  ],
];

/** Never more: time goes into many inputs, not into long ones. */
const MAX_BYTES = 6_000;
/** Inputs that were new in kind and are mutated further. */
const MAX_GROWN = 2_000;

/** Makes inputs from the corpus, and from those of its own that did something new (as libFuzzer does). */
export class WireMutator {
  readonly #random: Seeded;
  readonly #grown: string[] = [];
  readonly #features = new Set<string>();

  constructor(seed: number) {
    this.#random = new Seeded(seed);
  }

  next(): WireInput {
    const random = this.#random;
    let text = this.#seed();
    if (random.below(5) === 0) text = this.#splice(text, this.#seed());
    if (random.below(4) === 0) text += this.#seed();
    const times = random.below(8) === 0 ? 0 : 1 + random.below(random.below(4) === 0 ? 8 : 3);
    for (let n = 0; n < times; n += 1) text = this.#mutated(text);
    const bytes = Buffer.from(text.slice(0, MAX_BYTES), 'latin1');
    return { bytes, cuts: this.#cuts(bytes.length) };
  }

  /** What an input did, in a few words; the first of its kind joins the corpus. */
  saw(input: WireInput, feature: string): void {
    if (this.#features.has(feature) || this.#grown.length >= MAX_GROWN) return;
    this.#features.add(feature);
    this.#grown.push(input.bytes.toString('latin1'));
  }

  get kinds(): number {
    return this.#features.size;
  }

  #seed(): string {
    const random = this.#random;
    return this.#grown.length > 0 && random.below(3) === 0 ? random.of(this.#grown) : random.of(CORPUS);
  }

  #splice(a: string, b: string): string {
    return a.slice(0, this.#random.below(a.length + 1)) + b.slice(this.#random.below(b.length + 1));
  }

  #mutated(text: string): string {
    const random = this.#random;
    const at = random.below(text.length + 1);
    const to = Math.min(text.length, at + 1 + random.below(8));
    const piece = random.of(PIECES);
    switch (random.below(9)) {
      case 0:
      case 1:
        return text.slice(0, at) + piece + text.slice(at);
      case 2:
        return text.slice(0, at) + text.slice(to);
      case 3:
        return text.slice(0, at) + piece + text.slice(to);
      case 4:
        return text.slice(0, at) + text.slice(at, to) + text.slice(at);
      case 5:
        return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
      case 6: {
        // A piece at the beginning of a line, where fields are.
        const line = text.indexOf('\r\n', at);
        return line < 0 ? text + piece : text.slice(0, line + 2) + piece + text.slice(line + 2);
      }
      case 7: {
        const code = text.charCodeAt(at) ^ (1 << random.below(8));
        return Number.isNaN(code) ? text : text.slice(0, at) + String.fromCharCode(code & 255) + text.slice(at + 1);
      }
      default: {
        const from = random.below(text.length + 1);
        return text.slice(0, at) + text.slice(from, from + random.below(60)) + text.slice(at);
      }
    }
  }

  #cuts(length: number): number[] {
    const random = this.#random;
    const dice = random.below(10);
    if (dice < 5 || length < 2) return [];
    if (dice === 9 && length < 150) return Array.from({ length: length - 1 }, (_, at) => at + 1);
    const cuts = new Set(Array.from({ length: 1 + random.below(7) }, () => 1 + random.below(length - 1)));
    return [...cuts].sort((a, b) => a - b);
  }
}
