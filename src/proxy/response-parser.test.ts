import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ResponseParser } from './response-parser.ts';
import type { ResponseHead } from './upstream.ts';

const LIMITS = { headBytes: 1_024, headerCount: 10 };

interface Parsed {
  interim: number[];
  head: ResponseHead | undefined;
  body: string;
  trailers: string[];
  state: 'done' | 'failed' | 'upgraded' | 'open';
  failure: string;
  keepAlive: boolean;
  keepAliveSeconds: number | undefined;
  rest: string;
}

interface How {
  method?: string;
  upgrade?: boolean;
  /** Sizes of the pieces, over and over. */
  sizes?: readonly number[];
  eof?: boolean;
}

function parse(text: string, how: How = {}): Parsed {
  const found: { interim: number[]; head: ResponseHead | undefined; body: string } = {
    interim: [],
    head: undefined,
    body: '',
  };
  const parser = new ResponseParser(
    {
      onInformational: (head) => found.interim.push(head.status),
      onHead: (head) => {
        found.head = head;
      },
      onData: (chunk) => {
        found.body += chunk.toString('latin1');
      },
    },
    LIMITS,
  );
  parser.begin(how.method ?? 'GET', how.upgrade === true ? 'upgrade' : 'plain');
  const all = Buffer.from(text, 'latin1');
  const sizes = how.sizes ?? [all.length];
  let at = 0;
  for (let turn = 0; at < all.length; turn += 1) {
    const piece = Buffer.from(all.subarray(at, at + Math.max(1, sizes[turn % sizes.length] ?? 1)));
    const used = parser.execute(piece, 0, piece.length);
    if (parser.done || parser.failed || parser.upgraded) {
      at += used;
      break;
    }
    expect(used).toBe(piece.length);
    at += piece.length;
  }
  if (how.eof === true) parser.finish();
  return {
    ...found,
    trailers: parser.trailers,
    state: parser.done ? 'done' : parser.failed ? 'failed' : parser.upgraded ? 'upgraded' : 'open',
    failure: parser.failure,
    keepAlive: parser.keepAlive,
    keepAliveSeconds: parser.keepAliveSeconds,
    rest: parser.failed ? '' : all.toString('latin1', at),
  };
}

/** The same, in one piece and byte by byte: both must agree. */
function both(text: string, how: How = {}): Parsed {
  const whole = parse(text, how);
  expect(parse(text, { ...how, sizes: [1] })).toEqual(whole);
  return whole;
}

