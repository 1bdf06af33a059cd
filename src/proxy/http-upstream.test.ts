import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { listening, onRequests, type RawServer, rawServer, until } from '../../test/support/raw-server.ts';
import { ask, bodyOf, trialUpstream } from '../../test/support/upstream-trial.ts';
import type { Upstream } from './upstream.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function open(targets: readonly string[], settings: Parameters<typeof trialUpstream>[1] = {}) {
  const upstream = trialUpstream(targets, settings);
  cleanups.push(() => upstream.close());
  return upstream;
}

async function scripted(onSocket: Parameters<typeof rawServer>[0]): Promise<RawServer> {
  const server = await rawServer(onSocket);
  cleanups.push(() => server.close());
  return server;
}

/** A server that answers every request with the same bytes. */
function answering(bytes: string): Promise<RawServer> {
  return scripted((socket) => onRequests(socket, () => socket.write(bytes, 'latin1')));
}

async function nodeServer(listener: RequestListener): Promise<{ url: string; sockets: () => number }> {
  const server = createServer(listener);
  let sockets = 0;
  server.on('connection', (socket) => {
    sockets += 1;
    socket.on('error', () => undefined);
  });
  const port = await listening(server);
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${port}`, sockets: () => sockets };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const sha = (chunks: readonly Uint8Array[]): string => {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
};

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('what is sent', () => {
  test('a request goes out as one piece, with framing and connection added', async () => {
    const pieces: string[] = [];
    const server = await scripted((socket) => {
      socket.on('data', (chunk) => {
        pieces.push(chunk.toString('latin1'));
        socket.write(OK);
      });
    });
    const upstream = open([server.url]);
    await ask(upstream, { rawHeaders: ['Host', 'a', 'X', '\xe9'] }).over;
    const posted = ask(upstream, { method: 'POST', body: 4, retryable: false });
    posted.call.write(Buffer.from('body'));
    posted.call.end();
    await posted.over;
    expect(pieces).toEqual([
      'GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\r\nconnection: keep-alive\r\n\r\n',
      'POST / HTTP/1.1\r\nhost: shop.example\r\nconnection: keep-alive\r\ncontent-length: 4\r\n\r\nbody',
    ]);
    expect(server.sockets).toHaveLength(1);
  });

  test('a head whose body takes its time is sent ahead, so that 100 Continue can come', async () => {
    const server = await scripted((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        socket.once('data', (body) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${body.toString()}`));
      });
    });
    const { call, outcome, over } = ask(open([server.url]), { method: 'PUT', body: 5, retryable: false });
    await until(() => outcome.informational.includes(100));
    call.write(Buffer.from('hello'));
    call.end();
    expect(bodyOf(await over)).toBe('hello');
  });

  test('chunked bodies carry their trailers', async () => {
    const server = await nodeServer(async (request, response) => {
      const body = await read(request);
      response.end(`${body.toString()} ${request.trailers['x-sum']} ${request.headers['transfer-encoding']}`);
    });
    const { call, over } = ask(open([server.url]), { method: 'POST', body: 'chunked', retryable: false });
    call.write(Buffer.from('one '));
    call.write(Buffer.alloc(0));
    setImmediate(() => {
      call.write(Buffer.from('two'));
      call.end(['X-Sum', '7']);
    });
    expect(bodyOf(await over)).toBe('one two 7 chunked');
  });

  test('a value with a line end is refused before anything is sent', async () => {
    const server = await answering(OK);
    const upstream = open([server.url]);
    const { over } = ask(upstream, { rawHeaders: ['x', 'a\r\nb: c'] });
    expect((await over).failure).toMatchObject({ kind: 'refused', unsent: true });
    expect(server.sockets).toHaveLength(0);
    expect(upstream.outstanding()).toBe(0);
  });

  test.each<[string, number | 'chunked', (call: ReturnType<typeof ask>['call']) => void]>([
    ['longer', 3, (call) => call.write(Buffer.from('four'))],
    [
      'shorter',
      9,
      (call) => {
        call.write(Buffer.from('four'));
        call.end();
      },
    ],
    ['with a bad trailer', 'chunked', (call) => call.end(['a', 'b\nc'])],
  ])('a body %s than announced breaks the request off', async (_name, body, send) => {
    const server = await answering(OK);
    const upstream = open([server.url]);
    const { call, over } = ask(upstream, { method: 'POST', body, retryable: false });
    send(call);
    expect((await over).failure?.message).toContain('broken off');
    expect(upstream.outstanding()).toBe(0);
    await until(() => server.open() === 0);
  });

  test('with `hostHeader: upstream` each target gets its own name', async () => {
    const server = await nodeServer((request, response) => response.end(request.headers.host));
    const upstream = open([server.url], { hostHeader: 'upstream' });
    expect(bodyOf(await ask(upstream, { rawHeaders: [] }).over)).toBe(new URL(server.url).host);
  });
});

