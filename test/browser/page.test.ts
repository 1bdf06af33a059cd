import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoProcess, startDemo } from '../support/demo-process.ts';
import { type Browser, openBrowser } from './browser.ts';

const PICTURE = fileURLToPath(new URL('../../docs/pictures/page.png', import.meta.url));

/** For what comes with the next push of the page; a busy machine takes its time. */
const SOON = { timeout: 20_000 };

let demo: DemoProcess;
let browser: Browser;
let page: Page;
const RACE_PICTURE = fileURLToPath(new URL('../../docs/pictures/race.png', import.meta.url));
const problems: string[] = [];

beforeAll(async () => {
  [demo, browser] = await Promise.all([startDemo(['--rate', '60', '--duration', '300s']), openBrowser()]);
  page = await browser.context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' && !ofRace(message.location().url))
      problems.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => problems.push(String(error)));
});

afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

test('within a minute of traffic the page shows parity, endpoints, noise and the first cluster with its example', async () => {
  await page.goto(demo.page);
  await page.getByRole('heading', { name: 'Differences by cause' }).waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  const first = page.getByRole('button', { expanded: false }).filter({ hasText: 'GET /' }).first();
  await first.waitFor({ timeout: 60_000 });
  expect(page.url(), 'the token does not stay in the address').not.toContain('token');

  const compared = page.getByLabel('Parity', { exact: true }).locator('.figure');
  await expect.poll(() => compared.textContent(), { timeout: 30_000 }).toMatch(/\d+(\.\d+)?%/);
  await page
    .getByRole('row', { name: /GET \/products\/\{handle\}/ })
    .getByText(/\d+ paths?/)
    .waitFor({ timeout: 60_000 });
});

test('clusters come in the order of what they block, and the page begins with what fixing a few of them opens', async () => {
  await page
    .getByText(/^Fixing (this difference|these \d differences) would open \d+ cells?, \+[\d.]+ % of traffic\.$/)
    .waitFor({ timeout: 100_000 });
  await expect.poll(() => page.locator('.clusters > li.next').count(), SOON).toBeGreaterThan(0);
  await expect
    .poll(() => page.locator('.clusters > li').first().textContent(), SOON)
    .toMatch(/fixing it opens|in the way of/);
});

test('a cluster opens its example as two answers side by side, all of it text', async () => {
  const tags = page.getByRole('button').filter({ hasText: 'p.tags' }).first();
  await tags.waitFor({ timeout: 60_000 });
  await tags.click();
  await page.getByRole('table', { name: 'body' }).waitFor();
  const body = page.getByRole('table', { name: 'body' });
  expect(await body.textContent()).toContain('<p class="tags">');
  expect(await page.locator('.difference p.tags').count(), 'nothing of an answer is markup').toBe(0);
  // The picture for the documentation: a page that has been at work for a while.
  await expect.poll(() => page.locator('.clusters > li').count(), { timeout: 60_000 }).toBeGreaterThanOrEqual(4);
  const matched = async (): Promise<number> =>
    Number(
      /([\d,]+) match/
        .exec((await page.getByLabel('Parity', { exact: true }).textContent()) ?? '')?.[1]
        ?.replace(',', ''),
    );
  await expect.poll(matched, { timeout: 100_000 }).toBeGreaterThan(100);
  await page.getByRole('img', { name: /^Parity since this page was opened: from [\d.]+% to/ }).waitFor();
});

test('who owns a cluster and what becomes of it is said on the page, and stands in the journal', async () => {
  const tags = page.locator('.clusters > li').filter({ hasText: 'p.tags' }).first();
  if ((await tags.getByRole('button', { expanded: true }).count()) === 0)
    await tags.getByRole('button', { expanded: false }).click();
  const form = tags.getByRole('form', { name: 'What becomes of this difference' });
  await form.getByLabel('State').selectOption('accepted');
  await form.getByLabel('Owner').fill('shop team');
  await form.getByRole('button', { name: 'Save' }).click();
  // Accepting takes a reason and an end.
  await tags.getByText(/^Not done: /).waitFor();
  await form.getByLabel('Reason').fill('tags are shown in another order by design');
  await form
    .getByLabel('Until', { exact: true })
    .fill(new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10));
  await form.getByRole('button', { name: 'Save' }).click();
  await tags.getByText('Written into the journal.').waitFor();
  await tags.locator('.badge.accepted').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'cluster.accepted' }).first().waitFor();

  await page.getByRole('group', { name: 'Clusters shown' }).getByRole('button', { name: 'accepted' }).click();
  await expect.poll(() => page.locator('.clusters > li').count(), SOON).toBe(1);
  await form.getByLabel('State').selectOption('open');
  await form.getByLabel('Reason').fill('it was not');
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByText('No cluster is accepted.').waitFor();
  await page.getByRole('group', { name: 'Clusters shown' }).getByRole('button', { name: 'all' }).click();
  await tags.waitFor();
});

