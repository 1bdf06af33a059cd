import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Mismatch } from '../api/types.ts';
import { comparePaths } from './compare-paths.ts';
import { reproduce } from './repro.ts';
import { readCredentials } from './restore-request.ts';

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** A side on a free port. */
async function side(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // listens on TCP
}

/** An address at which nobody listens. */
async function nobody(): Promise<string> {
  const address = await side(() => {});
  const server = open.pop();
  await new Promise((resolve) => server?.close(resolve));
  return address;
}

const text =
  (body: string): RequestListener =>
  (_, response) => {
    response.setHeader('content-type', 'text/plain');
    response.end(body);
  };

function stored(request: Partial<Mismatch['request']> = {}): Mismatch {
  const whole = { method: 'GET', target: '/orders/7', headers: [], secrets: [], ...request };
  return {
    id: 'm1',
    at: 1,
    tenant: 'acme',
    endpoint: 'GET /orders/{id}',
    cluster: 'c1',
    method: whole.method,
    target: whole.target,
    direction: 'forward',
    intermittent: false,
    differences: [],
    differenceCount: 1,
    request: whole,
    control: {},
    candidate: {},
    versions: { control: '1', candidate: '2' },
    durationsMs: { control: 1, candidate: 1 },
  };
}

describe('a stored request that is sent again', () => {
  test('shows what still differs, and that nothing does after the fix', async () => {
    const [control, wrong, right] = [
      await side(text('total 10')),
      await side(text('total 11')),
      await side(text('total 10')),
    ];
    const credentials = new Map<string, string>();
    const before = await reproduce({ mismatch: stored(), control, candidate: wrong, credentials });
    expect(before.verdict).toBe('mismatch');
    expect(before.differences[0]).toMatchObject({ control: 'total 10', candidate: 'total 11' });
    const after = await reproduce({ mismatch: stored(), control, candidate: right, credentials });
    expect(after.verdict).toBe('match');
  });

  test('I8: carries the secrets it is given, names those it lacks, and never sends a mark', async () => {
    const seen: IncomingMessage[] = [];
    const record: RequestListener = (request, response) => {
      seen.push(request);
      response.end('same');
    };
    const [control, candidate] = [await side(record), await side(record)];
    const result = await reproduce({
      mismatch: stored({
        target: '/orders/7?page=2&token=⟦r:0a1b2c3d⟧',
        headers: [
          ['Host', 'acme.example'],
          ['Authorization', '⟦r:11111111⟧'],
          ['Cookie', 'theme=dark; session=⟦r:22222222⟧; other=⟦r:33333333⟧'],
          ['X-Api-Key', '⟦r:44444444⟧'],
          ['X-Forwarded-For', '10.0.0.1'],
        ],
        secrets: ['header:authorization', 'cookie:session', 'cookie:other', 'header:x-api-key', 'query:token'],
      }),
      control,
      candidate,
      credentials: new Map([
        ['header:authorization', 'Bearer mine'],
        ['cookie:session', 'abc'],
        ['query:token', 'a b&c'],
      ]),
      withEffects: true, // a token in the query may be for one use
    });
    expect(result.missingSecrets).toEqual(['cookie:other', 'header:x-api-key']);
    expect(seen).toHaveLength(2);
    for (const { url, headers } of seen) {
      expect(url).toBe('/orders/7?page=2&token=a%20b%26c');
      expect(headers).toMatchObject({
        host: 'acme.example',
        authorization: 'Bearer mine',
        cookie: 'theme=dark; session=abc',
      });
      expect(headers['x-api-key']).toBeUndefined();
      expect(headers['x-forwarded-for']).toBeUndefined();
    }
    expect(result.curl.join()).not.toMatch(/⟦r:|Bearer mine|abc|a%20b/);
    expect(result.curl[0]).toContain(`${control}/orders/7?page=2&token=SECRET`);
  });

  test('I7: what has effects is sent only when that is said, and once to each side; its body too, also by curl', async () => {
    const bodies: string[] = [];
    const listen: RequestListener = (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        bodies.push(body);
        response.end(body);
      });
    };
    const [control, candidate] = [await side(listen), await side(listen)];
    const mismatch = stored({ method: 'POST', body: `{"name":"O'Hara"}` });
    const options = { mismatch, control, candidate, credentials: new Map<string, string>() };
    await expect(reproduce(options)).rejects.toMatchObject({ code: 'USAGE' });
    expect(bodies).toEqual([]);
    const result = await reproduce({ ...options, withEffects: true });
    expect(bodies).toEqual([`{"name":"O'Hara"}`, `{"name":"O'Hara"}`]);
    expect(result.curl[0]).toContain(`-X POST`);
    expect(result.curl[0]).toContain(`--data-raw '{"name":"O'\\''Hara"}'`);
  });
});

