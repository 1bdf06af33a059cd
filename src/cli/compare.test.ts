import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../test/support/cli.ts';

const temporary = mkdtempSync(join(tmpdir(), 'cutover-cli-compare-'));
afterAll(() => rmSync(temporary, { recursive: true }));

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function side(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // listens on TCP
}

const json =
  (make: (path: string) => unknown): RequestListener =>
  (request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(make(request.url ?? '')));
  };

describe('two servers that are there', () => {
  test('match, also where times and identifiers are new in each answer: 0', async () => {
    const shop = json((path) => ({ path, at: new Date().toISOString(), trace: randomUUID(), total: 10 }));
    const args = ['compare', '--control', await side(shop), '--candidate', await side(shop), '/a', '/b?x=1'];
    const run = await runCli([...args, '--output', 'json']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const results: unknown = JSON.parse(run.stdout);
    expect(results).toMatchObject([
      { path: '/a', verdict: 'match' },
      { path: '/b?x=1', verdict: 'match' },
    ]);
    const text = await runCli(args);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toContain('2 match, 0 differ, 0 ignored, 0 inconclusive');
  });

  test('differ: 3, and what differs is shown beside what is only noise', async () => {
    const control = await side(json(() => ({ at: new Date().toISOString(), total: 10 })));
    const candidate = await side(json(() => ({ at: new Date().toISOString(), total: '10' })));
    const args = ['compare', '--control', control, '--candidate', candidate, '/orders/7'];
    const run = await runCli([...args, '--output', 'json']);
    expect(run.code).toBe(3);
    expect(JSON.parse(run.stdout)).toMatchObject([
      {
        verdict: 'mismatch',
        differences: [
          { path: 'body/total', kind: 'type', control: '10', candidate: '10' },
          { path: 'body/at', noise: 'time' },
        ],
      },
    ]);
    const text = await runCli(args);
    expect(text).toMatchObject({ code: 3, stderr: '' });
    expect(text.stdout).toContain('body/total  type');
  });

  test('a frozen clock behind a time that varies is a difference: 3', async () => {
    const control = await side(json(() => ({ at: new Date().toISOString() })));
    const candidate = await side(json(() => ({ at: '2001-02-03T04:05:06.789Z' })));
    const run = await runCli(['compare', '--control', control, '--candidate', candidate, '/']);
    expect(run.code).toBe(3);
  });

  test('a candidate that is down is a mismatch: 3; a control that is down tells nothing: 1', async () => {
    const [up, gone] = [await side(json(() => ({}))), await side(json(() => ({})))];
    await ends.pop()?.();
    expect(await runCli(['compare', '--control', up, '--candidate', gone, '/'])).toMatchObject({ code: 3, stderr: '' });
    expect(await runCli(['compare', '--control', gone, '--candidate', up, '/'])).toMatchObject({ code: 1, stderr: '' });
  });

  test('a control that does not repeat itself tells nothing: 1', async () => {
    const words = ['ash', 'birch and oak', 'cedar'];
    let asked = 0;
    const control = await side(json(() => ({ word: words[asked++ % words.length] })));
    const candidate = await side(json(() => ({ word: 'elm' })));
    const run = await runCli(['compare', '--control', control, '--candidate', candidate, '/', '--output', 'json']);
    expect(JSON.parse(run.stdout)).toMatchObject([{ verdict: 'inconclusive' }]);
    expect(run.code).toBe(1);
  });

  test('get the headers they are given, and paths as browsers write them', async () => {
    const seen: (string | undefined)[] = [];
    const echo: RequestListener = (request, response) => {
      seen.push(request.url, request.headers['accept-language'], request.headers.host);
      response.end('ok');
    };
    const [control, candidate] = [await side(echo), await side(echo)];
    const headers = ['-H', 'Accept-Language: de', '-H', 'host: acme.example'];
    const run = await runCli([
      'compare',
      '--control',
      control,
      '--candidate',
      candidate,
      ...headers,
      '/straße 7?q=ä#top',
    ]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(new Set(seen)).toEqual(new Set(['/stra%C3%9Fe%207?q=%C3%A4', 'de', 'acme.example']));
  });

  test('a server that switches protocols, or ends in the middle, is a failure and no hang', async () => {
    const control = await side(json(() => ({})));
    const switches: RequestListener = (request) => {
      request.socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    };
    const breaks: RequestListener = (request) => {
      request.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
    };
    for (const candidate of [await side(switches), await side(breaks)]) {
      const run = await runCli(['compare', '--control', control, '--candidate', candidate, '/', '--output', 'json']);
      expect(run).toMatchObject({ code: 3, stderr: '' });
      expect(JSON.parse(run.stdout)).toMatchObject([{ differences: [{ path: 'status', kind: 'failure' }] }]);
    }
  });

  test('rules of a configuration count, and it needs none of its secrets', async () => {
    const control = await side(json(() => ({ total: 10, build: 1 })));
    const candidate = await side(json(() => ({ total: 10, build: 2 })));
    const config = join(temporary, 'rules.yaml');
    writeFileSync(
      config,
      `control: { url: ${control} }\ncandidate: { url: ${candidate} }\ntrust: { tokenSecret: { env: NOT_SET } }\ncompare: { rules: [{ name: build, ignore: body/build, reason: of its own }] }\n`,
    );
    const args = ['compare', '--control', control, '--candidate', candidate, '/', '--output', 'json'];
    expect((await runCli(args)).code).toBe(3);
    const run = await runCli([...args, '-c', config]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(run.stdout)).toMatchObject([{ verdict: 'ignored', differences: [{ rule: 'build' }] }]);
  });
});

describe('recorded pairs', () => {
  const pairs = join(temporary, 'pairs.ndjson');
  const pair = (id: string, control: string, candidate: string): string =>
    JSON.stringify({
      id,
      endpoint: 'GET /a',
      request: { method: 'GET', path: '/a' },
      control: { status: 200, body: control },
      candidate: { status: 200, body: candidate },
    });

  beforeAll(() => {
    writeFileSync(pairs, `\ufeff${pair('1', 'same', 'same')}\r\n${pair('2', 'a\u001b[2J', 'b')}\n`);
  });

  test('are summed up for people; a byte order mark and CRLF do no harm', async () => {
    const run = await runCli(['compare', '--pairs', pairs]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain('mismatch     2');
    expect(run.stdout).toContain('1 match, 1 differ, 0 ignored, 0 inconclusive');
    expect(run.stdout).not.toContain('\u001b');
  });

  test('what is no pair is named by file and line without letting it write to the terminal: 2', async () => {
    const bad = join(temporary, 'bad.ndjson');
    writeFileSync(bad, `${pair('1', 'a', 'a')}\n{"id":"\u001b[2J\n`);
    const run = await runCli(['compare', '--pairs', bad, '--output', 'json']);
    expect(run.code).toBe(2);
    expect(run.stdout).toBe('{"id":"1","verdict":"match","differences":[]}\n');
    expect(run.stderr).toMatch(new RegExp(`^${bad}:2: no JSON`));
    expect(run.stderr).not.toContain('\u001b');
  });
});
