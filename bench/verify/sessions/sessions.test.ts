import http from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { configOf } from './config.ts';
import { startPipeline } from './pipeline.ts';
import { startShop } from './shop.ts';
import { visit } from './visitor.ts';

const LIMIT_MS = 30_000;

async function begin() {
  const control = await startShop('control', 1_000);
  const candidate = await startShop('candidate', 700_000);
  const pipeline = await startPipeline({
    ...configOf(control.url, candidate.url),
    // What is tried is what is found, not how much a busy machine gets done.
    mirror: { perSecond: 100_000, concurrency: 1_000, repeats: { share: '100%', perSecond: 1_000 } },
    compare: { queue: 10_000 },
  });
  const agent = new http.Agent({ keepAlive: true });
  onTestFinished(async () => {
    agent.destroy();
    await pipeline.close();
    await Promise.all([control.close(), candidate.close()]);
  });
  let requests = 0;
  const visits = async (from: number, to: number): Promise<void> => {
    for (let number = from; number < to; number++) {
      const asked = await visit(pipeline.port, number, agent);
      requests += asked;
      await pipeline.settled(requests, LIMIT_MS);
    }
  };
  return { candidate, told: pipeline.told, visits };
}

test('visits with logins, orders and cursors of each side’s own match from end to end', {
  timeout: 60_000,
}, async () => {
  const { told, visits } = await begin();
  await visits(0, 4);
  expect(told.map(({ endpoint, reason, verified }) => `${endpoint} ${reason ?? verified?.result.verdict}`)).toEqual(
    told.map(({ endpoint }) => `${endpoint} match`),
  );
  expect(told).toHaveLength(64);
});

test('somebody else’s orders and sessions are told as such, and no secret with them', { timeout: 60_000 }, async () => {
  const { candidate, told, visits } = await begin();
  await visits(0, 6);
  candidate.mixUp(1);
  await visits(6, 8);
  const found = told.filter(({ verified }) => verified?.result.verdict === 'mismatch');
  expect(candidate.mixedUp.length).toBeGreaterThan(0);
  for (const { visitor, endpoint } of candidate.mixedUp) {
    const kinds = found.flatMap(({ tenant, endpoint: at, verified }) =>
      tenant === visitor && at === endpoint ? [verified?.result.signature?.kind] : [],
    );
    expect(kinds, `${visitor} ${endpoint}`).toContain('alias');
  }
  const shown = JSON.stringify(found.map(({ verified }) => verified));
  for (const secret of candidate.secrets()) expect(shown).not.toContain(secret);
});
