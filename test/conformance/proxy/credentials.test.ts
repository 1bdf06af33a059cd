import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { CredentialMapping } from '../../../src/config/settings.ts';
import {
  ask,
  type Handler,
  listenAnywhere,
  type Origin,
  type Rig,
  type RigOptions,
  says,
  sendRaw,
  startOrigin,
  startRig,
  until,
} from '../../support/proxy-rig.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function origin(handler: Handler): Promise<Origin> {
  const started = await startOrigin(handler);
  cleanups.push(() => started.close());
  return started;
}

async function rigOf(options: Omit<RigOptions, 'settings'>): Promise<Rig> {
  const settings = { candidate: { credentials: 'map', credentialMap: MAP } } as const;
  const rig = await startRig({ ...options, settings });
  cleanups.push(() => rig.close());
  return rig;
}

const MAP: readonly CredentialMapping[] = [
  { from: { kind: 'cookie', name: 'sid' }, to: { kind: 'cookie', name: 'session' } },
  { from: { kind: 'header', name: 'authorization' }, to: { kind: 'header', name: 'authorization' } },
  { from: { kind: 'cookie', name: 'token' }, to: { kind: 'header', name: 'x-session' } },
];
const MIRRORED = { mirrorPpm: 1_000_000 };
const CLIENT = { cookie: 'sid=s1; token=t1', authorization: 'Basic eA==' };
const AT_CANDIDATE = { cookie: 'session=s1', 'x-session': 't1', authorization: 'Basic eA==' };

/** Renews a session under a name of its own, and sets a cookie nobody else knows. */
function renews(cookie: string): Handler {
  return (_request, response) =>
    void response.writeHead(200, ['Set-Cookie', `${cookie}=s2; Path=/; HttpOnly`, 'Set-Cookie', 'theme=dark']).end('x');
}
const RENEWED = ['sid=s2; Path=/; HttpOnly', 'theme=dark'];

describe('RFC 6265: credentials under the names each side knows', () => {
  test('a candidate that serves gets its names, and the client gets its own back', async () => {
    const control = await origin(renews('sid'));
    const candidate = await origin(renews('session'));
    const rig = await rigOf({ dialPpm: 1_000_000, control: control.url, candidate: candidate.url });
    const got = await ask(rig.port, { headers: CLIENT });
    expect(candidate.requests[0]?.headers).toMatchObject(AT_CANDIDATE);
    expect(got.headers['set-cookie']).toEqual(RENEWED);
    expect(control.requests).toHaveLength(0);
  });

  test.each([
    [0, 'forward'],
    [1_000_000, 'reverse'],
  ] as const)('dial %i: a %s pair shows the names of the client on both sides', async (dialPpm, direction) => {
    const control = await origin(renews('sid'));
    const candidate = await origin(renews('session'));
    const rig = await rigOf({ dialPpm, control: control.url, candidate: candidate.url, policy: MIRRORED });
    const got = await ask(rig.port, { headers: CLIENT });
    expect(got.headers['set-cookie']).toEqual(RENEWED);
    await until(() => rig.sink.exchanges.length === 1, 'the pair');
    const exchange = rig.sink.exchanges[0];
    expect(control.requests[0]?.headers).toMatchObject(CLIENT);
    expect(control.requests[0]?.headers['x-session']).toBeUndefined();
    expect(candidate.requests[0]?.headers).toMatchObject(AT_CANDIDATE);
    expect(exchange?.direction).toBe(direction);
    expect(exchange?.request.headers).toContainEqual(['cookie', CLIENT.cookie]);
    for (const side of [exchange?.control, exchange?.candidate]) {
      if (side?.kind !== 'answer') throw new Error('both answered');
      expect(side.headers.filter(([name]) => name === 'Set-Cookie').map(([, value]) => value)).toEqual(RENEWED);
    }
  });

  test('a candidate asked again is asked and heard in the same names', async () => {
    const control = await origin(renews('sid'));
    const candidate = await origin(renews('session'));
    const rig = await rigOf({ control: control.url, candidate: candidate.url });
    const headers = [['Host', 'h'], ...Object.entries(CLIENT)] as const;
    const again = await rig.proxy.askAgain.ask('candidate', { method: 'GET', target: '/', headers });
    expect(candidate.requests[0]?.headers).toMatchObject(AT_CANDIDATE);
    expect(again).toMatchObject({ headers: expect.arrayContaining([['Set-Cookie', RENEWED[0]]]) });
  });

  test('the answer of a candidate that fails is heard in the same names', async () => {
    const control = await origin(says('control'));
    const candidate = await origin((_request, response) => {
      response.writeHead(500, ['Set-Cookie', 'session=s2']).end();
    });
    const rig = await rigOf({
      dialPpm: 1_000_000,
      control: control.url,
      candidate: candidate.url,
      policy: MIRRORED,
    });
    await ask(rig.port, { headers: CLIENT });
    await until(() => rig.sink.exchanges.length === 1, 'the pair');
    expect(control.requests[0]?.headers.cookie).toBe(CLIENT.cookie);
    expect(rig.sink.exchanges[0]?.candidate).toMatchObject({
      status: 500,
      headers: expect.arrayContaining([['Set-Cookie', 'sid=s2']]),
    });
  });

  test.each([
    ['a cookie', { cookie: 'sid=s1; basket=9' }],
    ['a header of the candidate', { cookie: 'sid=s1', 'x-session': 'forged' }],
  ])('%s that is not in the map is not sent, and the request is no evidence', async (_what, headers) => {
    const control = await origin(says('control'));
    const candidate = await origin(says('candidate'));
    const rig = await rigOf({ control: control.url, candidate: candidate.url, policy: MIRRORED });
    await ask(rig.port, { headers });
    await until(() => rig.sink.reasons.length === 1, 'the reason');
    expect(rig.sink.reasons.map(({ reason }) => reason)).toEqual(['credentials-stripped']);
    rig.setDial(1_000_000);
    await ask(rig.port, { headers });
    expect(candidate.requests.map((request) => request.headers.cookie)).toEqual(['session=s1']);
    expect(candidate.requests[0]?.headers['x-session']).toBeUndefined();
  });

  test('a WebSocket handshake has them too, both ways', async () => {
    const heads: string[] = [];
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (head: Buffer) => {
        heads.push(head.toString('latin1'));
        socket.end(
          'HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSet-Cookie: session=s2\r\n\r\n',
        );
      });
    });
    const url = `http://127.0.0.1:${await listenAnywhere(server)}`;
    cleanups.push(() => server.close());
    const control = await origin(says('control'));
    const rig = await rigOf({ dialPpm: 1_000_000, control: control.url, candidate: url });
    const { text } = await sendRaw(
      rig.port,
      'GET /live HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n' +
        'Sec-WebSocket-Version: 13\r\nCookie: sid=s1; token=t1\r\n\r\n',
    );
    expect(heads[0]).toMatch(/\r\nCookie: session=s1\r\n/);
    expect(heads[0]).toMatch(/\r\nx-session: t1\r\n/);
    expect(text).toMatch(/^HTTP\/1\.1 101 (?:.*\r\n)*Set-Cookie: sid=s2\r\n/);
  });
});
