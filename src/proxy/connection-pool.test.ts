import dns from 'node:dns';
import net from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { onRequests, type RawServer, rawServer, until } from '../../test/support/raw-server.ts';
import { ask, bodyOf, trialUpstream } from '../../test/support/upstream-trial.ts';
import { MAX_NAMED_AGE_MS, MAX_WAITING } from './connection-pool.ts';

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

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A server that holds all answers back until `release`. */
async function holding() {
  const held: (() => void)[] = [];
  const server = await scripted((socket) => onRequests(socket, () => held.push(() => socket.write(OK))));
  const release = (): void => {
    for (const answer of held.splice(0)) answer();
  };
  return { server, held, release };
}

describe('when all connections are busy', () => {
  test('requests wait in order and are then served on the same connections', async () => {
    const { server, held, release } = await holding();
    const upstream = open([server.url], { maxConnections: 2 });
    const order: number[] = [];
    const all = [0, 1, 2, 3, 4].map((index) => ask(upstream).over.then(() => order.push(index)));
    for (let round = 0; round < 3; round += 1) {
      await until(() => held.length === (round < 2 ? 2 : 1));
      expect(upstream.targets()[0]?.connections).toBe(2);
      release();
    }
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(server.sockets).toHaveLength(2);
  });

  test('one that waits longer than the connect limit is refused unsent; one that is aborted is forgotten', async () => {
    const { server, held, release } = await holding();
    const upstream = open([server.url], { maxConnections: 1, connectTimeoutMs: 200 });
    const first = ask(upstream);
    const late = ask(upstream);
    const aborted = ask(upstream);
    aborted.call.abort();
    expect((await late.over).failure).toMatchObject({ kind: 'refused', unsent: true });
    expect(upstream.outstanding()).toBe(1);
    expect(held).toHaveLength(1);
    release();
    expect(bodyOf(await first.over)).toBe('ok');
    expect(aborted.outcome.endings).toBe(0);
    // A full pool is no illness of the target.
    expect(upstream.targets()[0]?.healthy).toBe(true);
  });

  test('no more than the bound wait', async () => {
    const { server } = await holding();
    const upstream = open([server.url], { maxConnections: 1 });
    const asked = Array.from({ length: MAX_WAITING + 2 }, () => ask(upstream));
    expect((await asked.at(-1)?.over)?.failure).toMatchObject({ kind: 'refused', unsent: true });
    expect(upstream.outstanding()).toBe(MAX_WAITING + 1);
    for (const { call } of asked) call.abort();
    expect(upstream.outstanding()).toBe(0);
  });

  test('an upgrade takes the place of an idle connection', async () => {
    const server = await scripted((socket) =>
      onRequests(socket, (text) =>
        socket.write(text.includes('Upgrade\r\n') ? 'HTTP/1.1 101 Go\r\nupgrade: x\r\n\r\n' : OK),
      ),
    );
    const upstream = open([server.url], { maxConnections: 1 });
    await ask(upstream).over;
    const { upgraded } = await ask(upstream, { upgrade: true }).over;
    expect(upgraded).toBeDefined();
    // Handed over, it takes no place any more.
    expect(bodyOf(await ask(upstream).over)).toBe('ok');
    upgraded?.socket.destroy();
  });
});

