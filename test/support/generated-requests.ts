import type { Seeded } from './seeded.ts';

/** What a hostile or broken client does on one connection. */
export interface Attack {
  readonly kind: string;
  readonly bytes: string;
  /** `whole`: at once. `pieces`: byte by byte. `half`: only the first half, then gone. */
  readonly manner: 'whole' | 'pieces' | 'half';
}

const HEAD = (id: string, rest = ''): string => `Host: shop.test\r\nX-Id: ${id}\r\n${rest}`;

/** Well-formed requests, which are mutated. */
const SEEDS: readonly ((id: string) => string)[] = [
  (id) => `GET /${id} HTTP/1.1\r\n${HEAD(id)}\r\n`,
  (id) => `HEAD /${id} HTTP/1.1\r\n${HEAD(id)}\r\n`,
  (id) => `OPTIONS * HTTP/1.1\r\n${HEAD(id)}\r\n`,
  (id) => `POST /${id} HTTP/1.1\r\n${HEAD(id, 'Content-Length: 5\r\n')}\r\nhello`,
  (id) => `PUT /${id} HTTP/1.1\r\n${HEAD(id, 'Transfer-Encoding: chunked\r\n')}\r\n5\r\nhello\r\n0\r\n\r\n`,
  (id) => `POST /${id} HTTP/1.1\r\n${HEAD(id, 'Transfer-Encoding: chunked\r\n')}\r\n3;a=b\r\nabc\r\n0\r\nT: 1\r\n\r\n`,
  (id) => `GET http://shop.test/${id} HTTP/1.1\r\n${HEAD(id, 'Connection: close\r\n')}\r\n`,
  (id) => `GET /${id} HTTP/1.1\r\n${HEAD(id, 'Connection: Upgrade\r\nUpgrade: websocket\r\n')}\r\n`,
  (id) => `POST /${id} HTTP/1.1\r\n${HEAD(id, 'Expect: 100-continue\r\nContent-Length: 2\r\n')}\r\nok`,
  (id) => `GET /${id} HTTP/1.0\r\nX-Id: ${id}\r\n\r\n`,
  (id) => `GET /${id} HTTP/1.1\r\n${HEAD(id, 'Range: bytes=0-1\r\nIf-None-Match: "x"\r\n')}\r\n`,
];

const PIECES = [
  ...['\r\n', '\n', '\r', '\0', ' ', '\t', ':', ',', ';', '#', '?', '%00', '\xff', '\x7f', '\x1b[2J', '0', '-1'],
  ...['Transfer-Encoding: chunked\r\n', 'Content-Length: 3\r\n', 'Host: x\r\n', 'Connection: Host\r\n', '0\r\n\r\n'],
  ...[
    'Transfer-Encoding : chunked\r\n',
    ' folded\r\n',
    'Upgrade: h2c\r\n',
    'HTTP/1.1',
    'GET / ',
    'chunked',
    '\r\n\r\n',
  ],
];

/** Bodies whose end the two of a chain may see in different places (RFC 9112, section 11.2). */
const FRAMINGS = [
  'Content-Length: 6\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 6',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding\x20: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'Transfer-Encoding:\r\n chunked',
  'Content-Length: 6\r\nContent-Length: 5',
  'Content-Length: +6',
  'Content-Length: 6, 6',
  'Content-Length: 0x6',
  'Content-Length: 99999999999999999999',
];
const CHUNKS = [
  '0\r\n\r\n',
  'z\r\n',
  '5 \r\nhello\r\n0\r\n\r\n',
  '-5\r\nhello',
  'fffffffffffffffff\r\n',
  '5\nhello\n0\n\n',
];

const KINDS: Readonly<Record<string, (random: Seeded, id: string) => string>> = {
  mutation: (random, id) => mutate(random.of(SEEDS)(id), random),
  smuggling: (random, id) =>
    `POST /${id} HTTP/1.1\r\n${HEAD(id)}${random.of(FRAMINGS)}\r\n\r\n${random.of(CHUNKS)}` +
    `GET /inner HTTP/1.1\r\nHost: inner.test\r\nX-Id: ${id}\r\n\r\n`,
  chunks: (random, id) =>
    `POST /${id} HTTP/1.1\r\n${HEAD(id)}Transfer-Encoding: chunked\r\n\r\n${random.of(CHUNKS)}${random.of(CHUNKS)}`,
  'huge head': (random, id) => {
    const size = 2 ** (8 + random.below(9));
    const fields = `X-Fill-${random.below(9)}: ${'f'.repeat(size)}\r\n`.repeat(1 + random.below(3));
    return `GET /${id} HTTP/1.1\r\n${HEAD(id)}${fields}\r\n`;
  },
  'many fields': (random, id) => `GET /${id} HTTP/1.1\r\n${HEAD(id)}${'A: b\r\n'.repeat(random.below(400))}\r\n`,
  'long target': (random, id) => `GET /${id}?${'q'.repeat(2 ** (8 + random.below(9)))} HTTP/1.1\r\n${HEAD(id)}\r\n`,
  'control bytes': (random, id) => {
    const byte = (): string => String.fromCharCode(random.below(33));
    return `GET /${id}${byte()} HTTP/1.1\r\n${HEAD(id)}X-${byte()}: a${byte()}b${byte()}\r\n\r\n`;
  },
  pipeline: (random, id) =>
    Array.from({ length: 2 + random.below(8) }, () => random.of(SEEDS)(id)).join('') +
    mutate(SEEDS[0]?.(id) ?? '', random),
  noise: (random) => String.fromCharCode(...Array.from({ length: 1 + random.below(600) }, () => random.below(256))),
};
const KIND_NAMES = Object.keys(KINDS);

