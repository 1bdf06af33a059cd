import net, { type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  ask,
  deadPort,
  type Handler,
  listenAnywhere,
  type Origin,
  type Rig,
  type RigOptions,
  says,
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

/** A candidate that does with each connection what the test says. */
async function rawCandidate(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  const port = await listenAnywhere(server);
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${port}`;
}

async function rigOf(options: RigOptions): Promise<Rig> {
  const rig = await startRig({ dialPpm: 1_000_000, ...options });
  cleanups.push(() => rig.close());
  return rig;
}

const echo: Handler = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => response.end(`control:${Buffer.concat(chunks)}`));
};

const FAILURES: [what: string, failure: string, candidate: () => Promise<string>][] = [
  ['refuses', 'refused', async () => `http://127.0.0.1:${await deadPort()}`],
  ['resets', 'reset', () => rawCandidate((socket) => socket.once('data', () => socket.resetAndDestroy()))],
  ['closes without a word', 'reset', () => rawCandidate((socket) => socket.once('data', () => socket.end()))],
  ['is silent', 'timeout', () => rawCandidate((socket) => socket.resume())],
  [
    'breaks off within its head',
    'reset',
    () => rawCandidate((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Le'))),
  ],
  ...[500, 502, 503, 504].map((status): (typeof FAILURES)[number] => [
    `answers ${status}`,
    'status',
    () =>
      rawCandidate((socket) =>
        socket.on('data', () => socket.write(`HTTP/1.1 ${status} No\r\nContent-Length: 3\r\n\r\nbad`)),
      ),
  ]),
  [
    'answers 500 with a body without end',
    'status',
    () =>
      rawCandidate((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n');
          const flood = setInterval(() => socket.write(`8000\r\n${'x'.repeat(0x8000)}\r\n`), 1);
          socket.once('close', () => clearInterval(flood));
        });
      }),
  ],
];

describe('I3: the control answers a safe request when the candidate', () => {
  test.each(FAILURES)('%s', async (_what, failure, candidate) => {
    const control = await origin(echo);
    const rig = await rigOf({
      control: control.url,
      candidate: await candidate(),
      settings: { candidate: { firstByteTimeoutMs: 200 } },
    });
    const got = await ask(rig.port);
    expect([got.status, got.body.toString()]).toEqual([200, 'control:']);
    const withBody = await ask(rig.port, { headers: { 'content-length': '5' }, body: 'hello' });
    expect(withBody.body.toString()).toBe('control:hello');
    await until(() => rig.sink.records.length === 2, 'both are recorded');
    for (const record of rig.sink.records) {
      expect(record).toMatchObject({ servedBy: 'control', failedOver: true, status: 200, clientAborted: false });
      expect(record.decision.side).toBe('candidate');
    }
    expect(rig.sink.records[0]?.failure).toBe(failure);
    await until(() => rig.proxy.outstanding('candidate') === 0, 'nothing of the candidate is left');
  });
});

describe('I7: a request with side effects is never sent twice:', () => {
  const options = { policy: { writes: true }, settings: { candidate: { firstByteTimeoutMs: 200 } } };

  test.each(FAILURES.filter(([what, failure]) => failure !== 'refused' && !what.endsWith('without end')))(
    'candidate %s',
    async (what, failure, candidate) => {
      const control = await origin(echo);
      const rig = await rigOf({ ...options, control: control.url, candidate: await candidate() });
      const got = await ask(rig.port, { method: 'POST', body: 'once' });
      expect(got.status).toBe(failure === 'timeout' ? 504 : failure === 'status' ? Number(what.slice(8)) : 502);
      expect(control.requests).toHaveLength(0);
      await until(() => rig.sink.records.length === 1, 'it is recorded');
      expect(rig.sink.records[0]).toMatchObject({ failure, failedOver: false });
    },
  );

  test('only a refused connection, which sent nothing, leads to the control', async () => {
    const control = await origin(echo);
    const rig = await rigOf({ ...options, control: control.url, candidate: `http://127.0.0.1:${await deadPort()}` });
    const got = await ask(rig.port, { method: 'POST', body: 'once' });
    expect(got.body.toString()).toBe('control:once');
    expect(control.requests).toHaveLength(1);
    const large = await ask(rig.port, { method: 'POST', body: Buffer.alloc(300_000, 'x') });
    expect([large.status, large.body.length]).toEqual([200, 300_008]);
  });

  test('a safe request that acts is not repeated either', async () => {
    const control = await origin(echo);
    const candidate = await origin((_request, response) => response.writeHead(500).end());
    const rig = await rigOf({ ...options, control: control.url, candidate: candidate.url });
    expect((await ask(rig.port, { target: '/logout' })).status).toBe(500);
    expect([candidate.requests.length, control.requests.length]).toEqual([1, 0]);
  });
});

describe('a control that fails', () => {
  test.each(FAILURES.filter(([, failure]) => failure !== 'status'))(
    'and %s is a 502 or 504, and the candidate is not asked',
    async (_what, failure, control) => {
      const candidate = await origin(says('candidate'));
      const rig = await rigOf({
        dialPpm: 0,
        control: await control(),
        candidate: candidate.url,
        settings: { control: { firstByteTimeoutMs: 200 } },
      });
      const got = await ask(rig.port);
      expect(got.status).toBe(failure === 'timeout' ? 504 : 502);
      expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'CONTROL_UNREACHABLE', status: got.status });
      expect(got.body.toString()).not.toContain('127.0.0.1');
      expect(candidate.requests).toHaveLength(0);
      await until(() => rig.sink.records.length === 1, 'it is recorded');
      expect(rig.sink.records[0]).toMatchObject({ failure, failedOver: false });
      expect(rig.sink.records[0]?.servedBy).toBeUndefined();
    },
  );

  test('answers 503: the client gets that very answer', async () => {
    const control = await origin((_request, response) => response.writeHead(503, { 'retry-after': '9' }).end('later'));
    const rig = await rigOf({ dialPpm: 0, control: control.url, candidate: control.url });
    const got = await ask(rig.port);
    expect([got.status, got.headers['retry-after'], got.body.toString()]).toEqual([503, '9', 'later']);
  });
});