describe('a stored request of a session', () => {
  /** Makes ids and tokens of its own for each visit, and knows no others. */
  function visits(total: number): RequestListener {
    const carts = new Map<string, { readonly cart: string; readonly key: string }>();
    return (request, response) => {
      const url = new URL(request.url ?? '/', 'http://shop.example');
      const json = (status: number, body: object, headers: Record<string, string> = {}) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify(body));
      };
      if (url.pathname === '/begin') {
        const [sid, cart, key] = [randomUUID(), randomUUID(), randomUUID()];
        carts.set(sid, { cart, key });
        return void json(200, { cart: { id: cart }, key }, { 'set-cookie': `sid=${sid}; Path=/` });
      }
      const visit = carts.get(/sid=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '');
      if (visit === undefined) return void json(401, { error: 'who' });
      const isKnown = url.pathname === `/carts/${visit.cart}` && url.searchParams.get('form_key') === visit.key;
      json(isKnown ? 200 : 404, isKnown ? { id: visit.cart, total } : { error: 'no cart' });
    };
  }

  const session: NonNullable<Mismatch['session']> = {
    steps: [
      { endpoint: 'GET /begin', request: { method: 'GET', target: '/begin', headers: [], secrets: [] }, links: [] },
    ],
    links: [
      { step: 0, from: 'json:/cart/id', to: 'path/1' },
      { step: 0, from: 'json:/key', to: 'query:form_key' },
      { step: 0, from: 'cookie:sid', to: 'cookie:sid' },
    ],
  };
  const request: Mismatch['request'] = {
    method: 'GET',
    target: '/carts/then-1234?form_key=⟦r:01234567⟧',
    headers: [['Cookie', 'sid=⟦r:89abcdef⟧; other=⟦r:00000000⟧']],
    secrets: ['cookie:sid', 'cookie:other', 'query:form_key'],
  };

  test('is made again with the cookies, ids and tokens that each side gives', async () => {
    const [control, wrong, right] = [await side(visits(10)), await side(visits(11)), await side(visits(10))];
    const credentials = new Map<string, string>();
    const before = await reproduce({
      mismatch: { ...stored(request), session },
      control,
      candidate: wrong,
      credentials,
    });
    expect(before).toMatchObject({
      verdict: 'mismatch',
      steps: [{ request: 'GET /begin', control: 200, candidate: 200, lost: [] }],
      missingSecrets: ['cookie:other'],
    });
    expect(before.differences.map(({ path }) => path)).toEqual(['body/total']);
    expect(before.curl).toHaveLength(4);
    expect(before.curl.join()).not.toContain('⟦r:');
    const cluster = before.signature?.id ?? '';
    const mismatch = { ...stored(request), session, cluster };
    expect(await reproduce({ mismatch, control, candidate: wrong, credentials })).toMatchObject({ sameCause: true });
    const after = await reproduce({ mismatch, control, candidate: right, credentials });
    expect(after).toMatchObject({ verdict: 'match', sameCause: false });
  });

  test('tells what a side did not give, and refuses steps that act unless that is said', async () => {
    const [control, candidate] = [await side(visits(10)), await side(text('no JSON'))];
    const credentials = new Map<string, string>();
    const result = await reproduce({ mismatch: { ...stored(request), session }, control, candidate, credentials });
    expect(result.steps[0]?.lost).toEqual(['json:/cart/id of step 1', 'json:/key of step 1', 'cookie:sid of step 1']);
    const [step] = session.steps;
    if (step === undefined) throw new Error('no step');
    const acting = { ...session, steps: [{ ...step, request: { ...step.request, method: 'POST' } }] };
    const refused = reproduce({ mismatch: { ...stored(request), session: acting }, control, candidate, credentials });
    await expect(refused).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('a file of credentials', () => {
  test.each([
    [
      'lines',
      '# mine\n\nheader:authorization: Bearer a:b\nCookie:Session: x\n'.replace('Cookie:Session', 'cookie:Session'),
    ],
    ['JSON', '{"header:Authorization":"Bearer a:b","cookie:session":"x"}'],
  ])('is read as %s', async (_, content) => {
    const dir = await mkdtemp(join(tmpdir(), 'cutover-credentials-'));
    const file = join(dir, 'credentials');
    await writeFile(file, content);
    expect([...readCredentials(file)]).toEqual([
      ['header:authorization', 'Bearer a:b'],
      ['cookie:session', 'x'],
    ]);
    await writeFile(file, 'header:a: 1\nwhat is this');
    expect(() => readCredentials(file)).toThrow(`${file}:2`);
    await rm(dir, { recursive: true });
    expect(() => readCredentials(file)).toThrow(file);
  });
});

describe('paths that are compared without serving', () => {
  const compare = (control: string, candidate: string, paths: readonly string[] = ['/a']) =>
    comparePaths({ control, candidate, paths, headers: [['accept', 'text/plain']] });

  test('match where both sides answer the same, and the control is asked twice', async () => {
    let asked = 0;
    const control = await side((request, response) => {
      asked += 1;
      text(`${request.headers.accept} ${request.url}`)(request, response);
    });
    const candidate = await side((request, response) => text(`text/plain ${request.url}`)(request, response));
    const results = await compare(control, candidate, ['/a', '/b?x=1']);
    expect(results.map(({ path, verdict }) => `${path} ${verdict}`)).toEqual(['/a match', '/b?x=1 match']);
    expect(asked).toBe(4);
  });

  test('are inconclusive where the control does not repeat its own answer', async () => {
    let isGone = false;
    const control = await side((request, response) => {
      response.statusCode = isGone ? 404 : 200;
      isGone = true;
      text('an answer')(request, response);
    });
    const candidate = await side((request, response) => {
      response.statusCode = 404;
      text('an answer')(request, response);
    });
    const [result] = await compare(control, candidate);
    expect(result).toMatchObject({ verdict: 'inconclusive', reason: 'controlMoved' });
  });

  test('are a mismatch where the candidate fails, and inconclusive where the control does', async () => {
    const [works, fails] = [await side(text('a')), await nobody()];
    expect(await compare(works, fails)).toMatchObject([{ verdict: 'mismatch' }]);
    expect(await compare(fails, works)).toMatchObject([{ verdict: 'inconclusive' }]);
  });

  test('are refused where one is no path, or a side no address', async () => {
    await expect(compare('http://127.0.0.1:1', 'http://127.0.0.1:2', ['a'])).rejects.toMatchObject({ code: 'USAGE' });
    await expect(compare('127.0.0.1:1', 'http://127.0.0.1:2')).rejects.toMatchObject({ code: 'USAGE' });
  });
});