describe('what comes back', () => {
  const byByte = (bytes: string) =>
    scripted((socket) => {
      socket.setNoDelay(true);
      onRequests(socket, async () => {
        for (const byte of Buffer.from(bytes, 'latin1')) {
          socket.write(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
    });

  test('an answer that comes byte by byte is the same answer', async () => {
    const server = await byByte(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 Ja\r\nA: \xe9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-T: 1\r\n\r\n',
    );
    const upstream = open([server.url]);
    for (let i = 0; i < 2; i += 1) {
      const outcome = await ask(upstream).over;
      expect(outcome.informational).toEqual([103]);
      expect(outcome.head).toMatchObject({ status: 200, statusMessage: 'Ja', contentLength: undefined });
      expect(outcome.head?.rawHeaders).toEqual(['A', '\xe9', 'Transfer-Encoding', 'chunked']);
      expect(bodyOf(outcome)).toBe('abcde');
      expect(outcome.trailers).toEqual(['X-T', '1']);
    }
    expect(server.sockets).toHaveLength(1);
  });

  test('a body that ends with the connection, an HTTP/1.0 answer and HEAD end properly', async () => {
    const server = await scripted((socket) =>
      onRequests(socket, (text) => {
        if (text.startsWith('HEAD')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n');
        else if (text.includes('/old')) socket.end('HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold');
        else socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end');
      }),
    );
    const upstream = open([server.url]);
    const head = await ask(upstream, { method: 'HEAD' }).over;
    expect(head.head?.contentLength).toBe(99);
    expect(head.trailers).toEqual([]);
    expect(bodyOf(await ask(upstream).over)).toBe('until the end');
    expect(bodyOf(await ask(upstream, { target: '/old' }).over)).toBe('old');
    expect(server.sockets).toHaveLength(2);
  });

  test.each([
    ['nothing at all', '', 'reset', false],
    ['half a head', 'HTTP/1.1 200 OK\r\nA:', 'reset', false],
    ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', 'truncated', true],
    ['chunks without end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', 'truncated', true],
    ['a bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n', 'truncated', true],
    ['conflicting lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 'reset', false],
    ['another protocol', '220 mail.example ESMTP\r\n', 'reset', false],
    ['an upgrade nobody asked for', 'HTTP/1.1 101 Go\r\nupgrade: x\r\n\r\n', 'reset', false],
  ] as const)('%s is a failure', async (_name, bytes, kind, headSeen) => {
    const server = await scripted((socket) => onRequests(socket, () => socket.end(bytes)));
    const upstream = open([server.url]);
    const outcome = await ask(upstream).over;
    expect(outcome.failure).toMatchObject({ kind, unsent: false });
    expect(outcome.head !== undefined).toBe(headSeen);
    expect(upstream.outstanding()).toBe(0);
    expect(server.sockets).toHaveLength(1);
  });

  test('a reset in the middle of a body that only the end would frame is truncated, not complete', async () => {
    const server = await scripted((socket) =>
      onRequests(socket, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\nhalf');
        setTimeout(() => socket.resetAndDestroy(), 20);
      }),
    );
    expect((await ask(open([server.url])).over).failure?.kind).toBe('truncated');
  });

  test('a reset before the head is a reset, and unsafe requests are not repeated', async () => {
    let requests = 0;
    const server = await scripted((socket) =>
      onRequests(socket, () => {
        requests += 1;
        socket.resetAndDestroy();
      }),
    );
    const upstream = open([server.url]);
    const { call, over } = ask(upstream, { method: 'POST', body: 2, retryable: false });
    call.write(Buffer.from('ab'));
    expect((await over).failure).toMatchObject({ kind: 'reset', unsent: false });
    expect(requests).toBe(1);
  });

  test('an answer that comes before the request is complete is passed on, and its connection is not used again', async () => {
    const server = await scripted((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno'));
    });
    const upstream = open([server.url]);
    const { call, over } = ask(upstream, { method: 'POST', body: 1_000_000, retryable: false });
    call.write(Buffer.alloc(1_000));
    const outcome = await over;
    expect(outcome.head?.status).toBe(413);
    expect(bodyOf(outcome)).toBe('no');
    expect(upstream.targets()[0]?.connections).toBe(0);
    expect(call.write(Buffer.alloc(10))).toBe(true);
    call.end();
    await until(() => server.open() === 0);
  });

  test('no byte behind an answer leaks into another one', async () => {
    const server = await answering(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nleaked`);
    const upstream = open([server.url]);
    for (let i = 0; i < 5; i += 1) expect(bodyOf(await ask(upstream).over)).toBe('ok');
    expect(server.sockets).toHaveLength(5);
  });

  test('bytes that come on an idle connection end it', async () => {
    const server = await scripted((socket) =>
      onRequests(socket, (_text, count) => {
        socket.write(OK);
        if (count === 1) setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nleaked'), 20);
      }),
    );
    const upstream = open([server.url]);
    expect(bodyOf(await ask(upstream).over)).toBe('ok');
    await until(() => upstream.targets()[0]?.connections === 0);
    expect(bodyOf(await ask(upstream).over)).toBe('ok');
    expect(server.sockets).toHaveLength(2);
  });
});

describe('large bodies and slow receivers', () => {
  const echo = (request: IncomingMessage, response: ServerResponse): void => {
    request.pipe(response);
  };

  test('5 MB go up and come back unchanged, by length and by chunks', async () => {
    const server = await nodeServer(echo);
    const upstream = open([server.url]);
    const body = randomBytes(5_000_000);
    for (const framing of [body.length, 'chunked'] as const) {
      const { call, outcome, over } = ask(upstream, { method: 'POST', body: framing, retryable: false });
      let drains = 0;
      for (let at = 0; at < body.length; ) {
        const free = call.write(body.subarray(at, at + 50_000));
        at += 50_000;
        if (!free) {
          drains += 1;
          await until(() => outcome.drains >= drains);
        }
      }
      call.end();
      expect(sha((await over).pieces)).toBe(sha([body]));
      expect(drains).toBeGreaterThan(0);
    }
  });

  test('kept pieces stay as they were while more is read, and a full receiver stops the reading', async () => {
    const body = randomBytes(5_000_000);
    let written = 0;
    const server = await scripted((socket) =>
      onRequests(socket, async () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
        for (let at = 0; at < body.length; at += 10_000) {
          if (!socket.write(body.subarray(at, at + 10_000))) await new Promise((go) => socket.once('drain', go));
          written = at;
        }
      }),
    );
    const upstream = open([server.url], { idleTimeoutMs: 150 });
    let stopped = true;
    const asked = ask(upstream, {}, { onData: () => !stopped });
    await until(() => asked.outcome.pieces.length > 0);
    // Longer than the idle limit: a slow client is not the target's doing.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(asked.outcome.pieces).toHaveLength(1);
    expect(written).toBeLessThan(body.length - 20_000);
    stopped = false;
    asked.call.resume();
    expect(sha((await asked.over).pieces)).toBe(sha([body]));
  });

  test('a receiver that stops after every piece gets every byte', async () => {
    const body = randomBytes(600_000);
    const server = await nodeServer((_request, response) => response.end(body));
    const upstream = open([server.url]);
    const asked = ask(
      upstream,
      {},
      {
        onData: () => {
          setImmediate(() => asked.call.resume());
          return false;
        },
      },
    );
    expect(sha((await asked.over).pieces)).toBe(sha([body]));
    expect(bodyOf(await ask(upstream).over)).toHaveLength(600_000);
  });

  test('50 concurrent answers do not mix', async () => {
    const bodies = Array.from({ length: 50 }, (_, index) => randomBytes(20_000 + index * 3_000));
    const server = await nodeServer((request, response) => {
      const body = bodies[Number(request.url?.slice(1))] ?? Buffer.alloc(0);
      for (let at = 0; at < body.length; at += 7_001) response.write(body.subarray(at, at + 7_001));
      response.end();
    });
    const upstream = open([server.url]);
    for (let round = 0; round < 3; round += 1) {
      const outcomes = await Promise.all(bodies.map((_, index) => ask(upstream, { target: `/${index}` }).over));
      expect(outcomes.map((outcome) => sha(outcome.pieces))).toEqual(bodies.map((body) => sha([body])));
    }
    expect(server.sockets()).toBeLessThanOrEqual(64);
  });
});

describe('giving up', () => {
  test('abort closes the connection at once and nothing is told afterwards', async () => {
    const server = await scripted((socket) => onRequests(socket, () => socket.write('HTTP/1.1 200 OK\r\n\r\nx')));
    const upstream = open([server.url]);
    const during = ask(upstream);
    const before = ask(upstream);
    before.call.abort();
    await until(() => during.outcome.pieces.length === 1);
    during.call.abort();
    during.call.abort();
    await until(() => server.open() === 0);
    expect([during.outcome.endings, before.outcome.endings]).toEqual([0, 0]);
    expect(upstream.outstanding()).toBe(0);
    expect(upstream.targets()[0]?.connections).toBe(0);
  });

  test.each(['head', 'data'] as const)('abort from within `%s` ends it there', async (when) => {
    const server = await answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n');
    const upstream = open([server.url]);
    let after = 0;
    const count = (): void => {
      after += 1;
    };
    const call = upstream.request(
      { method: 'GET', target: '/', rawHeaders: [], body: 'none', upgrade: false, retryable: true },
      {
        informational: count,
        head: () => {
          if (when === 'head') call.abort();
        },
        data: () => {
          if (when === 'data') call.abort();
          else count();
          return true;
        },
        end: count,
        failed: count,
        drained: count,
      },
    );
    await until(() => server.sockets.length === 1 && server.open() === 0);
    expect(after).toBe(0);
    expect(upstream.outstanding()).toBe(0);
  });
});

describe('upgrades', () => {
  test('after 101 the connection and its first bytes are handed over', async () => {
    const server = await scripted((socket) => {
      socket.once('data', (chunk) => {
        expect(chunk.toString()).toContain('connection: Upgrade\r\n');
        socket.write('HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\nfirst');
        socket.on('data', (more) => socket.write(`echo ${more.toString()}`));
      });
    });
    const upstream = open([server.url]);
    const { upgraded } = await ask(upstream, { upgrade: true, rawHeaders: ['upgrade', 'websocket'] }).over;
    expect(upgraded?.head.status).toBe(101);
    expect(upgraded?.first.toString()).toBe('first');
    expect(upstream.targets()[0]).toMatchObject({ connections: 0, outstanding: 0 });
    const echoed = new Promise((resolve) => upgraded?.socket.once('data', (chunk) => resolve(chunk.toString())));
    upgraded?.socket.resume();
    upgraded?.socket.write('hello');
    expect(await echoed).toBe('echo hello');
    upgraded?.socket.destroy();
  });

  test('any other status is an ordinary answer, and the connection is kept', async () => {
    const server = await answering(OK);
    const upstream = open([server.url]);
    expect(bodyOf(await ask(upstream, { upgrade: true }).over)).toBe('ok');
    expect(bodyOf(await ask(upstream).over)).toBe('ok');
    expect(server.sockets).toHaveLength(1);
  });
});

test('2,000 requests in a row and 200 at once leave nothing behind', async () => {
  const server = await nodeServer((_request, response) => response.end('hello'));
  const upstream = open([server.url], { maxConnections: 20 });
  for (let i = 0; i < 2_000; i += 1) {
    const outcome = await ask(upstream).over;
    if (outcome.failure !== undefined) throw new Error(outcome.failure.message);
  }
  expect(server.sockets()).toBe(1);
  const outcomes = await Promise.all(Array.from({ length: 200 }, () => ask(upstream).over));
  expect(outcomes.every((outcome) => bodyOf(outcome) === 'hello' && outcome.endings === 1)).toBe(true);
  expect(server.sockets()).toBeLessThanOrEqual(20);
  expect(upstream.outstanding()).toBe(0);
  upstream.close();
  expect(upstream.targets()[0]?.connections).toBe(0);
});

test('2,000 damaged answers end exactly once each, and never hang', async () => {
  const seeds = [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nA: b\r\n\r\n',
    'HTTP/1.0 200 OK\r\n\r\nuntil the end',
  ];
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const damaged = (): string => {
    let text = seeds[random(seeds.length)] ?? '';
    for (let cuts = random(4); cuts >= 0; cuts -= 1) {
      const at = random(text.length + 1);
      text = text.slice(0, at) + ['\r\n', '\n', '\0', ':', 'f', '', '9', ' '][random(8)] + text.slice(at + random(4));
    }
    return text;
  };
  const server = await scripted((socket) =>
    onRequests(socket, () => {
      const text = damaged();
      const at = random(text.length);
      socket.write(text.slice(0, at), 'latin1');
      setImmediate(() => {
        if (random(3) === 0) socket.end(text.slice(at), 'latin1');
        else socket.write(text.slice(at), 'latin1');
      });
    }),
  );
  const upstream = open([server.url], { firstByteTimeoutMs: 100, idleTimeoutMs: 100 });
  const outcomes: Promise<{ endings: number; trailers: unknown; failure: unknown }>[] = [];
  for (let batch = 0; batch < 10; batch += 1) {
    const some = Array.from({ length: 200 }, () => ask(upstream).over);
    outcomes.push(...some);
    await Promise.all(some);
  }
  for (const outcome of await Promise.all(outcomes)) {
    expect(outcome.endings).toBe(1);
    expect((outcome.trailers === undefined) !== (outcome.failure === undefined)).toBe(true);
  }
  expect(outcomes).toHaveLength(2_000);
  expect((upstream as Upstream).outstanding()).toBe(0);
});
