import http from 'node:http';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import {
  ask,
  type Got,
  type Handler,
  type Origin,
  type Rig,
  startOrigin,
  startRig,
  until,
} from '../../test/support/proxy-rig.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function origin(handler: Handler): Promise<Origin> {
  const started = await startOrigin(handler);
  cleanups.push(() => started.close());
  return started;
}

async function rigOf(control: Origin): Promise<Rig> {
  const rig = await startRig({ control: control.url, candidate: control.url });
  cleanups.push(() => rig.close());
  return rig;
}

test('I12: twenty drains under keep-alive load lose no request', async () => {
  const control = await origin((request, response) => {
    request.resume().on('end', () => setTimeout(() => response.end(request.url), Math.random() * 3));
  });
  let current = await rigOf(control);
  let isOver = false;
  let answered = 0;
  const failures: string[] = [];
  // Each client keeps its connection as long as the proxy lets it, and finds the present proxy for a new one.
  const client = async (name: number): Promise<void> => {
    let port = current.port;
    let agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let n = 0; !isOver; n++) {
      const target = `/c${name}-${n}`;
      const method = n % 2 === 0 ? 'GET' : 'POST';
      try {
        const got: Got = await ask(port, { method, target, agent, ...(method === 'POST' ? { body: 'x' } : {}) });
        if (got.body.toString() !== target) failures.push(`${target}: got ${got.body}`);
        answered += 1;
        if (got.headers.connection === 'close') {
          agent.destroy();
          agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
          port = current.port;
        }
      } catch (error) {
        failures.push(`${target}: ${error}`);
        port = current.port;
      }
    }
    agent.destroy();
  };
  const clients = Array.from({ length: 12 }, (_, name) => client(name));
  const outcomes: unknown[] = [];
  for (let round = 0; round < 20; round++) {
    const before = answered;
    await until(() => answered > before + 50, 'traffic flows');
    const old = current;
    current = await rigOf(control);
    outcomes.push(await old.proxy.drain(5_000));
  }
  isOver = true;
  await Promise.all(clients);
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(1_000);
  expect(outcomes).toEqual(Array.from({ length: 20 }, () => ({ finished: true, cut: 0 })));
}, 60_000);

test('a drain refuses new connections, answers the next request on a kept one, and says close', async () => {
  const control = await origin((_request, response) => void response.end('ok'));
  const rig = await rigOf(control);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  await ask(rig.port, { agent });
  const drained = rig.proxy.drain(5_000);
  await expect(ask(rig.port)).rejects.toThrow(/ECONNREFUSED/);
  const got = await ask(rig.port, { agent });
  expect([got.status, got.headers.connection]).toEqual([200, 'close']);
  expect(await drained).toEqual({ finished: true, cut: 0 });
  agent.destroy();
});

test('a drain waits for what is in flight, and cuts what is not done in time', async () => {
  const finish: (() => void)[] = [];
  const control = await origin((_request, response) => void finish.push(() => response.end('late')));
  const rig = await rigOf(control);
  const late = ask(rig.port);
  const never = ask(rig.port);
  const cut = expect(never).rejects.toThrow();
  await until(() => finish.length === 2, 'both are in flight');
  const drained = rig.proxy.drain(600);
  finish[0]?.();
  expect((await late).body.toString()).toBe('late');
  await cut;
  expect(await drained).toEqual({ finished: false, cut: 1 });
});

test('an idle connection is left alone until the time is over', async () => {
  const control = await origin((_request, response) => void response.end('ok'));
  const rig = await rigOf(control);
  let closed = false;
  const socket = net.connect(rig.port, '127.0.0.1');
  socket.on('close', () => {
    closed = true;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  await ask(rig.port);
  const begun = performance.now();
  const drained = rig.proxy.drain(300);
  expect(closed).toBe(false);
  expect(await drained).toEqual({ finished: true, cut: 0 });
  expect(performance.now() - begun).toBeGreaterThanOrEqual(290);
  await until(() => closed, 'it is closed then');
});