describe('kept connections', () => {
  /** Ends each connection when the second request comes on it, as if it had just been closed for idleness. */
  const forgetful = () =>
    scripted((socket, index) =>
      onRequests(socket, (_text, count) => {
        if (count === 1) socket.write(OK);
        else if (index % 2 === 0) socket.resetAndDestroy();
        else socket.destroy();
      }),
    );

  test('a repeatable request whose kept connection dies unanswered is sent once more on a fresh one', async () => {
    const server = await forgetful();
    const upstream = open([server.url]);
    for (let i = 0; i < 5; i += 1) expect(bodyOf(await ask(upstream).over)).toBe('ok');
    expect(server.sockets).toHaveLength(5);
    expect(upstream.targets()[0]?.healthy).toBe(true);
  });

  test('one that must not be repeated, or whose body was begun, fails instead', async () => {
    const server = await forgetful();
    const upstream = open([server.url]);
    await ask(upstream).over;
    expect((await ask(upstream, { method: 'DELETE', retryable: false }).over).failure).toMatchObject({
      kind: 'reset',
      unsent: false,
    });
    await ask(upstream).over;
    const put = ask(upstream, { method: 'PUT', body: 2 });
    put.call.write(Buffer.from('ab'));
    expect((await put.over).failure).toMatchObject({ kind: 'reset', unsent: false });
  });

  test('a request is sent again once, not for ever, and not after a byte of the answer', async () => {
    let requests = 0;
    const server = await scripted((socket, index) =>
      onRequests(socket, (_text, count) => {
        requests += 1;
        if (index === 0 && count === 1) socket.write(OK);
        else socket.resetAndDestroy();
      }),
    );
    const upstream = open([server.url]);
    await ask(upstream).over;
    expect((await ask(upstream).over).failure?.kind).toBe('reset');
    expect(requests).toBe(3);

    const partial = await scripted((socket) =>
      onRequests(socket, (_text, count) => (count === 1 ? socket.write(OK) : socket.end('HTTP/1.1 200'))),
    );
    const other = open([partial.url]);
    await ask(other).over;
    expect((await ask(other).over).failure?.kind).toBe('reset');
    expect(partial.sockets).toHaveLength(1);
  });

  test('idle ones are closed after four seconds, or sooner where the server says so', async () => {
    const hinted = await scripted((socket) =>
      onRequests(socket, () => socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n')),
    );
    const plain = await scripted((socket) => onRequests(socket, () => socket.write(OK)));
    const upstreams = [open([hinted.url]), open([plain.url])] as const;
    const begun = performance.now();
    await Promise.all(upstreams.map((upstream) => ask(upstream).over));
    await until(() => upstreams[0].targets()[0]?.connections === 0);
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(upstreams[1].targets()[0]?.connections).toBe(1);
    await until(() => upstreams[1].targets()[0]?.connections === 0, 8_000);
    expect(performance.now() - begun).toBeGreaterThan(3_900);
  });

  test('a request that must not be repeated avoids a connection that was idle for more than a second', async () => {
    const server = await scripted((socket) => onRequests(socket, () => socket.write(OK)));
    const upstream = open([server.url]);
    await ask(upstream).over;
    await ask(upstream, { method: 'DELETE', retryable: false }).over;
    expect(server.sockets).toHaveLength(1);
    await pause(1_100);
    await ask(upstream, { method: 'DELETE', retryable: false }).over;
    expect(server.sockets).toHaveLength(2);
  });

  test('the one used last is used first', async () => {
    const seen: number[] = [];
    const server = await scripted((socket, index) =>
      onRequests(socket, () => {
        seen.push(index);
        setTimeout(() => socket.write(OK), index * 30);
      }),
    );
    const upstream = open([server.url]);
    await Promise.all([ask(upstream).over, ask(upstream).over, ask(upstream).over]);
    await ask(upstream).over;
    expect(seen.at(-1)).toBe(2);
  });
});

describe('time limits', () => {
  test('no answer in time is a timeout, however the head trickles in', async () => {
    const server = await scripted((socket) =>
      onRequests(socket, () => {
        const timer = setInterval(() => socket.write('H'), 50);
        socket.on('close', () => clearInterval(timer));
        socket.write('HTTP/1.1 200 OK\r\nA: ');
      }),
    );
    const outcome = await ask(open([server.url], { firstByteTimeoutMs: 250 })).over;
    expect(outcome.failure).toMatchObject({ kind: 'timeout', unsent: false });
    await until(() => server.open() === 0);
  });

  test('silence in the middle of an answer is a timeout, a slow but steady one is not', async () => {
    const server = await scripted((socket) =>
      onRequests(socket, async (text) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n');
        for (let i = 0; i < (text.includes('steady') ? 10 : 3); i += 1) {
          await pause(60);
          socket.write('x');
        }
      }),
    );
    const upstream = open([server.url], { idleTimeoutMs: 300, firstByteTimeoutMs: 300 });
    const [silent, steady] = await Promise.all([ask(upstream).over, ask(upstream, { target: '/steady' }).over]);
    expect(silent.failure?.kind).toBe('timeout');
    expect(steady.failure).toBeUndefined();
  });

  test('a client that sends its body slowly is not the target being slow', async () => {
    const server = await scripted((socket) => onRequests(socket, () => socket.write(OK)));
    const { call, over } = ask(open([server.url], { firstByteTimeoutMs: 200 }), {
      method: 'POST',
      body: 4,
      retryable: false,
    });
    call.write(Buffer.from('ab'));
    await pause(500);
    call.write(Buffer.from('cd'));
    expect(bodyOf(await over)).toBe('ok');
  });

  test('a target that does not read the body is a timeout', async () => {
    const server = await scripted((socket) => socket.pause());
    const { call, over } = ask(open([server.url], { firstByteTimeoutMs: 200 }), {
      method: 'POST',
      body: 50_000_000,
      retryable: false,
    });
    // More than the kernel takes in.
    call.write(Buffer.alloc(30_000_000));
    expect((await over).failure?.kind).toBe('timeout');
  });

  test('I11: a standstill of our own event loop is not taken for silence of the target', async () => {
    const server = await scripted((socket) => onRequests(socket, () => setTimeout(() => socket.write(OK), 150)));
    const { over } = ask(open([server.url], { firstByteTimeoutMs: 300 }));
    await pause(50);
    const end = performance.now() + 800;
    while (performance.now() < end);
    expect(bodyOf(await over)).toBe('ok');
  });
});

