import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { exchangeOf, jsonAnswer, type Trial, trialVerifier } from '../../test/support/trial-verifier.ts';
import type { EndpointId, Side } from '../core/cell.ts';
import type { Answer, CapturedRequest, Exchange } from '../core/observation.ts';
import type { AskAgain } from '../core/ports.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

function start(options: Parameters<typeof trialVerifier>[0] = {}): Trial {
  const trial = trialVerifier(options);
  closing.push(() => trial.verifier.close());
  return trial;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Two real services, and the way to ask them. */
async function twoSides(handlers: Readonly<Record<Side, Handler>>) {
  const servers = { control: createServer(handlers.control), candidate: createServer(handlers.candidate) };
  for (const server of Object.values(servers)) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  }
  const asked: Side[] = [];
  const ask = (side: Side, request: CapturedRequest) => askServer(servers[side], request);
  const askAgain: AskAgain = {
    ask: (side, request) => {
      asked.push(side);
      return ask(side, request);
    },
  };
  const exchange = async (target: string, more: Partial<Exchange> = {}): Promise<Exchange> => {
    const request: CapturedRequest = { method: 'GET', target, headers: [['host', 'shop.example']] };
    const at = Date.now();
    const control = await ask('control', request);
    const gapMs = Date.now() - at;
    return exchangeOf(control, await ask('candidate', request), { at, gapMs, request, ...more });
  };
  return { exchange, askAgain, asked };
}

async function askServer(server: Server, { method, target }: CapturedRequest): Promise<Answer> {
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const begun = performance.now();
  const request = send({ host: '127.0.0.1', port, method, path: target }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const firstByteMs = performance.now() - begun;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = new Uint8Array(Buffer.concat(chunks));
  const raw = response.rawHeaders;
  const headers = raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : []));
  const durationMs = performance.now() - begun;
  return {
    kind: 'answer',
    status: response.statusCode ?? 0,
    headers,
    body,
    bodyBytes: body.length,
    firstByteMs,
    durationMs,
  };
}

const json = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}) => {
  const body = JSON.stringify(value);
  const isCoded = headers['content-encoding'] === 'gzip';
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(isCoded ? gzipSync(body) : body);
};