describe('heads', () => {
  test('fields keep their order, case, repetitions and bytes beyond ASCII', () => {
    const parsed = both('HTTP/1.1 200 Sch\xf6n\r\nX-A: 1\r\nset-cookie: a\r\nSet-Cookie:  \tb \t\r\nX-\xc3: \r\n\r\n');
    expect(parsed.failure).toContain('header');
    const good = both(
      'HTTP/1.1 200 Sch\xf6n\r\nX-A: \xe9\r\nset-cookie: a\r\nSet-Cookie:  \tb  c \t\r\nempty:\r\ncontent-length: 0\r\n\r\n',
    );
    expect(good.state).toBe('done');
    expect(good.head?.statusMessage).toBe('Sch\xf6n');
    expect(good.head?.rawHeaders).toEqual([
      'X-A',
      '\xe9',
      'set-cookie',
      'a',
      'Set-Cookie',
      'b  c',
      'empty',
      '',
      'content-length',
      '0',
    ]);
  });

  test.each([
    ['HTTP/1.1 200 OK\r\n\r\n', 200, 'OK'],
    ['HTTP/1.1 404 \r\n\r\n', 404, ''],
    ['HTTP/1.1 404\r\n\r\n', 404, ''],
    ['HTTP/1.0 999 Odd one\r\n\r\n', 999, 'Odd one'],
  ])('status line %j is read', (text, status, message) => {
    const { head } = both(text);
    expect(head?.status).toBe(status);
    expect(head?.statusMessage).toBe(message);
  });

  test.each([
    ['SSH-2.0-OpenSSH\r\n', 'HTTP/1'],
    ['\r\nHTTP/1.1 200 OK\r\n\r\n', 'HTTP/1'],
    ['HTTP/2.0 200 OK\r\n\r\n', 'HTTP/1'],
    ['HTTP/1.2 200 OK\r\n\r\n', 'version'],
    ['HTTP/1.1  200 OK\r\n\r\n', 'status line'],
    ['HTTP/1.1 20 OK\r\n\r\n', 'status line'],
    ['HTTP/1.1 020 OK\r\n\r\n', 'status line'],
    ['HTTP/1.1 2000 OK\r\n\r\n', 'status line'],
    ['HTTP/1.1 200 O\0K\r\n\r\n', 'reason'],
    ['HTTP/1.1 200 OK\n\n', 'bare LF'],
    ['HTTP/1.1 200 OK\r\nA: 1\nB: 2\r\n\r\n', 'bare LF'],
    ['HTTP/1.1 200 OK\r\nA: 1\rB: 2\r\n\r\n', 'bare CR'],
    ['HTTP/1.1 200 OK\r\nA: 1\0\r\n\r\n', 'control byte'],
    ['HTTP/1.1 200 OK\r\nA: 1\x7f\r\n\r\n', 'control byte'],
    ['HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n', 'folded'],
    ['HTTP/1.1 200 OK\r\n: 1\r\n\r\n', 'header name'],
    ['HTTP/1.1 200 OK\r\nno colon\r\n\r\n', 'colon'],
    ['HTTP/1.1 200 OK\r\n\rX\n', 'bare CR'],
  ])('%j is refused', (text, reason) => {
    const parsed = both(text);
    expect(parsed.state).toBe('failed');
    expect(parsed.failure).toContain(reason);
    expect(parsed.head).toBeUndefined();
  });

  test('RFC 9112 5.1: blanks between name and colon are taken out', () => {
    expect(both('HTTP/1.1 204 No\r\nA \t: 1\r\n\r\n').head?.rawHeaders).toEqual(['A', '1']);
  });

  test('a head without end, one too long and one with too many fields are refused', () => {
    for (const sizes of [[1], [7], [5_000]]) {
      expect(parse(`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(4_000)}`, { sizes }).failure).toContain('longer than 1024');
    }
    expect(both(`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(1_024)}\r\n\r\n`).failure).toContain('longer than 1024');
    expect(both(`HTTP/1.1 200 OK\r\n${'A: 1\r\n'.repeat(11)}\r\n`).failure).toContain('more than 10');
    expect(both(`HTTP/1.1 204 OK\r\n${'A: 1\r\n'.repeat(10)}\r\n`).state).toBe('done');
  });

  test('a long body that comes with a short head in one piece is no long head', () => {
    const parsed = parse(`HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n${'x'.repeat(9_000)}`, { sizes: [10, 9_000] });
    expect(parsed.state).toBe('done');
    expect(parsed.body).toHaveLength(9_000);
  });

  test('interim answers come before the head, at most 16', () => {
    const early = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';
    const final = 'HTTP/1.1 204 No Content\r\n\r\n';
    expect(both(`HTTP/1.1 100 Continue\r\n\r\n${early}${final}`).interim).toEqual([100, 103]);
    expect(both(early.repeat(16) + final).state).toBe('done');
    expect(both(early.repeat(17) + final).failure).toContain('16 interim');
  });

  test('101 is an upgrade only where one was asked for', () => {
    const text = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nfirst bytes';
    const parsed = parse(text, { upgrade: true });
    expect(parsed.state).toBe('upgraded');
    expect(parsed.rest).toBe('first bytes');
    expect(parse(text).failure).toContain('101');
  });
});

