import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { canary, canaryAnswer, PLACES, spellings } from '../support/canaries.ts';
import { type CutoverProcess, eventually, startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { type AskOptions, askOnce } from '../support/load.ts';
import { TestUpstream } from '../support/test-upstream.ts';

const CANARIES = 200;

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
  for (const path of [
    '/metrics',
    '/api/v1/status',
    '/api/v1/endpoints',
    '/api/v1/cells',
    '/api/v1/journal',
    '/api/v1/noise',
    '/api/v1/recordings?limit=200',
    '/api/v1/unlock',
  ])
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
        const isCoded = request.headers['accept-encoding'] === 'gzip';
        const { headers, text } = canaryAnswer(side, request.headers, {
          id: String(request.headers['x-id']),
          bodyLength: body.toString().length,
        });
        response.writeHead(200, { ...headers, ...(isCoded ? { 'content-encoding': 'gzip' } : {}) });
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
  expect(purged.body['kept']).toMatchObject({ journalEntries: 1, orders: 0 });
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