test('every cell is a square in the colour of its state; pressed, it opens its sheet, by the keyboard too', async () => {
  const picture = page.getByRole('table', { name: /Endpoints down, tenants across/ });
  const row = picture.getByRole('row', { name: /^GET \/products\/\{handle\}: \d+ / });
  expect(await row.getByRole('button').count()).toBeGreaterThan(5);
  const counted = page.getByRole('list', { name: 'Cells by state' });
  expect(await counted.getByRole('listitem').count()).toBe(6);
  expect(await counted.textContent()).toMatch(/\d+ observing/);

  const square = row.getByRole('button', { name: /observing|open|renewing|held|closed/ }).first();
  const name = (await square.getAttribute('aria-label')) ?? '';
  await square.click();
  const sheet = page.getByRole('dialog');
  await sheet.getByText('What is missing for a proof').waitFor();
  expect(name).toContain(((await sheet.getByRole('heading', { level: 2 }).textContent()) ?? '').split(' for ')[1]);
  await expect.poll(() => sheet.textContent(), SOON).toMatch(/Served.*by the control.*Dial.*Compared.*Parity/);
  // What its evidence says, beside what a proof takes.
  await sheet.getByRole('heading', { name: /^Of this cell: / }).waitFor();
  await sheet
    .getByRole('img', { name: /% of the evidence that a proof takes/ })
    .first()
    .waitFor();
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' });

  await page.keyboard.press('ArrowRight');
  const [here, tabbable] = (await page.evaluate(
    `[document.activeElement.dataset.at, document.querySelectorAll('.cells button[tabindex="0"]').length]`,
  )) as [string, number]; // what was asked for
  expect(here).toMatch(/^\d+ [1-9]/);
  expect(tabbable, 'the tab key passes the picture in one step').toBe(1);
  await page.keyboard.press('Enter');
  await sheet.waitFor();
  await sheet.getByRole('button', { name: 'Close' }).click();
  await sheet.waitFor({ state: 'detached' });
});

test('a ramp is a ladder with the present step marked', async () => {
  const ramp = page.locator('.ramps > li').filter({ hasText: /GET \/products\/\{handle\}/ });
  await ramp.waitFor();
  expect(await ramp.getByRole('listitem').allTextContents()).toEqual(['mirror', '25%', '60%', '100%', 'verify']);
  expect(await ramp.locator('[aria-current="step"]').count()).toBeLessThanOrEqual(1);
  expect(await ramp.textContent()).toMatch(/dial [\d.]+%, since/);
});

