import { createHmac, timingSafeEqual } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { type Handler, type Origin, startOrigin } from '../../test/support/proxy-rig.ts';
import type { NotifyTarget } from '../config/settings.ts';
import { makeNotice } from '../core/notice.ts';
import { sendNotice } from './send-notice.ts';

const SECRET = 'a-key-of-forty-characters-for-this-test!';
const AT = Date.UTC(2027, 0, 15, 2, 10);
const message = { id: 'n-1', notice: makeNotice({ kind: 'hold', at: AT, title: 'Held: all', text: 'By cli:änn.' }) };

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function receiver(handler: Handler): Promise<Origin> {
  const origin = await startOrigin(handler);
  ends.push(origin.close);
  return origin;
}

function targetAt(url: string, more: Partial<NotifyTarget> = {}): NotifyTarget {
  return { name: 'a', url, format: 'webhook', on: ['hold'], secret: undefined, ...more };
}

function send(target: NotifyTarget, timeoutMs = 10_000, signal?: AbortSignal) {
  const options = { timeoutMs, now: AT, userAgent: 'cutover/1' };
  return sendNotice(target, message, signal === undefined ? options : { ...options, signal });
}

/** As a receiver checks it; the documentation shows the same. */
function isGenuine(header: string, body: string): boolean {
  const [, seconds = '', given = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  const expected = createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex');
  return given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}

test('a webhook gets one signed JSON object, under an id of its own', async () => {
  let body = '';
  const origin = await receiver((request, response) => {
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => response.end('thanks'));
  });
  const sent = await send(targetAt(`${origin.url}/hook?team=shop`, { secret: SECRET }));
  expect(sent).toEqual({ ok: true, status: 200, answer: 'thanks', mayRetry: false });
  const [request] = origin.requests;
  expect(request).toMatchObject({ method: 'POST', url: '/hook?team=shop' });
  expect(request?.headers).toMatchObject({
    'content-type': 'application/json',
    'idempotency-key': '"n-1"',
    'user-agent': 'cutover/1',
  });
  const signature = String(request?.headers['cutover-signature']);
  expect(signature.startsWith(`t=${AT / 1000},v1=`)).toBe(true);
  expect(isGenuine(signature, body)).toBe(true);
  expect(isGenuine(signature, body.replace('Held', 'Heid'))).toBe(false);
  expect(isGenuine(signature.replace(/t=\d+/, 't=1'), body)).toBe(false);
  expect(JSON.parse(body)).toMatchObject({ id: 'n-1', kind: 'hold', at: AT, text: 'By cli:änn.' });
});

test('without a secret nothing is signed; Slack gets text and blocks', async () => {
  let body = '';
  const origin = await receiver((request, response) => {
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => response.end('ok'));
  });
  await send(targetAt(origin.url, { format: 'slack' }));
  expect(origin.requests[0]?.headers['cutover-signature']).toBeUndefined();
  expect(JSON.parse(body)).toMatchObject({ text: 'Held: all\nBy cli:änn.', blocks: [{}, {}, {}] });
});

describe('an answer', () => {
  test.each<readonly [number, boolean, boolean]>([
    [204, true, false],
    [400, false, false],
    [404, false, false],
    [408, false, true],
    [429, false, true],
    [500, false, true],
    [503, false, true],
  ])('of %i: taken %j, tried again %j', async (status, ok, mayRetry) => {
    const origin = await receiver((_, response) => response.writeHead(status).end());
    expect(await send(targetAt(origin.url))).toMatchObject({ ok, status, mayRetry });
  });

  test('may ask for more time', async () => {
    const origin = await receiver((_, response) => response.writeHead(429, { 'retry-after': '17' }).end('slower'));
    expect(await send(targetAt(origin.url))).toMatchObject({ retryAfterMs: 17_000, answer: 'slower' });
  });

  test('that redirects is not followed', async () => {
    const other = await receiver((_, response) => response.end());
    const origin = await receiver((_, response) => response.writeHead(307, { location: `${other.url}/x` }).end());
    expect(await send(targetAt(origin.url))).toMatchObject({ ok: false, status: 307, mayRetry: false });
    expect(other.requests).toEqual([]);
  });

  test('without end is read no further than its beginning', async () => {
    let written = 0;
    let isCut = false;
    const origin = await receiver((_, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(16_384))) written += 16_384;
      };
      response.on('drain', more);
      response.on('close', () => {
        isCut = true;
      });
      more();
    });
    const sent = await send(targetAt(origin.url));
    expect(sent).toMatchObject({ ok: true, status: 200 });
    expect(sent.answer).toHaveLength(200);
    await expect.poll(() => isCut).toBe(true);
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  test('cannot write to a terminal', async () => {
    const origin = await receiver((_, response) => response.writeHead(500).end('a\u001b[2Jb\u202ec'));
    expect((await send(targetAt(origin.url))).answer).toBe('a [2Jb c');
  });
});

describe('no answer', () => {
  test('from one that hangs is waited for no longer than the limit', async () => {
    const origin = await receiver(() => undefined);
    expect(await send(targetAt(origin.url), 50)).toEqual({
      ok: false,
      answer: 'no answer within 0.05 s',
      mayRetry: true,
    });
  });

  test('from one that sends a head and then nothing either', async () => {
    const origin = await receiver((_, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.flushHeaders();
    });
    expect(await send(targetAt(origin.url), 50)).toMatchObject({ ok: false, mayRetry: true });
  });

  test('from one that closes, or is not there', async () => {
    const origin = await receiver((request) => request.socket.destroy());
    expect(await send(targetAt(origin.url))).toMatchObject({ ok: false, answer: 'socket hang up', mayRetry: true });
    await origin.close();
    ends.length = 0;
    expect(await send(targetAt(origin.url))).toMatchObject({ ok: false, mayRetry: true });
  });

  test('from one that wants to speak something else', async () => {
    const origin = await receiver((request) =>
      request.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    );
    expect(await send(targetAt(origin.url), 2_000)).toMatchObject({ ok: false, mayRetry: true });
  });

  test('after the end of the process', async () => {
    const origin = await receiver(() => undefined);
    const end = new AbortController();
    const sent = send(targetAt(origin.url), 10_000, end.signal);
    await expect.poll(() => origin.requests.length).toBe(1);
    end.abort();
    expect(await sent).toMatchObject({ ok: false, answer: 'the process ended before an answer came' });
  });
});
