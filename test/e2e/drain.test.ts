import http from 'node:http';
import { expect, test } from 'vitest';
import { startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { startLoad } from '../support/load.ts';
import { TestUpstream } from '../support/test-upstream.ts';

const PIECES = 20;
const PIECE_MS = 100;

/** Answers `/stream` piece by piece over two seconds, everything else at once. */
async function streamingControl(): Promise<TestUpstream> {
  return TestUpstream.start('control', {
    respond: (request, response) => {
      const id = String(request.headers['x-id']);
      response.writeHead(200, { 'content-type': 'text/plain' });
      if (request.url !== '/stream') {
        response.end(JSON.stringify({ id }));
        return;
      }
      let left = PIECES;
      const timer = setInterval(() => {
        left -= 1;
        response.write(`piece ${PIECES - left};`);
        if (left > 0) return;
        clearInterval(timer);
        response.end('whole');
      }, PIECE_MS);
      response.on('close', () => clearInterval(timer));
    },
  });
}

interface Stream {
  readonly begun: Promise<void>;
  /** The text, or why it was cut. */
  readonly ended: Promise<string>;
}

function openStream(port: number): Stream {
  let text = '';
  let begin: () => void;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const ended = new Promise<string>((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/stream', agent: false, headers: { 'x-id': 's' } });
    request.on('error', (error) => resolve(`cut: ${error.message}`));
    request.on('response', (response) => {
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        begin();
      });
      response.on('error', (error) => resolve(`cut after ${text}: ${error.message}`));
      response.on('end', () => resolve(text));
    });
  });
  return { begun, ended };
}

async function serving(more: Record<string, unknown> = {}) {
  const [control, candidate] = [await streamingControl(), await TestUpstream.start('candidate')];
  const file = writeConfig(tempFolder(), { control: control.url, candidate: candidate.url }, more);
  return startCutover(file);
}

test.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)(
  'I12: %s during load and a streaming answer loses no request and ends with 0',
  async (signal) => {
    const cutover = await serving();
    const load = startLoad({ port: () => cutover.proxyPort, workers: 8, endsWhenRefused: true });
    const stream = openStream(cutover.proxyPort);
    await stream.begun;
    const before = load.answered.length;
    const signalledAt = performance.now();
    cutover.signal(signal);
    const ended = await cutover.exited;
    const tookMs = performance.now() - signalledAt;
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(before).toBeGreaterThan(0);
    expect(await stream.ended).toMatch(/^piece 1;.*piece 20;whole$/);
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.stderr).toContain('every request was finished');
    // The stream was waited for; the limit of 25 s was not.
    expect(tookMs).toBeLessThan(20_000);
  },
);

test('a second signal ends the process at once, with 1', async () => {
  const cutover = await serving();
  const stream = openStream(cutover.proxyPort);
  await stream.begun;
  cutover.signal('SIGTERM');
  await expect.poll(() => cutover.stderr(), { timeout: 20_000 }).toContain('draining');
  cutover.signal('SIGTERM');
  const ended = await cutover.exited;
  expect(ended).toMatchObject({ code: 1, signal: null });
  expect(await stream.ended).toMatch(/^cut/);
});

test('what does not finish within the limit is cut, and the process says so', async () => {
  const cutover = await serving({ drain: { timeout: '300ms' } });
  const stream = openStream(cutover.proxyPort);
  await stream.begun;
  const ended = await cutover.stop();
  expect(ended).toMatchObject({ code: 1, signal: null });
  expect(ended.stderr).toContain('1 connections were cut');
  expect(await stream.ended).toMatch(/^cut/);
});