/** The nth attack; `id` is the only one in it, so that a foreign answer would show. */
export function attack(random: Seeded, id: string): Attack {
  const kind = random.below(2) === 0 ? 'mutation' : random.of(KIND_NAMES);
  const bytes = KINDS[kind]?.(random, id) ?? '';
  const dice = random.below(20);
  const manner = dice === 0 && bytes.length < 400 ? 'pieces' : dice <= 2 ? 'half' : 'whole';
  return { kind, bytes, manner };
}

export function mutate(text: string, random: Seeded): string {
  let mutated = text;
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at = random.below(mutated.length + 1);
    const to = Math.min(mutated.length, at + 1 + random.below(6));
    const piece = random.of(PIECES);
    const how = random.below(5);
    if (how === 0) mutated = mutated.slice(0, at) + piece + mutated.slice(at);
    else if (how === 1) mutated = mutated.slice(0, at) + mutated.slice(to);
    else if (how === 2) mutated = mutated.slice(0, at) + piece + mutated.slice(to);
    else if (how === 3) mutated = mutated.slice(0, at) + mutated.slice(at, to) + mutated.slice(at);
    else mutated = mutated.slice(0, at) + String.fromCharCode(random.below(256)) + mutated.slice(at + 1);
  }
  return mutated;
}

const ROUTES = [
  ...['GET /api/v1/status', 'GET /api/v1/cells?limit=3', 'GET /api/v1/mismatches?endpoint=x', 'GET /api/v1/events'],
  ...[
    'PUT /api/v1/dials',
    'POST /api/v1/rollback',
    'DELETE /api/v1/latch',
    'POST /api/v1/pins',
    'DELETE /api/v1/pins/x',
  ],
  ...['POST /api/v1/explain', 'GET /api/v1/openapi.json', 'GET /metrics', 'GET /healthz', 'GET /readyz', 'GET /'],
  ...[
    'GET /../../etc/passwd',
    'GET /assets/%2e%2e/%2e%2e/package.json',
    'GET /api/v1/clusters/%00',
    'TRACE /api/v1/status',
  ],
];
const VALUES = [
  ...['null', '0', '-1', '1e999', '"x"', '[]', '{}', '{"tenant":""}', '{"endpoint":"GET /a"}', '{"__proto__":{"a":1}}'],
  ...[
    `"${'x'.repeat(3_000)}"`,
    '1000001',
    '0.5',
    'true',
    '"\\ud800"',
    `${'['.repeat(500)}${']'.repeat(500)}`,
    '{"cohort":"?"}',
  ],
];
const NAMES = ['scope', 'dialPpm', 'reason', 'side', 'until', 'method', 'target', 'headers', 'address', 'more'];

/** A request to the control API, mostly one it must refuse. `token` is given in two of three. */
export function apiAttack(random: Seeded, token: string): Attack {
  const [method = '', path = ''] = random.of(ROUTES).split(' ');
  const fields = Array.from({ length: random.below(5) }, () => `"${random.of(NAMES)}":${random.of(VALUES)}`);
  const body = random.below(4) === 0 ? random.of(VALUES) : `{${fields.join(',')}}`;
  const sign =
    random.below(3) === 0
      ? `Authorization: Bearer ${random.of(['', 'x', token.slice(1), 'é'])}\r\n`
      : `Authorization: Bearer ${token}\r\n`;
  const host = random.below(8) === 0 ? random.of(['evil.test', '', 'localhost.evil.test', '[::1']) : 'localhost';
  const type = random.below(6) === 0 ? random.of(['text/plain', 'application/xml', '']) : 'application/json';
  const origin = random.below(8) === 0 ? 'Origin: http://evil.test\r\n' : '';
  const bytes =
    `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${sign}${origin}Content-Type: ${type}\r\n` +
    `Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`;
  const dice = random.below(20);
  const kind = `${method} ${path}`;
  if (dice < 8) return { kind, bytes: mutate(bytes, random), manner: dice === 0 ? 'half' : 'whole' };
  return { kind, bytes, manner: dice === 8 && bytes.length < 500 ? 'pieces' : 'whole' };
}