test('a race asks both sides for one page and shows both beside each other, with their times', async () => {
  const form = page.locator('form.race');
  await expect.poll(() => form.getByLabel('Host').inputValue(), SOON).toMatch(/shop-\d+\.localhost/);
  expect(await form.getByLabel('Path').inputValue()).toMatch(/^\//);
  await form.getByRole('button', { name: 'Race' }).click();
  const outcome = page.getByRole('status').filter({ hasText: 'one request each' });
  await outcome.waitFor();
  expect(await outcome.textContent()).toMatch(/wins: [\d.]+ times as fast|no clear winner/);
  for (const side of ['control', 'candidate']) {
    const lane = page.locator('.lane').filter({ hasText: side });
    expect(await lane.textContent()).toMatch(/[\d.]+ m?sstatus 200, [\d,]+ bytes/);
  }
  await form.getByLabel('Path').fill('/logout');
  await form.getByRole('button', { name: 'Race' }).click();
  await page.getByRole('alert').filter({ hasText: 'GET /logout acts' }).waitFor();
  await form.getByLabel('Path').fill('/');
  await form.getByRole('button', { name: 'Race' }).click();
  await expect.poll(() => outcome.textContent(), SOON).toMatch(/localhost(:\d+)?\/,/);
  for (const side of ['control', 'candidate']) {
    const frame = page.frameLocator(`iframe[title="Answer of the ${side}"]`);
    await frame.getByRole('heading', { name: 'Featured' }).waitFor();
  }
  await page.waitForTimeout(1_500); // the bars have arrived
  await page.locator('section').filter({ has: form }).screenshot({ path: RACE_PICTURE });
});

test('when the evidence is there cells open, and their sheets show the proof', async () => {
  const open = page.locator('button.cell.open');
  await expect.poll(() => open.count(), { timeout: 100_000 }).toBeGreaterThan(20);
  // The picture for the documentation: a page that has been at work for a while.
  await page.evaluate('scrollTo(0, 0)');
  await page.screenshot({ path: PICTURE });
  await open.first().click();
  const sheet = page.getByRole('dialog');
  await sheet.getByText(/Proof (of its own|over all tenants of the endpoint), made .* for candidate/).waitFor();
  expect(await sheet.textContent()).toMatch(/Nothing\./);
  await page.keyboard.press('Escape');
});

test('the page loads nothing from elsewhere and breaks none of its own policy', async () => {
  const response = await page.request.get(new URL('/', demo.page).href);
  expect(response.headers()['content-security-policy']).toContain("default-src 'none'");
  expect(problems).toEqual([]);
});

test('roll back: one more click, then the banner; lifting the latch takes it away', async () => {
  await page.getByRole('button', { name: 'Roll back', exact: true }).click();
  await page.getByRole('button', { name: 'Yes, roll back' }).click();
  await page.getByText(/Rolled back in [\d.]+ ms/).waitFor();
  await page.getByRole('alert').filter({ hasText: 'Rolled back everywhere' }).waitFor();
  await page.getByRole('listitem').filter({ hasText: 'rollback' }).first().waitFor();
  await page.getByRole('button', { name: 'Lift the latch' }).click();
  await expect.poll(() => page.getByRole('alert').filter({ hasText: 'Rolled back' }).count(), SOON).toBe(0);
});

test('on a phone nothing runs over the edge, and the sheet fills it', async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  await page.locator('button.cell.observing, button.cell.open').first().click();
  const sheet = page.getByRole('dialog');
  await sheet.getByText('What is missing for a proof').waitFor();
  expect((await sheet.boundingBox())?.width).toBe(390);
  await page.keyboard.press('Escape');
  const wide = await page.evaluate(
    `[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth && e.closest('.scroll, .difference .list') === null).map((e) => e.tagName + '.' + e.className)`,
  );
  expect(wide).toEqual([]);
  await page.setViewportSize({ width: 1280, height: 1500 });
});

test('at night it is dark, raced pages excepted: those are made for white paper', async () => {
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  const [ink, paper, frame, motion] = (await page.evaluate(
    `[['.paper', 'color'], ['.paper', 'backgroundColor'], ['iframe', 'backgroundColor'], ['.runner', 'animationName']].map(([of, what]) => getComputedStyle(document.querySelector(of))[what])`,
  )) as string[]; // what was asked for
  expect(brightness(ink)).toBeGreaterThan(200);
  expect(brightness(paper)).toBeLessThan(60);
  expect(brightness(frame)).toBe(255);
  expect(motion, 'nothing moves for those who asked for it').toBe('none');
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: null });
});

test('a wrong token is told kindly and shows nothing', async () => {
  const other = await browser.context.newPage();
  await other.goto(new URL('/', demo.page).href);
  await other.getByLabel('Token of the control API').fill('wrong');
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByRole('alert').waitFor();
  expect(await other.getByRole('heading', { name: 'Endpoints' }).count()).toBe(0);
  await other.close();
});

function brightness(colour: string | undefined): number {
  const parts = [...(colour ?? '').matchAll(/\d+/g)].slice(0, 3).map(Number);
  return parts.reduce((sum, part) => sum + part, 0) / 3;
}

/** A refused race, and what an answer in a frame may not do: the browser notes both, and neither is a problem of the page. */
function ofRace(address: string): boolean {
  const path = URL.canParse(address) ? new URL(address).pathname : '';
  return path.startsWith('/race/') || path === '/api/v1/race';
}