test('close ends idle connections, lets requests finish and takes no new ones', async () => {
  const { server, held, release } = await holding();
  const upstream = open([server.url], { maxConnections: 2 });
  const idle = ask(upstream);
  await until(() => held.length === 1);
  release();
  await idle.over;
  const running = [ask(upstream), ask(upstream), ask(upstream)];
  await until(() => held.length === 2);
  upstream.close();
  expect((await ask(upstream).over).failure).toMatchObject({ kind: 'refused', unsent: true });
  release();
  await until(() => held.length === 1);
  release();
  for (const { over } of running) expect(bodyOf(await over)).toBe('ok');
  expect(upstream.targets()[0]?.connections).toBe(0);
  await until(() => server.open() === 0);
});

describe('a target that has a name', () => {
  /** Asks every second for `seconds` of virtual time, so that a connection is never idle for long. */
  async function askFor(seconds: number, url: string, between: (second: number) => unknown = () => undefined) {
    const clock = new ManualClock();
    const upstream = trialUpstream([url], {}, clock);
    cleanups.push(() => upstream.close());
    const answers: string[] = [];
    for (let second = 0; second < seconds; second += 1) {
      answers.push(bodyOf(await ask(upstream).over));
      between(second);
      clock.advance(1_000);
    }
    return answers;
  }

  test('is asked for its address again within a minute, and followed where it went', async () => {
    const here = await scripted((socket) => onRequests(socket, () => socket.write(OK)));
    const there = net.createServer((socket) => onRequests(socket, () => socket.write(OK.replace('ok', 'OK'))));
    await new Promise<void>((resolve) => there.listen(here.port, '127.0.0.2', resolve));
    cleanups.push(() => new Promise((resolve) => there.close(resolve)));
    let address = '127.0.0.1';
    // There is no resolver to be had here that tells what a test wants.
    const told = vi.spyOn(dns, 'lookup').mockImplementation(((
      _name: string,
      options: dns.LookupOptions,
      done: (...results: unknown[]) => void,
    ) => {
      const found = { address, family: 4 };
      process.nextTick(() => (options.all === true ? done(null, [found]) : done(null, address, 4)));
    }) as typeof dns.lookup);
    cleanups.push(() => told.mockRestore());
    const answers = await askFor(MAX_NAMED_AGE_MS / 1_000 + 5, `http://moved.test:${here.port}`, (second) => {
      if (second === 10) address = '127.0.0.2';
    });
    const moved = answers.indexOf('OK');
    expect(moved).toBeGreaterThan(10);
    expect(moved).toBeLessThanOrEqual(MAX_NAMED_AGE_MS / 1_000 + 1);
    expect(new Set(answers.slice(moved))).toEqual(new Set(['OK']));
    expect(told).toHaveBeenCalledTimes(2);
  });

  test('an address keeps its connection', async () => {
    const server = await scripted((socket) => onRequests(socket, () => socket.write(OK)));
    await askFor(90, server.url);
    expect(server.sockets).toHaveLength(1);
  });
});
