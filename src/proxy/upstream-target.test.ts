import { createServer } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { listening, onRequests, type RawServer, rawServer, until } from '../../test/support/raw-server.ts';
import { ask, bodyOf, LIMITS, trialUpstream } from '../../test/support/upstream-trial.ts';
import type { UpstreamRequest } from './upstream.ts';
import { targetAddress, UpstreamDialer } from './upstream-dialer.ts';
import { chooseTarget, SLOW_START_MS, UpstreamTarget } from './upstream-target.ts';

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

/** Answers with its name. */
const named = (name: string, delayMs = 0) =>
  scripted((socket) =>
    onRequests(socket, () =>
      setTimeout(() => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`), delayMs),
    ),
  );

/** A port on which nobody listens. */
async function deadUrl(): Promise<string> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

describe('balancing', () => {
  test('equals take turns', async () => {
    const servers = [await named('a'), await named('b'), await named('c')];
    const upstream = open(servers.map((server) => server.url));
    const answers: string[] = [];
    for (let i = 0; i < 9; i += 1) answers.push(bodyOf(await ask(upstream).over));
    expect(answers.sort().join('')).toBe('aaabbbccc');
  });

  test('a target with fewer requests in hand gets the next one', async () => {
    const servers = [await named('slow', 400), await named('fast')];
    const upstream = open(servers.map((server) => server.url));
    const slow = ask(upstream);
    const second = ask(upstream);
    const busy = (await Promise.race([slow.over, second.over])) === slow.outcome ? second : slow;
    for (let i = 0; i < 5; i += 1) expect(bodyOf(await ask(upstream).over)).toBe('fast');
    expect(bodyOf(await busy.over)).toBe('slow');
  });
});

/** A target that serves one request after the other, in virtual time. */
interface Modelled {
  readonly target: UpstreamTarget;
  readonly tookMs: number;
  readonly ends: number[];
}

function modelled(clock: ManualClock, tookMs: number): Modelled {
  const dialer = new UpstreamDialer(targetAddress('http://127.0.0.1:1'), undefined);
  const target = new UpstreamTarget({
    dialer,
    clock,
    limits: LIMITS,
    timeouts: { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000 },
    maxConnections: 1,
    health: { path: undefined, intervalMs: 1_000, timeoutMs: 1_000, unhealthyAfter: 1, healthyAfter: 1 },
    hostHeader: 'preserve',
    onTurn: () => undefined,
  });
  return { target, tookMs, ends: [] };
}

const GET: UpstreamRequest = {
  method: 'GET',
  target: '/',
  rawHeaders: [],
  body: 'none',
  upgrade: false,
  retryable: true,
};

/** Latencies of requests that come every `everyMs`, given how the target of each is chosen. */
function latencies(
  targets: readonly Modelled[],
  everyMs: number,
  choose: (n: number, now: number) => Modelled,
): number[] {
  const all: number[] = [];
  for (let n = 0; n < 5_000; n += 1) {
    const now = n * everyMs;
    for (const one of targets) {
      while (one.ends[0] !== undefined && one.ends[0] <= now) {
        one.ends.shift();
        one.target.leave(false);
      }
    }
    const one = choose(n, now);
    const end = Math.max(now, one.ends.at(-1) ?? 0) + one.tookMs;
    one.ends.push(end);
    one.target.enter();
    all.push(end - now);
  }
  return all.sort((a, b) => a - b);
}

describe('one slow target of five', () => {
  test('99 of 100 requests by fewest outstanding take a tenth of what they take in turn, or less', () => {
    const clock = new ManualClock();
    const five = (): Modelled[] => [10, 10, 100, 10, 10].map((tookMs) => modelled(clock, tookMs));
    const p99 = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    const inTurn = five();
    const round = p99(latencies(inTurn, 4, (n) => inTurn[n % 5] as Modelled)); // there are five
    const fewest = five();
    const options = (turn: number, now: number) => ({ tried: [], turn, now });
    const targets = fewest.map(({ target }) => target);
    const least = p99(
      latencies(fewest, 4, (n, now) => {
        const chosen = chooseTarget(targets, GET, options(n, now));
        return fewest.find(({ target }) => target === chosen) as Modelled; // there is always one
      }),
    );
    expect(round).toBeGreaterThan(1_000);
    expect(least).toBeLessThanOrEqual(round / 10);
  });
});

describe('slow start', () => {
  test('a target that came back gets little at first and its full share after ten seconds', () => {
    const clock = new ManualClock();
    const [back, other] = [modelled(clock, 1).target, modelled(clock, 1).target];
    back.failed({ kind: 'refused', message: 'gone', connecting: true, unsent: true, stale: false });
    expect(back.health.healthy).toBe(false);
    back.answered();
    expect(back.health.healthy).toBe(true);
    const shareOf = (): number => {
      for (let n = 0; n < 110; n += 1) {
        chooseTarget([back, other], GET, { tried: [], turn: n, now: clock.monotonic() })?.enter();
      }
      const share = back.outstanding / 110;
      for (const target of [back, other]) while (target.outstanding > 0) target.leave(false);
      return share;
    };
    expect(shareOf()).toBeCloseTo(0.1 / 1.1, 1);
    clock.advance(SLOW_START_MS / 2);
    expect(shareOf()).toBeCloseTo(0.55 / 1.55, 1);
    clock.advance(SLOW_START_MS / 2);
    expect(shareOf()).toBeCloseTo(0.5, 1);
    expect(back.load(clock.monotonic())).toBe(1);
  });

  test('alone it gets everything', () => {
    const clock = new ManualClock();
    const { target } = modelled(clock, 1);
    target.failed({ kind: 'refused', message: 'gone', connecting: true, unsent: true, stale: false });
    target.answered();
    expect(chooseTarget([target], GET, { tried: [], turn: 0, now: clock.monotonic() })).toBe(target);
  });
});

describe('a target that cannot be reached', () => {
  test('alone: the request is refused and nothing was sent', async () => {
    const upstream = open([await deadUrl()]);
    const { failure } = await ask(upstream, { method: 'POST', body: 'chunked', retryable: false }).over;
    expect(failure).toMatchObject({ kind: 'refused', unsent: true });
    expect(failure?.message).toContain('ECONNREFUSED');
    expect(upstream.outstanding()).toBe(0);
  });

  test('beside another: even an unsafe request with its body goes there, and the dead one is left out', async () => {
    const received: string[] = [];
    const alive = await scripted((socket) =>
      onRequests(socket, (text) => {
        received.push(text);
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      }),
    );
    const dead = await deadUrl();
    const upstream = open([dead, alive.url]);
    for (let i = 0; i < 8; i += 1) {
      const { call, over } = ask(upstream, { method: 'POST', body: 4, retryable: false });
      call.write(Buffer.from('body'));
      call.end();
      expect((await over).head?.status).toBe(200);
    }
    expect(received.every((text) => text.endsWith('\r\n\r\nbody'))).toBe(true);
    expect(received).toHaveLength(8);
    expect(upstream.changes).toMatchObject([{ side: 'candidate', target: dead, healthy: false }]);
    expect(upstream.targets().map((target) => target.healthy)).toEqual([false, true]);
    expect(upstream.outstanding()).toBe(0);
  });

  test('if all targets are unhealthy they are used all the same, and heal by that', async () => {
    let broken = true;
    const server = await scripted((socket) =>
      onRequests(socket, () =>
        broken ? socket.resetAndDestroy() : socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
      ),
    );
    const upstream = open([server.url]);
    for (let i = 0; i < 4; i += 1) await ask(upstream).over;
    expect(upstream.changes.map((change) => change.healthy)).toEqual([false]);
    broken = false;
    for (let i = 0; i < 2; i += 1) expect((await ask(upstream).over).head?.status).toBe(200);
    expect(upstream.changes.map((change) => change.healthy)).toEqual([false, true]);
  });

  test('without checks, one request after the interval tries it again', async () => {
    let broken = true;
    let tries = 0;
    const ill = await scripted((socket) =>
      onRequests(socket, () => {
        tries += 1;
        if (broken) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nill');
      }),
    );
    const well = await named('well');
    const upstream = open([ill.url, well.url], {
      health: { path: undefined, intervalMs: 200, timeoutMs: 500, unhealthyAfter: 1, healthyAfter: 2 },
    });
    for (let i = 0; i < 4; i += 1) await ask(upstream).over;
    expect(upstream.targets()[0]?.healthy).toBe(false);
    const before = tries;
    for (let i = 0; i < 20; i += 1) await ask(upstream).over;
    expect(tries).toBe(before);
    broken = false;
    await new Promise((resolve) => setTimeout(resolve, 250));
    await Promise.all(Array.from({ length: 20 }, () => ask(upstream).over));
    expect(tries).toBe(before + 1);
    await ask(upstream).over;
    expect(upstream.targets()[0]).toMatchObject({ healthy: true, reason: 'answers again' });
  });
});

test('active checks take a target out and bring it back', async () => {
  let status = 302;
  const checks: string[] = [];
  const server = await scripted((socket) =>
    onRequests(socket, (text) => {
      checks.push(text);
      socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 2\r\n\r\nok`);
    }),
  );
  const upstream = open([server.url], {
    health: { path: '/up?x', intervalMs: 20, timeoutMs: 500, unhealthyAfter: 2, healthyAfter: 3 },
  });
  await until(() => checks.length >= 3);
  expect(checks[0]).toMatch(/^GET \/up\?x HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
  expect(upstream.changes).toEqual([]);
  status = 500;
  await until(() => upstream.changes.length === 1);
  expect(upstream.changes[0]).toMatchObject({ healthy: false, reason: 'check: status 500' });
  status = 200;
  await until(() => upstream.changes.length === 2);
  expect(upstream.changes[1]).toMatchObject({ healthy: true });
  upstream.close();
  const after = checks.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(checks.length).toBeLessThanOrEqual(after + 1);
});

test('a check that gets no answer in time has failed', async () => {
  const server = await scripted((socket) => socket.resume());
  const upstream = open([server.url], {
    health: { path: '/up', intervalMs: 10, timeoutMs: 50, unhealthyAfter: 2, healthyAfter: 1 },
  });
  await until(() => upstream.changes.length === 1);
  expect(upstream.changes[0]?.reason).toBe('check: no answer within 50 ms');
});