describe('two real services', () => {
  it('equal answers match, however they are coded; a steady difference is a mismatch with its cluster', async () => {
    const sides = await twoSides({
      control: (request, response) => json(response, { price: 12, url: request.url }, { 'content-encoding': 'gzip' }),
      candidate: (request, response) => json(response, { url: request.url, price: request.url === '/b' ? 13 : 12 }),
    });
    const trial = start({ askAgain: sides.askAgain });
    trial.verifier.offer(await sides.exchange('/a'));
    await trial.settled();
    trial.verifier.offer(await sides.exchange('/b'));
    await trial.settled();
    expect(trial.verified.map((verified) => verified.result.verdict)).toEqual(['match', 'mismatch']);
    expect(sides.asked.slice(-2)).toEqual(['control', 'candidate']);
    const mismatch = trial.verified[1];
    expect(mismatch?.result.differences[0]).toMatchObject({ path: 'body/price', control: '12', candidate: '13' });
    expect(mismatch?.answers?.control.body).toBe('{"price":12,"url":"/b"}');
    expect([...trial.clusters.values()]).toMatchObject([
      { count: 1, pathPattern: 'body/price', example: mismatch?.id },
    ]);
  });

  it('a mismatch is named by what the control repeats, not by what it makes anew each time', async () => {
    let turn = 0;
    const picks = (count: number) => Array.from({ length: count }, (_, n) => ({ pick: `p${turn}-${n}` }));
    const sides = await twoSides({
      control: (_, response) => {
        turn += 1;
        json(response, { title: 'Chair', picks: picks(3 + (turn % 2)) });
      },
      candidate: (_, response) => {
        turn += 1;
        json(response, { title: 'Table', picks: picks(2) });
      },
    });
    const trial = start({ askAgain: sides.askAgain });
    trial.verifier.offer(await sides.exchange('/a'));
    await trial.settled();
    // A member less is graver than another title, but the control itself gives more and fewer.
    expect(trial.verified.map(({ result }) => [result.verdict, result.signature?.pathPattern])).toEqual([
      ['mismatch', 'body/title'],
    ]);
  });

  it('what changes between two readings is inconclusive, what only the candidate gets wrong once is intermittent', async () => {
    let stock = 10;
    let isWrong = true;
    const sides = await twoSides({
      control: (request, response) => {
        stock -= request.url === '/stock' ? 1 : 0;
        json(
          response,
          request.url === '/stock' ? { state: stock % 2 === 0 ? 'in stock' : 'sold out' } : { title: 'Chair' },
        );
      },
      candidate: (request, response) => {
        json(response, request.url === '/stock' ? { state: 'in stock' } : { title: isWrong ? 'Table' : 'Chair' });
        isWrong = false;
      },
    });
    const trial = start({ askAgain: sides.askAgain });
    trial.verifier.offer(await sides.exchange('/stock'));
    await trial.settled();
    isWrong = true;
    trial.verifier.offer(
      await sides.exchange('/title', {
        cell: { ...exchangeOf(jsonAnswer(1), jsonAnswer(1)).cell, endpoint: 'GET /title' as EndpointId },
      }),
    );
    await trial.settled();
    const [moved, once] = trial.verified.map((verified) => verified.result);
    expect(['inconclusive controlMoved', 'match undefined']).toContain(`${moved?.verdict} ${moved?.reason}`);
    expect(once).toMatchObject({ verdict: 'mismatch', intermittent: true });
  });

  it('noise of the control is learned by probes, without any mismatch, and what lies outside it is a mismatch', async () => {
    const token = (prefix: string) => ({
      ticket: `${prefix}${Math.random().toString(36).slice(2, 10).padEnd(8, '0')}`,
      total: 5,
    });
    const sides = await twoSides({
      control: (_, response) => json(response, token('q7')),
      candidate: (request, response) =>
        json(response, request.url === '/bad' ? { ticket: null, total: 5 } : token('q7')),
    });
    const trial = start({ askAgain: sides.askAgain });
    for (let index = 0; index < 15; index += 1) {
      trial.verifier.offer(await sides.exchange('/good'));
      await trial.settled();
    }
    const verdicts = trial.verified.map((verified) => verified.result.verdict);
    expect(verdicts.slice(5)).toEqual(Array(10).fill('match'));
    expect(trial.noise.get('GET /a' as EndpointId)?.map((path) => path.path)).toEqual(['body/ticket']);
    trial.verifier.offer(await sides.exchange('/bad'));
    await trial.settled();
    expect(trial.verified.at(-1)?.result.verdict).toBe('mismatch');
  });

  it('what was learned is there again after a restart', async () => {
    const sides = await twoSides({
      control: (_, response) => json(response, { views: Math.floor(performance.now() * 1_000) }),
      candidate: (_, response) => json(response, { views: Math.floor(performance.now() * 1_000) }),
    });
    const first = start({ askAgain: sides.askAgain });
    for (let index = 0; index < 15; index += 1) {
      first.verifier.offer(await sides.exchange('/a'));
      await first.settled();
    }
    const saved: unknown = JSON.parse(JSON.stringify([...first.verifier.snapshots()]));
    const second = start({
      askAgain: { ask: async () => undefined },
      noise: new Map(saved as [EndpointId, unknown][]),
    });
    second.verifier.offer(await sides.exchange('/a'));
    await second.settled();
    expect(second.verified[0]?.result.verdict).toBe('match');
  });
});