test('a retired endpoint stays with the candidate, for the control no longer serves it', async () => {
  const control = await origin(echo);
  const candidate = await origin((_request, response) => response.writeHead(503).end('candidate'));
  const rig = await rigOf({ control: control.url, candidate: candidate.url, policy: { retired: true } });
  expect((await ask(rig.port)).body.toString()).toBe('candidate');
  expect(control.requests).toHaveLength(0);
});

describe('an idempotency key', () => {
  const policy = { writes: true };
  const post = { method: 'POST', headers: { 'idempotency-key': '"k1"' }, body: 'x' };

  test('is recorded before the request is forwarded, and the recorded side serves', async () => {
    const control = await origin(says('control'));
    const candidate = await origin(says('candidate'));
    const hashes: string[] = [];
    const recordKey = async (hash: string): Promise<'control'> => {
      hashes.push(hash);
      expect(candidate.requests).toHaveLength(0);
      return 'control';
    };
    const rig = await rigOf({ control: control.url, candidate: candidate.url, policy, deps: { recordKey } });
    expect((await ask(rig.port, post)).body.toString()).toBe('control');
    const bare = { ...post, headers: { 'idempotency-key': 'k1' } };
    await ask(rig.port, bare);
    await ask(rig.port, { ...bare, method: 'GET' });
    expect(hashes).toHaveLength(2);
    expect(new Set(hashes).size).toBe(1);
    expect(rig.sink.records[0]?.decision.reason).toBe('idempotency-key');
  });

  test('known from memory needs no record, and goes where it went before', async () => {
    const control = await origin(says('control'));
    const candidate = await origin(says('candidate'));
    const recordKey = (): Promise<'control'> => Promise.reject(new Error('must not be asked'));
    const deps = { recordKey, keyedSide: () => 'candidate' as const };
    const rig = await rigOf({ dialPpm: 0, control: control.url, candidate: candidate.url, policy, deps });
    expect((await ask(rig.port, post)).body.toString()).toBe('candidate');
  });

  test.each([
    ['never answers', () => new Promise<'control'>(() => {})],
    ['fails', () => Promise.reject(new Error('disk full'))],
  ])('I6: a store that %s holds nobody up', async (_what, recordKey) => {
    const control = await origin(says('control'));
    const rig = await rigOf({ dialPpm: 0, control: control.url, candidate: control.url, policy, deps: { recordKey } });
    expect((await ask(rig.port, post)).status).toBe(200);
  });

  test('of a side that cannot be reached gives 503 with Retry-After, and nothing elsewhere', async () => {
    const control = await origin(says('control'));
    const candidate = `http://127.0.0.1:${await deadPort()}`;
    const deps = { keyedSide: () => 'candidate' as const };
    const rig = await rigOf({ control: control.url, candidate, policy, deps });
    const got = await ask(rig.port, post);
    expect([got.status, got.headers['retry-after']]).toEqual([503, '1']);
    expect(control.requests).toHaveLength(0);
  });
});

describe('a force header', () => {
  const headers = { 'x-cutover-side': 'candidate', 'x-cutover-token': 'good' };

  test('of a stranger counts nothing and goes nowhere', async () => {
    const control = await origin(says('control'));
    const rig = await rigOf({ dialPpm: 0, control: control.url, candidate: control.url });
    await ask(rig.port, { headers });
    expect(rig.sink.records[0]?.decision.reason).toBe('dial');
    expect(JSON.stringify(control.requests[0]?.rawHeaders)).not.toMatch(/x-cutover/i);
  });

  test.each<[string, { side: 'candidate'; tenant?: string; endpoint?: string } | undefined, string]>([
    ['valid', { side: 'candidate' }, 'candidate'],
    ['for this tenant', { side: 'candidate', tenant: 'acme' }, 'candidate'],
    ['for this endpoint', { side: 'candidate', endpoint: 'GET /' }, 'candidate'],
    ['for another tenant', { side: 'candidate', tenant: 'other' }, 'control'],
    ['for another endpoint', { side: 'candidate', endpoint: 'GET /b' }, 'control'],
    ['invalid', undefined, 'control'],
  ])('with a token that is %s', async (_what, claims, side) => {
    const control = await origin(says('control'));
    const candidate = await origin(says('candidate'));
    const deps = { verifyToken: () => claims };
    const rig = await rigOf({ dialPpm: 0, control: control.url, candidate: candidate.url, deps });
    expect((await ask(rig.port, { headers })).body.toString()).toBe(side);
  });

  test('of a trusted network counts', async () => {
    const control = await origin(says('control'));
    const candidate = await origin(says('candidate'));
    const settings = { trust: { networks: ['127.0.0.0/8'] } };
    const rig = await rigOf({ dialPpm: 0, control: control.url, candidate: candidate.url, settings });
    expect((await ask(rig.port, { headers: { 'x-cutover-side': 'candidate' } })).body.toString()).toBe('candidate');
    expect(JSON.stringify(candidate.requests[0]?.rawHeaders)).not.toMatch(/x-cutover/i);
  });
});
