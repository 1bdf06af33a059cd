import http, { type IncomingMessage } from 'node:http';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import {
  ask,
  type Handler,
  type Origin,
  type Rig,
  type RigOptions,
  says,
  sendRaw,
  startOrigin,
  startRig,
  until,
} from '../../test/support/proxy-rig.ts';
import type { Source } from '../core/identity.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function origin(handler: Handler): Promise<Origin> {
  const started = await startOrigin(handler);
  cleanups.push(() => started.close());
  return started;
}

async function rigOf(options: RigOptions): Promise<Rig> {
  const rig = await startRig(options);
  cleanups.push(() => rig.close());
  return rig;
}

test('64 MiB stream through in bounded memory while the client reads slowly', async () => {
  const piece = Buffer.alloc(65_536, 'x');
  let sentBytes = 0;
  const control = await origin((_request, response) => {
    const pump = (): void => {
      while (sentBytes < 67_108_864) {
        sentBytes += piece.length;
        if (!response.write(piece)) return void response.once('drain', pump);
      }
      response.end();
    };
    pump();
  });
  const rig = await rigOf({ control: control.url, candidate: control.url });
  const response = await new Promise<IncomingMessage>((resolve) => http.get(rig.url, { agent: false }, resolve));
  response.pause();
  const before = process.memoryUsage().rss;
  let last = -1;
  // The kernel's buffers fill up, then nothing moves any more: that is the backpressure.
  while (last !== sentBytes) {
    last = sentBytes;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  expect(sentBytes).toBeLessThan(40_000_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
  let gotBytes = 0;
  response.on('data', (chunk: Buffer) => {
    gotBytes += chunk.length;
  });
  response.resume();
  await new Promise((resolve) => response.on('end', resolve));
  expect(gotBytes).toBe(67_108_864);
});

test('an upload waits for a slow upstream', async () => {
  const requests: IncomingMessage[] = [];
  const control = await origin((request, response) => {
    requests.push(request.pause());
    request.on('end', () => response.end('got it'));
  });
  const rig = await rigOf({
    control: control.url,
    candidate: control.url,
    settings: { control: { idleTimeoutMs: 20_000 } },
  });
  const client = http.request({
    port: rig.port,
    method: 'POST',
    agent: false,
    headers: { 'content-length': '67108864' },
  });
  const answered = new Promise<IncomingMessage>((resolve) => client.on('response', resolve));
  const piece = Buffer.alloc(65_536);
  let sentBytes = 0;
  const pump = (): void => {
    while (sentBytes < 67_108_864) {
      sentBytes += piece.length;
      if (!client.write(piece)) return void client.once('drain', pump);
    }
    client.end();
  };
  pump();
  let last = -1;
  while (last !== sentBytes) {
    last = sentBytes;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  expect(sentBytes).toBeLessThan(40_000_000);
  requests[0]?.resume();
  expect((await answered).statusCode).toBe(200);
});

test('a client that goes away ends the upstream’s work, and is no failure of anyone', async () => {
  let aborted = false;
  const control = await origin((_request, response) => {
    response.on('close', () => {
      aborted = !response.writableFinished;
    });
  });
  const rig = await rigOf({ control: control.url, candidate: control.url, policy: { mirrorPpm: 1_000_000 } });
  const client = http.get(rig.url, { agent: false }).on('error', () => undefined);
  await until(() => control.requests.length === 1, 'it is in flight');
  client.destroy();
  await until(() => aborted, 'the upstream is told');
  await until(() => rig.sink.records.length === 1, 'it is recorded');
  expect(rig.sink.records[0]).toMatchObject({ status: 0, clientAborted: true, failure: undefined });
  expect(rig.sink.reasons).toMatchObject([{ reason: 'client-aborted' }]);
  expect(rig.proxy.outstanding('control')).toBe(0);
});

test('a client that stops in the middle of its upload is let go', async () => {
  const control = await origin((request) => void request.resume());
  const settings = { limits: { bodyIdleTimeoutMs: 300 } };
  const rig = await rigOf({ control: control.url, candidate: control.url, settings });
  const { text, ended } = await sendRaw(rig.port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc', {
    untilQuietMs: 5_000,
  });
  expect([ended, text.slice(0, 12)]).toEqual([true, 'HTTP/1.1 408']);
  await until(() => rig.proxy.outstanding('control') === 0, 'the upstream’s connection is given up');
});

test('a client that does not read is let go', async () => {
  const control = await origin((_request, response) => void response.end(Buffer.alloc(20_000_000)));
  const settings = { limits: { bodyIdleTimeoutMs: 300 } };
  const rig = await rigOf({ control: control.url, candidate: control.url, settings });
  const socket = net.connect(rig.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n')).pause();
  socket.on('error', () => undefined);
  await until(() => rig.sink.records.length === 1, 'it is ended and recorded', 8_000);
  expect(rig.sink.records[0]).toMatchObject({ clientAborted: true });
  socket.destroy();
});

test('every served request is recorded once, whatever became of it', async () => {
  const control = await origin((request, response) => {
    if (request.url === '/hang') return;
    if (request.url === '/cut') return void response.destroy();
    response.writeHead(request.url === '/500' ? 500 : 200).end('x');
  });
  const rig = await rigOf({ control: control.url, candidate: control.url });
  await Promise.allSettled(['/', '/500', '/cut'].map((target) => ask(rig.port, { target })));
  const client = http.get(`${rig.url}/hang`, { agent: false }).on('error', () => undefined);
  await until(() => control.requests.some((request) => request.url === '/hang'), 'it hangs');
  client.destroy();
  await until(() => rig.sink.records.length >= 4, 'all are recorded');
  await ask(rig.port);
  await until(() => rig.sink.records.length >= 5, 'and the last');
  expect(rig.sink.records.map(({ status, failure }) => [status, failure]).sort()).toEqual([
    [0, undefined],
    [200, undefined],
    [200, undefined],
    [500, 'status'],
    [502, 'reset'],
  ]);
});

test('a new table counts from the next request on', async () => {
  const control = await origin(says('control'));
  const candidate = await origin(says('candidate'));
  const rig = await rigOf({ control: control.url, candidate: candidate.url });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  expect((await ask(rig.port, { agent })).body.toString()).toBe('control');
  rig.setDial(1_000_000);
  expect((await ask(rig.port, { agent })).body.toString()).toBe('candidate');
  rig.setDial(0);
  expect((await ask(rig.port, { agent })).body.toString()).toBe('control');
  agent.destroy();
});

test('the facts of a described request are those of a real one', async () => {
  const control = await origin(says('control'));
  const rig = await rigOf({ control: control.url, candidate: control.url });
  expect(
    rig.proxy.factsOf({ method: 'GET', target: '/a?b', headers: [['x-user', 'u7']], address: '::ffff:10.0.0.1' }),
  ).toMatchObject({
    endpoint: 'GET /a',
    tenant: 'acme',
    subject: 'u7',
    hasRange: false,
    acts: false,
    address: '10.0.0.1',
  });
  expect(() => rig.proxy.factsOf({ method: 'TRACE', target: '/', headers: [], address: '' })).toThrow(/refused/);
});

test('a tenant may be a claim of a token; one that says nothing falls to the next source, and is counted', async () => {
  const control = await origin(says('control'));
  const faults: string[] = [];
  const tenant: Source[] = [{ from: 'claim', claim: 'org.id', header: 'authorization' }, { from: 'host' }];
  const rig = await rigOf({
    control: control.url,
    candidate: control.url,
    settings: { identity: { tenant } },
    deps: { onTokenFault: (fault) => faults.push(fault) },
  });
  const bearer = (payload: string): string => `Bearer e30.${Buffer.from(payload).toString('base64url')}.c2ln`;
  const tokens = [bearer('{"org":{"id":"acme"}}'), bearer('{"sub":"ann"}'), 'Bearer b4d9f1e2', 'Basic YTpi'];
  for (const authorization of [...tokens, ...tokens])
    await ask(rig.port, { headers: { host: 'shop.test', authorization } });
  const tenants = ['acme', 'shop.test', 'shop.test', 'shop.test'];
  expect(rig.sink.records.map(({ tenant: named }) => named)).toEqual([...tenants, ...tenants]);
  expect(faults).toEqual(['noClaim', 'unreadable', 'noClaim', 'unreadable']);
  // What says who a request claims to be is passed on for the application to verify.
  expect(control.requests[0]?.headers.authorization).toBe(tokens[0]);
});

test('a decision that throws is a fault of ours: the control serves', async () => {
  const control = await origin(says('control'));
  const rig = await rigOf({ control: control.url, candidate: control.url, dialPpm: 1_000_000 });
  const table = rig.proxy.table;
  const broken = (): never => {
    throw new Error('broken table');
  };
  rig.proxy.setTable({ ...table, latches: { find: broken } as unknown as typeof table.latches }); // a fault on purpose
  const got = await ask(rig.port);
  expect([got.status, got.body.toString()]).toEqual([200, 'control']);
});

test('hostHeader, credentials and HTTP/1.0 without Host: each side gets what it is set to', async () => {
  const control = await origin(says('control'));
  const candidate = await origin(says('candidate'));
  const settings = { candidate: { hostHeader: 'upstream', credentials: 'strip' } } as const;
  const rig = await rigOf({ control: control.url, candidate: candidate.url, settings });
  const headers = { host: 'shop.test', cookie: 'a=1', authorization: 'Basic eA==' };
  await ask(rig.port, { headers });
  rig.setDial(1_000_000);
  await ask(rig.port, { headers });
  rig.setDial(0);
  await sendRaw(rig.port, 'GET / HTTP/1.0\r\n\r\n');
  expect(control.requests[0]?.headers).toMatchObject(headers);
  expect(candidate.requests[0]?.headers.host).toBe(candidate.url.slice(7));
  expect(candidate.requests[0]?.headers['x-forwarded-host']).toBe('shop.test');
  expect(candidate.requests[0]?.headers.cookie).toBeUndefined();
  expect(candidate.requests[0]?.headers.authorization).toBeUndefined();
  expect(control.requests[1]?.headers.host).toBe(control.url.slice(7));
});

test('a port that is taken is LISTEN_FAILED', async () => {
  const control = await origin(says('control'));
  const settings = { listen: { host: '127.0.0.1', port: control.port } };
  const starting = startRig({ control: control.url, candidate: control.url, settings });
  await expect(starting).rejects.toMatchObject({ code: 'LISTEN_FAILED', hint: expect.stringContaining('listen') });
});
