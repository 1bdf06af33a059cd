import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type MadeCertificate, makeCertificate, makeChain } from '../../test/support/certificates.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { listening, until } from '../../test/support/raw-server.ts';
import { ask, bodyOf, LIMITS, trialUpstream } from '../../test/support/upstream-trial.ts';
import type { SideSettings, UpstreamTlsSettings } from '../config/settings.ts';
import type { Log } from '../core/ports.ts';
import { LOOK_MS } from './followed-files.ts';
import { createUpstream } from './http-upstream.ts';
import { tlsProblem } from './tls-problem.ts';

const { authority, server } = makeChain('shop.test', '127.0.0.1');
const client = makeChain('client.test');
let folder = '';
/** Answers to `/held`, for the test to end. */
const waiting: ServerResponse[] = [];
const cleanups: (() => unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-tls-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let files = 0;
function file(text: string): string {
  files += 1;
  const path = join(folder, `${files}.pem`);
  writeFileSync(path, text);
  return path;
}

function pair({ cert, key }: MadeCertificate): { certFile: string; keyFile: string } {
  return { certFile: file(cert), keyFile: file(key) };
}

/** Answers with the common name of the certificate it was shown. */
async function target(options: ServerOptions = {}): Promise<string> {
  const tlsServer = createServer({ ...server, ...options }, (request, response) => {
    // Behind an https server the socket is a TLS socket.
    const shown = (request.socket as TLSSocket).getPeerCertificate().subject;
    if (request.url === '/held') {
      waiting.push(response);
      return;
    }
    if (request.url === '/close') response.setHeader('connection', 'close');
    response.end(String(shown?.CN ?? 'nobody'));
  });
  const port = await listening(tlsServer);
  cleanups.push(() => {
    tlsServer.closeAllConnections();
    return new Promise((resolve) => tlsServer.close(resolve));
  });
  return `https://127.0.0.1:${port}`;
}

function open(url: string, tls: Partial<UpstreamTlsSettings> = {}, more: Partial<SideSettings> = {}) {
  const upstream = trialUpstream([url], {
    tls: { caFile: file(authority.cert), minVersion: 'TLSv1.2', insecure: false, ...tls },
    ...more,
  });
  cleanups.push(() => upstream.close());
  return upstream;
}

async function failureOf(url: string, tls: Partial<UpstreamTlsSettings> = {}): Promise<string> {
  const { failure } = await ask(open(url, tls)).over;
  return failure?.message ?? 'none';
}

describe('a client certificate', () => {
  const wants: ServerOptions = { requestCert: true, rejectUnauthorized: true, ca: client.authority.cert };

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('is shown to a target that asks for one, by %s', async (maxVersion) => {
    const upstream = open(await target({ ...wants, maxVersion }), { certificate: pair(client.server) });
    expect(bodyOf(await ask(upstream).over)).toBe('client.test');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('that is missing is told as such, by %s', async (maxVersion) => {
    expect(await failureOf(await target({ ...wants, maxVersion }))).toMatch(
      /asks for a client certificate \(.*\): give tls\.certFile and tls\.keyFile/,
    );
  });

  // Node's own servers close without an alert; this is what one that alerts makes of it in OpenSSL's words.
  test('that the target does not know is told as such', () => {
    const text = '1:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:rec_layer_s3.c:916:SSL alert 48';
    const error = Object.assign(new Error(text), { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' });
    expect(tlsProblem(error, { expected: 'a', minVersion: 'TLSv1.2', showsCertificate: true })).toBe(
      'it refuses the certificate of tls.certFile (tlsv1 alert unknown ca)',
    );
  });
});

describe('what is wrong with a target is told, and what to do', () => {
  test.each<[string, () => Promise<string>, Partial<UpstreamTlsSettings>, string]>([
    ['another authority', () => target(makeChain('127.0.0.1').server), {}, 'signed by nobody we trust'],
    [
      'another name',
      () => target(),
      { serverName: 'other.test' },
      'is for DNS:shop.test, IP Address:127.0.0.1, not for other.test',
    ],
    [
      'a certificate that has ended',
      () => target(makeCertificate({ names: ['127.0.0.1'], by: authority, days: -1 })),
      {},
      'has expired: renew it at the target',
    ],
    [
      'an old version',
      () => target({ maxVersion: 'TLSv1.2' }),
      { minVersion: 'TLSv1.3' },
      'does not speak TLSv1.3 or later',
    ],
    ['no TLS at all', plainTarget, {}, 'does not speak TLS on this port: write http://'],
    ['no HTTP/1.1', onlyH2, {}, 'HTTP/1.1'],
  ])('%s', async (_, make, tls, expected) => {
    const message = await failureOf(await make(), tls);
    expect(message).toContain(expected);
    expect(message).toContain('https://127.0.0.1:');
  });

  async function plainTarget(): Promise<string> {
    const plain = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    const port = await listening(plain);
    cleanups.push(() => new Promise((resolve) => plain.close(resolve)));
    return `https://127.0.0.1:${port}`;
  }

  async function onlyH2(): Promise<string> {
    const h2 = createTlsServer({ ...server, ALPNProtocols: ['h2'] });
    h2.on('tlsClientError', () => undefined);
    const port = await listening(h2);
    cleanups.push(() => new Promise((resolve) => h2.close(resolve)));
    return `https://127.0.0.1:${port}`;
  }
});

test('health checks go over TLS, too', async () => {
  const health = { path: '/up', intervalMs: 20, timeoutMs: 1_000, unhealthyAfter: 1, healthyAfter: 1 };
  const well = open(await target(), {}, { health });
  const ill = open(await target(makeChain('127.0.0.1').server), {}, { health });
  await until(() => ill.changes.length > 0);
  expect(ill.changes[0]).toMatchObject({ healthy: false });
  expect(ill.changes[0]?.reason).toContain('signed by nobody we trust');
  expect(well.changes).toEqual([]);
});

describe('renewed files', () => {
  function following(url: string, tls: UpstreamTlsSettings) {
    const clock = new ManualClock();
    const lines: { event: string; fields: unknown }[] = [];
    const note = (event: string, fields: unknown): void => void lines.push({ event, fields });
    const log: Log = { debug: () => undefined, info: note, warn: () => undefined, error: note };
    const upstream = createUpstream({
      side: 'control',
      settings: {
        targets: [url],
        hostHeader: 'preserve',
        credentials: 'forward',
        credentialMap: [],
        connectTimeoutMs: 60_000,
        firstByteTimeoutMs: 60_000,
        idleTimeoutMs: 60_000,
        maxConnections: 4,
        tls,
        health: { path: undefined, intervalMs: 200, timeoutMs: 500, unhealthyAfter: 1_000, healthyAfter: 1 },
        versionHeader: undefined,
      },
      clock,
      log,
      onHealth: () => undefined,
      limits: LIMITS,
    });
    cleanups.push(() => upstream.close());
    const looks = (times: number): void => {
      for (let i = 0; i < times; i += 1) clock.advance(LOOK_MS);
    };
    return { upstream, looks, lines };
  }

  test('are taken over, and connections that stand are kept', async () => {
    const caFile = file(makeChain('x.test').authority.cert);
    const { upstream, looks, lines } = following(await target(), { caFile, minVersion: 'TLSv1.2', insecure: false });
    expect((await ask(upstream).over).failure?.message).toContain('signed by nobody we trust');
    writeFileSync(caFile, authority.cert);
    looks(2);
    expect(lines).toEqual([{ event: 'tls.renewed', fields: { name: 'control.tls', files: [caFile] } }]);
    expect(bodyOf(await ask(upstream).over)).toBe('nobody');
    const held = ask(upstream, { target: '/held' });
    await until(() => waiting.length === 1);
    writeFileSync(caFile, `${makeChain('y.test').authority.cert}\n`);
    looks(2);
    // The one that stands goes on; a new one, and a session from before, are judged by the new authorities.
    expect((await ask(upstream).over).failure?.message).toContain('signed by nobody we trust');
    waiting.shift()?.end('kept');
    expect(bodyOf(await held.over)).toBe('kept');
  });

  test('that do not fit together leave what was there, which is told once', async () => {
    const certificate = pair(client.server);
    const url = await target({ requestCert: true, ca: client.authority.cert });
    const tls = { caFile: file(authority.cert), certificate, minVersion: 'TLSv1.2' as const, insecure: false };
    const { upstream, looks, lines } = following(url, tls);
    const next = makeCertificate({ names: ['next.test'], by: client.authority });
    writeFileSync(certificate.certFile, next.cert);
    looks(4);
    expect(lines.map(({ event }) => event)).toEqual(['tls.refused']);
    expect(bodyOf(await ask(upstream, { target: '/close' }).over)).toBe('client.test');
    await until(() => upstream.targets()[0]?.connections === 0);
    writeFileSync(certificate.keyFile, next.key);
    looks(2);
    expect(lines.map(({ event }) => event)).toEqual(['tls.refused', 'tls.renewed']);
    expect(bodyOf(await ask(upstream).over)).toBe('next.test');
    rmSync(certificate.keyFile);
    looks(3);
    expect(lines.map(({ event }) => event)).toEqual(['tls.refused', 'tls.renewed', 'tls.refused']);
  });
});