describe('where the body ends (RFC 9112 6.3)', () => {
  const ok = 'HTTP/1.1 200 OK\r\n';

  test.each<[string, string, How, Partial<Parsed>]>([
    ['a length', `${ok}Content-Length: 5\r\n\r\nhello`, {}, { body: 'hello', state: 'done', keepAlive: true }],
    ['excess bytes', `${ok}Content-Length: 5\r\n\r\nhelloHTTP`, {}, { body: 'hello', rest: 'HTTP' }],
    ['HEAD', `${ok}Content-Length: 5\r\n\r\n`, { method: 'HEAD' }, { body: '', state: 'done', keepAlive: true }],
    ['HEAD, chunked', `${ok}Transfer-Encoding: chunked\r\n\r\n`, { method: 'HEAD' }, { state: 'done' }],
    ['204', 'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n', {}, { state: 'done', body: '' }],
    ['304', 'HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n', {}, { state: 'done', body: '' }],
    ['the end of the connection', `${ok}\r\nhello`, { eof: true }, { body: 'hello', state: 'done', keepAlive: false }],
    ['too short a body', `${ok}Content-Length: 5\r\n\r\nhell`, { eof: true }, { body: 'hell', state: 'open' }],
    [
      'chunks cut off',
      `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
      { eof: true },
      { body: 'abc', state: 'open' },
    ],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', {}, { state: 'done', keepAlive: false }],
    [
      'HTTP/1.0 kept alive',
      'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx',
      {},
      { state: 'done', keepAlive: true },
    ],
    [
      'close wins over keep-alive',
      `${ok}Connection: foo, Close\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n`,
      {},
      { state: 'done', keepAlive: false },
    ],
    [
      'the hint of the server',
      `${ok}Keep-Alive: timeout=5, max=9\r\nContent-Length: 0\r\n\r\n`,
      {},
      { keepAliveSeconds: 5, keepAlive: true },
    ],
    [
      'chunks with extensions and trailers',
      `${ok}Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\nA \t;q="x"\r\n0123456789\r\n000\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\n`,
      {},
      { body: 'abc0123456789', trailers: ['X-Sum', '1'], state: 'done', keepAlive: true },
    ],
  ])('%s', (_name, text, how, expected) => {
    const parsed = parse(text, how);
    expect(parsed).toMatchObject(expected);
    expect(parse(text, { ...how, sizes: [1] })).toMatchObject(expected);
  });

  test('with length and chunks, chunks win, the length is gone and the connection ends', () => {
    const parsed = both(`${ok}Content-Length: 99\r\nTransfer-Encoding: chunked\r\nA: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n`);
    expect(parsed).toMatchObject({ body: 'x', state: 'done', keepAlive: false });
    expect(parsed.head?.rawHeaders).toEqual(['Transfer-Encoding', 'chunked', 'A', '1']);
    expect(parsed.head?.contentLength).toBeUndefined();
  });

  test('equal lengths become one, conflicting ones are refused', () => {
    const equal = both(`${ok}Content-Length: 1, 1\r\nA: 1\r\ncontent-length: 1\r\n\r\nx`);
    expect(equal.head?.rawHeaders).toEqual(['Content-Length', '1', 'A', '1']);
    expect(equal.state).toBe('done');
    for (const value of ['1\r\nContent-Length: 2', '1, 2', '+1', '-1', '0x1', '', '1 1', '9'.repeat(16)]) {
      expect(both(`${ok}Content-Length: ${value}\r\n\r\nx`).state).toBe('failed');
    }
  });

  test.each(['gzip, chunked', 'chunked, chunked', 'identity', 'xchunked', 'chunked\r\nTransfer-Encoding: chunked', ''])(
    'transfer-encoding %j is refused',
    (value) => {
      expect(both(`${ok}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`).failure).toContain('transfer-encoding');
    },
  );

  test.each(
    [
      'g\r\n',
      '\r\n',
      '-1\r\nx',
      '0x1\r\nx',
      '1\nx',
      '1\rx',
      '1 x\r\n',
      '1\r\nxy\r\n',
      '1\r\nx\ry',
      '1\r\nx\n',
      '1111111111111\r\n',
      '1;a\0\r\n',
      '1;a\nb\r\n',
      `1;${'x'.repeat(1_100)}`,
      `1${' '.repeat(1_100)}`,
      '0\r\nA: 1\r\n b\r\n\r\n',
      `0\r\nA: ${'x'.repeat(2_000)}`,
      `0\r\n${'A: 1\r\n'.repeat(11)}\r\n`,
    ].map((body) => [JSON.stringify(body).slice(0, 40), body] as const),
  )('chunked body %s is refused', (_name, body) => {
    expect(both(`${ok}Transfer-Encoding: chunked\r\n\r\n${body}`).state).toBe('failed');
  });
});

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const text = fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,20}[\x21-\x7e\x80-\xff])?$/);
const field = fc.tuple(
  token.filter((name) => !/^(content-length|transfer-encoding|connection|keep-alive)$/i.test(name)),
  text,
);
const lines = (fields: readonly (readonly [string, string])[]) => fields.map(([n, v]) => `${n}: ${v}\r\n`).join('');
const latin1 = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const framedBody = fc.oneof(
  latin1.map((body) => ({ fields: `content-length: ${body.length}\r\n`, wire: body, body, trailers: [] as string[] })),
  fc
    .tuple(fc.array(latin1.filter((piece) => piece !== '')), fc.array(field, { maxLength: 3 }))
    .map(([pieces, trailers]) => ({
      fields: 'transfer-encoding: chunked\r\n',
      wire: `${pieces.map((p) => `${p.length.toString(16)};x\r\n${p}\r\n`).join('')}0\r\n${lines(trailers)}\r\n`,
      body: pieces.join(''),
      trailers: trailers.flat(),
    })),
);

test('a valid answer gives the same however it is cut into pieces', () => {
  const answer = fc.record({
    status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
    interim: fc.integer({ min: 0, max: 3 }),
    fields: fc.array(field, { maxLength: 6 }),
    body: framedBody,
    sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
    next: fc.constantFrom('', 'HTTP/1.1 200 OK\r\n\r\n'),
  });
  fc.assert(
    fc.property(answer, ({ status, interim, fields, body, sizes, next }) => {
      const wire = `${'HTTP/1.1 103 E\r\na: b\r\n\r\n'.repeat(interim)}HTTP/1.1 ${status} X\r\n${lines(fields)}${body.fields}\r\n${body.wire}${next}`;
      const parsed = parse(wire, { sizes });
      expect(parsed.state).toBe('done');
      expect(parsed.interim).toHaveLength(interim);
      expect(parsed.head?.status).toBe(status);
      expect(parsed.head?.rawHeaders.slice(0, fields.length * 2)).toEqual(fields.flat());
      expect(parsed.body).toBe(body.body);
      expect(parsed.trailers.length).toBeLessThanOrEqual(body.trailers.length);
      expect({ ...parsed, rest: '' }).toEqual({ ...parse(wire), rest: '' });
      expect(parse(wire).rest).toBe(next);
    }),
    { numRuns: 400 },
  );
});

test('any bytes end in the same state however they are cut, and never throw', () => {
  const seed = 'HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\n';
  const mutation = fc.tuple(
    fc.nat(seed.length),
    fc.nat(3),
    fc.constantFrom('\r', '\n', '\0', ' ', ':', ';', '9', 'A', ''),
  );
  fc.assert(
    fc.property(
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
      (mutations, sizes) => {
        let wire = seed;
        for (const [at, cut, insert] of mutations) wire = wire.slice(0, at) + insert + wire.slice(at + cut);
        const whole = parse(wire);
        const pieces = parse(wire, { sizes });
        expect(pieces.state).toBe(whole.state);
        expect(pieces.head).toEqual(whole.head);
        expect(pieces.body).toBe(whole.body);
      },
    ),
    { numRuns: 2_000 },
  );
});
