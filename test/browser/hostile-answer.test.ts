import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { openBrowser } from './browser.ts';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Trap {
  readonly url: string;
  /** What came over each connection so far; empty for one that was opened in advance. */
  readonly caught: () => readonly string[];
}

/** Notes who connects; what a page could load or tell goes here. */
async function setTrap(): Promise<Trap> {
  const caught: string[] = [];
  const server = createTcpServer((socket) => {
    const at = caught.push('') - 1;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      caught[at] += bytes.toString('latin1').split('\r\n', 1)[0] ?? '';
      socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, caught: () => caught };
}

/** A page that tries whatever an answer could try. */
function hostilePage(trap: string): string {
  const told = `new Image().src='${trap}/told';fetch('${trap}/told');document.documentElement.dataset.ran='yes';parent.document.title='taken';top.location='${trap}/top'`;
  return `<!doctype html><html><head>
<meta http-equiv="content-security-policy" content="default-src * 'unsafe-inline'; script-src * 'unsafe-inline'">
<meta http-equiv="refresh" content="0; url=${trap}/refresh">
<base href="${trap}/">
<link rel="preconnect" href="${trap}"><link rel="dns-prefetch" href="${trap}"><link rel="prefetch" href="${trap}/prefetch">
<link rel="preload" as="image" href="${trap}/preload"><link rel="modulepreload" href="${trap}/module.js">
<link rel="stylesheet" href="${trap}/style.css"><link rel="icon" href="${trap}/icon.png"><link rel="manifest" href="${trap}/manifest">
<script type="speculationrules">{"prefetch":[{"source":"list","urls":["${trap}/speculation"]}]}</script>
<style>@import url(${trap}/import.css); @font-face { font-family: x; src: url(${trap}/font.woff2) }
body { background: url(${trap}/background.png); font-family: x } h1 { color: rgb(1, 2, 3) }</style>
<script>${told}</script><script src="${trap}/script.js"></script><script type="module">${told}</script>
</head><body onload="${told}">
<h1>hostile</h1>
<img src="${trap}/image.png" onerror="${told}"><img srcset="${trap}/set.png 1x"><svg onload="${told}"><image href="${trap}/svg.png"/></svg>
<iframe src="${trap}/frame"></iframe><iframe srcdoc="<script>${told}</script>"></iframe>
<object data="${trap}/object"></object><embed src="${trap}/embed">
<video src="${trap}/video" autoplay poster="${trap}/poster"></video><audio src="${trap}/audio" autoplay></audio>
<details open ontoggle="${told}"><summary>more</summary></details>
<form action="${trap}/form" method="post"><input name="secret" value="1" autofocus onfocus="${told}"><button>Send</button></form>
<a href="${trap}/link" ping="${trap}/ping">follow</a> <a href="${trap}/above" target="_top">above</a>
<svg><a xlink:href="${trap}/drawn"><text y="20">drawn</text></a></svg> <a href="${trap}/window" target="_blank">window</a> <a href="javascript:${told}">run</a> <a href="${trap}/file" download>keep</a>
</body></html>`;
}

async function serve(page: string, trap: string): Promise<string> {
  const server: Server = createHttpServer((_, response) => {
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'set-cookie': 'taken=yes',
      refresh: `0; url=${trap}/header`,
      link: `<${trap}/early>; rel=preload; as=style`,
      'content-security-policy': "script-src * 'unsafe-inline'",
    });
    response.end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('nothing of a raced answer runs, loads, tells or leads anywhere', async () => {
  const trap = await setTrap();
  const page = hostilePage(trap.url);
  const [control, candidate] = await Promise.all([serve(page, trap.url), serve(page, trap.url)]);
  const cutover = await startCutover(writeConfig(tempFolder(), { control, candidate }));
  const browser = await openBrowser();
  closers.push(() => browser.close());

  const ours = await browser.context.newPage();
  await ours.goto(`http://127.0.0.1:${cutover.apiPort}/#token=${cutover.token}`);
  const race = async (): Promise<void> => {
    await ours.getByLabel('Host').fill('shop.example');
    await ours.getByLabel('Path').fill('/');
    await ours.getByRole('button', { name: 'Race', exact: true }).click();
    await ours.getByRole('status').filter({ hasText: 'one request each' }).waitFor();
  };
  await race();
  for (const side of ['control', 'candidate']) {
    const heading = ours
      .frameLocator(`iframe[title="Answer of the ${side}"]`)
      .getByRole('heading', { name: 'hostile' });
    await heading.waitFor();
    // Its own style counts: the page is there as a page, and only its deeds are not.
    expect(await heading.evaluate((it) => it.ownerDocument.defaultView?.getComputedStyle(it).color)).toBe(
      'rgb(1, 2, 3)',
    );
    expect(await heading.evaluate((it) => it.ownerDocument.documentElement.dataset['ran'])).toBeUndefined();
  }
  // Whatever a reader may press; each time in a page that was not led away before.
  for (const deed of ['follow', 'above', 'window', 'run', 'keep', 'drawn', 'Send']) {
    await ours.waitForTimeout(1_000); // the pace at which races are allowed
    await race();
    const frame = ours.frameLocator('iframe[title="Answer of the candidate"]');
    const pressed = frame.getByText(deed, { exact: true });
    await pressed.click({ noWaitAfter: true, force: true });
  }
  expect(await ours.locator('iframe').evaluateAll((all) => all.map((one) => one.getAttribute('sandbox')))).toEqual([
    '',
    '',
  ]);
  // Loads and navigations that were begun have had their time.
  await ours.waitForTimeout(1_500);
  expect(trap.caught(), 'nobody came').toEqual([]);
  expect(ours.url()).toBe(`http://127.0.0.1:${cutover.apiPort}/`);
  expect(await ours.title()).toBe('Cutover');
  expect(browser.context.pages().filter((one) => one.url().startsWith(trap.url))).toEqual([]);
  expect(await browser.context.cookies()).toEqual([]);

  // On its own, without our headers, the page does all of it: the trap works.
  const theirs = await browser.context.newPage();
  await theirs.goto(control, { waitUntil: 'commit' });
  await expect.poll(() => trap.caught().length, { timeout: 15_000 }).toBeGreaterThan(3);
});
