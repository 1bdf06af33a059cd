import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoProcess, startDemo } from '../support/demo-process.ts';
import { type Browser, openBrowser } from './browser.ts';

let demo: DemoProcess;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  [demo, browser] = await Promise.all([startDemo(['--duration', '210s']), openBrowser()]);
  page = await browser.context.newPage();
  await page.goto(demo.page);
  await page.getByText('live', { exact: true }).waitFor();
});

afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

/** Takes a moment's picture for the documentation, from the top of the page. */
async function picture(name: string): Promise<void> {
  await page.evaluate('scrollTo(0, 0)');
  await page.screenshot({ path: fileURLToPath(new URL(`../../docs/pictures/${name}.png`, import.meta.url)) });
}

/** The candidate's share of the last minute, percent. */
async function share(): Promise<number> {
  const figure = page.getByLabel('Served by the candidate', { exact: true }).locator('.figure');
  return Number.parseFloat((await figure.textContent()) ?? '0');
}

test('the story on the page: differences, traffic that moves by evidence, a bad deployment taken back, traffic that moves again', async () => {
  await expect.poll(() => page.locator('.clusters > li').count(), { timeout: 30_000 }).toBeGreaterThanOrEqual(3);
  expect(await share(), 'nothing moves while everything differs').toBe(0);
  await picture('story-1-differences');

  await expect.poll(share, { timeout: 180_000, interval: 500 }).toBeGreaterThan(3);
  await picture('story-2-traffic-moves');

  // A tripwire, or where little can be compared the evidence of the cells, whichever is first.
  const takenBack = page.locator('.journal li').filter({ hasText: /tripwire|comparisons say/ });
  await takenBack.first().waitFor({ timeout: 180_000 });
  await picture('story-3-taken-back');

  await page.getByLabel('Sides', { exact: true }).getByText('version 1.5.1').waitFor({ timeout: 60_000 });
  // The last minute still counts what was served before it was taken back: it falls first, and then rises.
  let lowest = await share();
  const rises = async (): Promise<boolean> => {
    const now = await share();
    lowest = Math.min(lowest, now);
    return now > lowest + 1;
  };
  await expect.poll(rises, { timeout: 90_000, interval: 500 }).toBe(true);
  await picture('story-4-moves-again');
}, 400_000);