describe('I8: nothing secret leaves the thread', () => {
  const canaries = Array.from(
    { length: 200 },
    (_, index) => `cAn${index}zQ7-${(index * 7919 + 104_729).toString(36)}Xw9`,
  );

  /** Secrets by name on both sides, different and equal, removed and added, in every part of an exchange. */
  function poisoned(index: number): Exchange {
    const [a = '', b = '', c = '', d = '', e = ''] = [0, 1, 2, 3, 4].map((step) => canaries[(index * 5 + step) % 200]);
    const page = (secret: string, total: number) =>
      `<html><body><form><input type="hidden" name="csrf_token" value="${secret}"><p>${secret}</p><b>${total}</b></form></body></html>`;
    const isHtml = index % 2 === 0;
    const answer = (first: string, second: string, total: number): Answer => {
      const cookie = ['Set-Cookie', `sid=${first}; Path=/`] as const;
      const link = ['Location', `/next?token=${second}`] as const;
      if (!isHtml)
        return jsonAnswer(
          { token: first, note: `kept ${second}`, total, list: [{ apiKey: first }] },
          { headers: [['content-type', 'application/json'], cookie, link] },
        );
      const body = new TextEncoder().encode(page(first, total));
      return { ...jsonAnswer(1), body, bodyBytes: body.length, headers: [['content-type', 'text/html'], cookie, link] };
    };
    return exchangeOf(answer(a, b, 5), answer(c, b, 6), {
      cell: {
        ...exchangeOf(jsonAnswer(1), jsonAnswer(1)).cell,
        endpoint: `GET /${isHtml ? 'page' : 'data'}` as EndpointId,
      },
      request: {
        method: 'GET',
        target: `/a?api_key=${d}&x=${index}`,
        headers: [
          ['Authorization', `Bearer ${e}`],
          ['Cookie', `session=${b}; theme=dark`],
        ],
      },
    });
  }

  it('I8: 200 canaries are in no result, cluster, noise, snapshot or log line', async () => {
    let turn = 0;
    const trial = start({
      repeat: (side, request) => {
        turn += 1;
        // Now what that side said before, now what it would say to somebody else: learned, and then a mismatch all the same.
        const index = Number(/x=(\d+)/.exec(request.target)?.[1]) + (turn % 4 === 0 ? 2 : 0);
        return turn % 3 === 0 ? undefined : poisoned(index)[side];
      },
    });
    for (let index = 0; index < 80; index += 1) trial.verifier.offer(poisoned(index));
    await trial.settled();
    const told = JSON.stringify([
      trial.verified,
      [...trial.clusters],
      [...trial.noise],
      [...trial.verifier.snapshots()],
      trial.logged,
    ]);
    expect(trial.verified).toHaveLength(80);
    expect(trial.verified.filter((verified) => verified.answers !== undefined).length).toBeGreaterThan(10);
    const left = canaries.filter((canary) =>
      [canary, Buffer.from(canary).toString('base64').replace(/=+$/, ''), Buffer.from(canary).toString('hex')].some(
        (text) => told.includes(text),
      ),
    );
    expect(left).toEqual([]);
  }, 60_000);
});

describe('I11: bounds of the real comparer', () => {
  it('I11: a pair that takes too long is inconclusive, and the next is compared', async () => {
    const deep = (seed: number) => ({
      list: Array.from({ length: 60_000 }, (_, index) => ({ id: (index * seed) % 59_999, at: index })),
    });
    const trial = start({ settings: { timeoutMs: 1, confirm: false } });
    trial.verifier.offer(exchangeOf(jsonAnswer(deep(7)), jsonAnswer(deep(11))));
    trial.verifier.offer(exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 })));
    await trial.settled();
    expect(trial.verified.map((verified) => verified.result.reason ?? verified.result.verdict)).toEqual([
      'tooLarge',
      'match',
    ]);
  });

  it('I11: a body that is swollen a thousandfold is refused, not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const answer = (body: Uint8Array): Answer => ({
      ...jsonAnswer(1),
      headers: [
        ['content-type', 'application/json'],
        ['content-encoding', 'gzip'],
      ],
      body,
      bodyBytes: body.length,
    });
    const trial = start({ settings: { confirm: false } });
    trial.verifier.offer(exchangeOf(answer(new Uint8Array(bomb)), answer(new Uint8Array(gzipSync('{"a":1}')))));
    await trial.settled();
    expect(trial.verified[0]?.result).toMatchObject({ verdict: 'inconclusive', reason: 'tooLarge' });
  });
});
