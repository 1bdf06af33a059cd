import http from 'node:http';
import net from 'node:net';
import { expect, test } from 'vitest';
import { ask, startOrigin, startRig } from '../../support/proxy-rig.ts';

const ROUNDS = 3_000;
const AT_ONCE = 60;
/** Long enough for an answer on a busy machine; what is late is only one case less. */
const QUIET_MS = 100;

/** mulberry32: the same mutations in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SEEDS = [
  (id: string) => `GET /${id} HTTP/1.1\r\nHost: h\r\nX-Id: ${id}\r\nAccept: */*\r\n\r\n`,
  (id: string) => `POST /${id} HTTP/1.1\r\nHost: h\r\nX-Id: ${id}\r\nContent-Length: 5\r\n\r\nhello`,
  (id: string) =>
    `PUT /${id} HTTP/1.1\r\nHost: h\r\nX-Id: ${id}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  (id: string) => `GET http://h/${id} HTTP/1.1\r\nHost: h\r\nX-Id: ${id}\r\nConnection: close\r\n\r\n`,
  (id: string) => `GET /${id} HTTP/1.1\r\nHost: h\r\nX-Id: ${id}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  (id: string) =>
    `POST /${id} HTTP/1.1\r\nHost: h\r\nX-Id: ${id}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok`,
  (id: string) => `GET /${id} HTTP/1.0\r\nX-Id: ${id}\r\n\r\n`,
];
const PIECES = [
  ...['\r\n', '\n', '\r', '\0', ' ', '\t', ':', ',', ';', '#', '?', '%00', '\xff', '\x7f', '0', '-1', 'chunked'],
  ...['Transfer-Encoding: chunked\r\n', 'Content-Length: 3\r\n', 'Host: x\r\n', 'Connection: Host\r\n', '0\r\n\r\n'],
  ...[
    'Transfer-Encoding : chunked\r\n',
    ' folded\r\n',
    'Upgrade: h2c\r\n',
    'Expect: 100-continue\r\n',
    'HTTP/1.1',
    'GET / ',
  ],
];

function mutate(text: string, random: () => number): string {
  let mutated = text;
  const pick = (below: number): number => Math.floor(random() * below);
  for (let n = 1 + pick(3); n > 0; n--) {
    const at = pick(mutated.length + 1);
    const to = Math.min(mutated.length, at + 1 + pick(6));
    const piece = PIECES[pick(PIECES.length)] ?? '';
    const how = pick(5);
    if (how === 0) mutated = mutated.slice(0, at) + piece + mutated.slice(at);
    else if (how === 1) mutated = mutated.slice(0, at) + mutated.slice(to);
    else if (how === 2) mutated = mutated.slice(0, at) + piece + mutated.slice(to);
    else if (how === 3) mutated = mutated.slice(0, at) + mutated.slice(at, to) + mutated.slice(at);
    else mutated = mutated.slice(0, at) + String.fromCharCode(pick(256)) + mutated.slice(at + 1);
  }
  return mutated;
}

/** Sends, ends its own half when nothing more comes, and gives what came until the proxy ended the connection. */
function exchange(port: number, bytes: string): Promise<{ text: string; ended: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1');
    const finish = (ended: boolean): void => {
      clearTimeout(limit);
      socket.destroy();
      resolve({ text, ended });
    };
    const limit = setTimeout(() => finish(false), 8_000);
    let quiet = setTimeout(() => socket.end(), QUIET_MS);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.end(), QUIET_MS);
    });
    socket.on('close', () => finish(true));
    socket.on('error', () => undefined);
    socket.write(bytes, 'latin1');
  });
}

test(`${ROUNDS} mutated requests: every connection ends, no answer goes to another client, and the proxy goes on`, async () => {
  const origin = await startOrigin((request, response) => {
    request.resume().on('end', () => {
      // Every id the origin understood, in one place: an answer to a foreign request would show.
      const ids = (request.headers['x-id'] ?? '').toString().replace(/[^\w-]/g, '');
      response.writeHead(200, { 'x-echo': ids }).end(`<${ids}>`);
    });
  });
  const rig = await startRig({
    control: origin.url,
    candidate: origin.url,
    settings: { limits: { headTimeoutMs: 1_000, bodyIdleTimeoutMs: 1_000, keepAliveTimeoutMs: 1_000 } },
  });
  const random = seeded(20_261_120);
  const foreign: string[] = [];
  const hanging: string[] = [];
  const broken: string[] = [];
  let answers = 0;
  let refusals = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < ROUNDS) {
      const id = `id-${next++}-`;
      const seed = SEEDS[Math.floor(random() * SEEDS.length)] ?? SEEDS[0];
      const bytes = mutate(seed?.(id) ?? '', random);
      const { text, ended } = await exchange(rig.port, bytes);
      answers += text.match(/HTTP\/1\.1 200 OK/g)?.length ?? 0;
      refusals += text.match(/HTTP\/1\.1 [45]\d\d/g)?.length ?? 0;
      if (!ended) hanging.push(bytes);
      for (const [, other] of text.matchAll(/id-(\d+)/g)) {
        // A mutation may have changed its own digits; it must at least be in what was sent.
        if (!bytes.replace(/[^\w-]/g, '').includes(`id-${other}`)) foreign.push(`${bytes} => ${text}`);
      }
      if (text !== '' && !text.startsWith('HTTP/1.1 ')) broken.push(text);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  expect({ foreign, hanging, broken }).toEqual({ foreign: [], hanging: [], broken: [] });
  // Both kinds must be there, or the mutations would prove nothing.
  expect(Math.min(answers, refusals)).toBeGreaterThan(ROUNDS / 10);
  const agent = new http.Agent({ keepAlive: true });
  for (let n = 0; n < 20; n++) {
    const got = await ask(rig.port, { headers: { 'x-id': `good-${n}` }, agent });
    expect([got.status, got.body.toString()]).toEqual([200, `<good-${n}>`]);
  }
  agent.destroy();
  await rig.close();
  await origin.close();
}, 120_000);
