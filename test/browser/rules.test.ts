import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Running, startCutover } from '../../src/app/start.ts';
import { settingsFromUrls } from '../../src/config/load.ts';
import { type Origin, startOrigin } from '../support/proxy-rig.ts';
import { type Browser, openBrowser } from './browser.ts';

const dir = mkdtempSync(join(tmpdir(), 'cutover-rules-'));
const origins: Origin[] = [];
let running: Running;
let browser: Browser;
let page: Page;

async function origin(): Promise<string> {
  const made = await startOrigin((request, response) => {
    const number = Number(request.url?.split('/').at(-1));
    const items = [{ sku: `A-${number}`, count: 2, price: 4.5 }];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: number, name: `Order number ${number}`, total: 19.99 + number, items }));
  });
  origins.push(made);
  return made.url;
}

function ask(number: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http
      .get({ port: running.proxy.port, path: `/orders/${number}`, headers: { host: 'acme.example' } }, (response) => {
        response.resume().on('end', () => resolve());
      })
      .on('error', reject);
  });
}

beforeAll(async () => {
  running = await startCutover(
    settingsFromUrls({
      control: [await origin()],
      candidate: [await origin()],
      listen: '127.0.0.1:0',
      apiListen: '127.0.0.1:0',
      dir,
      logLevel: 'error',
      more: {
        defaults: { mirror: '100%' },
        endpoints: [{ match: 'GET /orders/{id}' }],
        evidence: { power: '95%' },
        compare: {
          rules: [
            { name: 'all-of-it', ignore: 'body/**', reason: 'it was quick' },
            { name: 'elsewhere', unordered: { path: 'body/list' }, endpoint: 'GET /orders/{id}', reason: 'a set' },
          ],
        },
      },
    }),
  );
  browser = await openBrowser();
  page = await browser.context.newPage();
});

afterAll(async () => {
  await browser?.close();
  await running?.close();
  for (const one of origins) await one.close();
  rmSync(dir, { recursive: true, force: true });
});

test('the page lists the rules in force with what each hides, and the power of each endpoint with what is missed', async () => {
  let number = 0;
  const traffic = setInterval(() => void ask(number++).catch(() => undefined), 100);
  try {
    await page.goto(running.pageUrl);
    const rules = page.locator('.rules > li');
    const wide = rules.filter({ hasText: 'all-of-it' });
    await wide.getByText(/hides \d+ of \d+ faults/).waitFor({ timeout: 60_000 });
    expect(await wide.textContent()).toMatch(/all-of-it ignores body\/\*\* everywhere: it was quick/);
    expect(await rules.filter({ hasText: 'elsewhere' }).textContent()).toContain(
      'Without it the same faults are found.',
    );
    const row = page.getByRole('table', { name: 'Power by endpoint' }).getByRole('row', { name: /GET \/orders/ });
    expect(await row.textContent()).toMatch(/opens nothing new: power [\d.]+ % is below 95 %: rule all-of-it hides/);
    await row
      .getByText(/\d+ faults/)
      .last()
      .click();
    await row
      .getByText(/missed \d+ of \d+: rule all-of-it/)
      .first()
      .waitFor();
  } finally {
    clearInterval(traffic);
  }
});
