import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type CutoverProcess, eventually, startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { type AskOptions, askOnce } from '../support/load.ts';
import { TestUpstream } from '../support/test-upstream.ts';

const CANARIES = 200;

/** A secret with characters that URLs escape, so that its encodings differ from it. */
function canary(n: number): string {
  return `K${n}!${randomBytes(12).toString('hex')}/+${n}`;
}

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
/** Where a client may put a secret; each also comes back in the answer of both sides. */
const PLACES: readonly ((secret: string) => Partial<AskOptions>)[] = [
  (secret) => ({ headers: { authorization: `Bearer ${secret}` } }),
  (secret) => ({ headers: { authorization: `Basic ${Buffer.from(`user:${secret}`).toString('base64')}` } }),
  (secret) => ({ headers: { 'x-api-key': secret } }),
  (secret) => ({ headers: { cookie: `session=${encodeURIComponent(secret)}; theme=dark` } }),
  (secret) => ({ path: `/items?password=${encodeURIComponent(secret)}&page=2` }),
  (secret) => ({ path: `/items?api_key=${encodeURIComponent(secret)}` }),
  (secret) => ({ method: 'POST', headers: json, body: JSON.stringify({ user: 'ann', password: secret }) }),
  (secret) => ({ method: 'POST', headers: json, body: JSON.stringify({ deep: [{ client_secret: secret }] }) }),
  (secret) => ({ method: 'POST', headers: form, body: `name=ann&password=${encodeURIComponent(secret)}` }),
  (secret) => ({
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=part' },
    body: `--part\r\nContent-Disposition: form-data; name="password"\r\n\r\n${secret}\r\n--part--\r\n`,
  }),
  (secret) => ({
    method: 'POST',
    headers: json,
    body: JSON.stringify({ query: 'query Q($token: String) { me }', variables: { token: secret } }),
  }),
  (secret) => ({ headers: { referer: `https://shop.example/login?token=${encodeURIComponent(secret)}` } }),
  (secret) => ({
    path: `/items?state=${Buffer.from(JSON.stringify({ token: secret, page: 2 })).toString('base64url')}`,
  }),
  (secret) => ({ headers: { 'x-test-answer': secret } }),
  // The answers come back compressed.
  (secret) => ({ headers: { 'x-test-answer': secret, 'accept-encoding': 'gzip' } }),
];

/** All the ways a secret could lie somewhere. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const forms = new Set([
    secret,
    encodeURIComponent(secret),
    encodeURIComponent(secret).replace(/%2F/g, '/'),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    JSON.stringify(secret).slice(1, -1).replace(/\//g, '\\/'),
    // The hard part of it, however the rest is written.
    secret.slice(secret.indexOf('!') + 1, secret.indexOf('/')),
    Buffer.from(`user:${secret}`).toString('base64').slice(8),
  ]);
  return [...forms];
}

function allFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? allFiles(path) : [path];
  });
}

async function apiAnswers(cutover: CutoverProcess): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  const get = async (path: string): Promise<Record<string, unknown>> => {
    const { status, text, body } = await cutover.api('GET', path);
    // A cluster keeps its newest mismatches: one that was listed a moment ago may be gone.
    if (status === 404 && path.includes('/mismatches/')) return {};
    expect([path, status]).toEqual([path, 200]);
    answers.set(path, text);
    return body;
  };
  for (const path of ['/metrics', '/api/v1/status', '/api/v1/endpoints', '/api/v1/cells', '/api/v1/journal'])
    await get(path);
  for (const list of ['clusters', 'mismatches']) {
    for (let cursor = ''; ; ) {
      const page = await get(`/api/v1/${list}?limit=200${cursor}`);
      for (const { id } of page['items'] as { id: string }[]) await get(`/api/v1/${list}/${id}`); // as the API documents it
      if (typeof page['next'] !== 'string') break;
      cursor = `&cursor=${encodeURIComponent(page['next'])}`;
    }
  }
  return answers;
}

test(`I8: ${CANARIES} secrets of clients and of answers lie nowhere afterwards, in no spelling`, async () => {
  const answer = (side: string) =>
    TestUpstream.start(side, {
      respond: (request, response, body) => {
        const given = String(request.headers['x-test-answer'] ?? request.headers['x-api-key'] ?? '');
        const isCoded = request.headers['accept-encoding'] === 'gzip';
        response.writeHead(200, {
          'content-type': 'application/json',
          ...(isCoded ? { 'content-encoding': 'gzip' } : {}),
          'set-cookie': `session=${encodeURIComponent(given)}; Path=/; HttpOnly`,
        });
        const text = JSON.stringify({
          id: String(request.headers['x-id']),
          price: side === 'control' ? 10 : 12,
          // Both sides show the secret, and the candidate another form of it.
          token: given,
          password: side === 'control' ? given : `${given}x`,
          received: { password: body.toString().length },
        });
        response.end(isCoded ? gzipSync(text) : text);
      },
    });
  const [control, candidate] = [await answer('control'), await answer('candidate')];
  const folder = tempFolder();
  const file = writeConfig(
    folder,
    { control: control.url, candidate: candidate.url },
    {
      defaults: { mirror: '100%' },
      mirror: { perSecond: 1_000, concurrency: 32, repeats: { share: '20%', perSecond: 50 } },
      log: { level: 'debug' },
    },
  );
  const cutover = await startCutover(file);
  const secrets = Array.from({ length: CANARIES }, (_, n) => canary(n));
  for (const [n, secret] of secrets.entries()) {
    const place = PLACES[n % PLACES.length];
    // A path for each, so that no cluster hides behind another.
    const options: AskOptions = {
      port: cutover.proxyPort,
      id: `n${n}`,
      path: `/place-${n % PLACES.length}`,
      ...place?.(secret),
    };
    expect(await askOnce(options)).toMatchObject({ status: 200 });
    if (n % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await eventually('mismatches are stored', async () => {
    const { body } = await cutover.api('GET', '/api/v1/mismatches?limit=200');
    return (body['items'] as unknown[]).length > 30;
  });
  const sources = await apiAnswers(cutover);
  expect([...sources.keys()].filter((path) => path.startsWith('/api/v1/mismatches/')).length).toBeGreaterThan(30);
  const files = allFiles(join(folder, 'state'));
  for (const path of files) sources.set(path, readFileSync(path, 'latin1'));
  // Deleting the tenant's traffic leaves nothing to show.
  const tenant = (await cutover.api('GET', '/api/v1/cells?limit=1')).body['items'] as { tenant: string }[];
  const purged = await cutover.api('POST', '/api/v1/purge', { tenant: tenant[0]?.tenant, reason: 'asked' });
  expect(purged.status).toBe(200);
  expect(purged.body['mismatches']).toBeGreaterThan(30);
  expect((await cutover.api('GET', '/api/v1/mismatches?limit=1')).body['items']).toEqual([]);
  const ended = await cutover.stop();
  expect(ended).toMatchObject({ code: 0 });
  for (const path of allFiles(join(folder, 'state'))) sources.set(`${path} afterwards`, readFileSync(path, 'latin1'));
  sources.set('standard output', ended.stdout);
  sources.set('standard error', ended.stderr);
  // The store must really have kept what was sent.
  expect([...sources].some(([name, text]) => name.includes('cutover.db') && text.includes('place-0'))).toBe(true);
  const found = secrets.flatMap((secret) =>
    spellings(secret).flatMap((spelling) =>
      [...sources].filter(([, text]) => text.includes(spelling)).map(([name]) => `${name}: ${spelling}`),
    ),
  );
  expect(found).toEqual([]);
});
