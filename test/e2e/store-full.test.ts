import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTable } from '../../src/store/table-file.ts';
import { type CutoverProcess, eventually, startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { askOnce, startLoad } from '../support/load.ts';
import { TestUpstream } from '../support/test-upstream.ts';

/** A way to take all space from a running process, and to give it back. */
interface Scarcity {
  readonly name: string;
  /** Command in which Cutover runs. */
  readonly within: (stateDir: string) => readonly string[];
  readonly fill: (cutover: CutoverProcess, stateDir: string) => void;
  readonly free: (cutover: CutoverProcess, stateDir: string) => void;
}

const MOUNT = 'mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"';
/** Root may mount in a namespace of its own; others may where the system lets them have a user namespace. */
const UNSHARE = [
  ['unshare', '-m'],
  ['unshare', '-rm'],
].find(([command = '', flag = '']) => {
  return spawnSync(command, [flag, 'sh', '-c', MOUNT, '/tmp', 'true'], { stdio: 'ignore' }).status === 0;
});

/** A disk of 3 MiB that only the process sees; the test reaches it through /proc. */
function smallDisk(unshare: readonly string[]): Scarcity {
  const filler = (cutover: CutoverProcess, dir: string): string => `/proc/${cutover.pid}/root${join(dir, 'filler')}`;
  return {
    name: 'a full file system',
    within: (dir) => [...unshare, 'sh', '-c', MOUNT, dir],
    fill: (cutover, dir) => {
      for (const size of [65_536, 4_096, 1]) {
        try {
          for (;;) writeFileSync(filler(cutover, dir), Buffer.alloc(size), { flag: 'a' });
        } catch {
          // No room for a piece of this size.
        }
      }
    },
    free: (cutover, dir) => rmSync(filler(cutover, dir)),
  };
}

/** A limit on the size of files, which a running process can be given: every write to a file fails with EFBIG. */
const noRoom: Scarcity = {
  name: 'a limit on file sizes',
  within: () => [],
  fill: (cutover) => limitFiles(cutover, '0'),
  free: (cutover) => limitFiles(cutover, 'unlimited'),
};

function limitFiles(cutover: CutoverProcess, size: string): void {
  const done = spawnSync('prlimit', ['--pid', String(cutover.pid), `--fsize=${size}:unlimited`], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
}

const WAYS = [noRoom, ...(UNSHARE === undefined ? [] : [smallDisk(UNSHARE)])];

/** Two sides that differ in every answer, so that there is always something to store. */
async function differing(more: Record<string, unknown> = {}) {
  const answer = (side: string) =>
    TestUpstream.start(side, {
      respond: (request, response) => {
        const id = String(request.headers['x-id']);
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ id, price: side === 'control' ? 10 : 12, text: 'x'.repeat(500) }));
      },
    });
  const [control, candidate] = [await answer('control'), await answer('candidate')];
  const folder = tempFolder();
  const file = writeConfig(
    folder,
    { control: control.url, candidate: candidate.url },
    {
      defaults: { mirror: '100%', proof: 'none' },
      mirror: { perSecond: 200, concurrency: 8 },
      compare: { confirm: false },
      // Their own latches would stand beside the one that is asked for here.
      tripwires: { candidateFailures: 'off', hardDown: 'off', reverseMismatch: 'off' },
      ...more,
    },
  );
  const stateDir = join(folder, 'state');
  mkdirSync(stateDir, { mode: 0o700 });
  return { control, candidate, file, stateDir };
}

const compared = async (cutover: CutoverProcess): Promise<number> => {
  const { match, ignored, mismatch, inconclusive } = (await cutover.status()).verdicts;
  return match + ignored + mismatch + inconclusive;
};

test.each(WAYS)(
  'I2, I6: with $name clients notice nothing, comparing stops but for what the candidate serves, and a rollback works',
  async ({ within, fill, free }) => {
    const { file, stateDir } = await differing();
    const cutover = await startCutover(file, { within: within(stateDir) });
    const raised = await cutover.api('PUT', '/api/v1/dials', { dialPpm: 1_000_000, reason: 'all' });
    expect(raised.status).toBe(200);
    let n = 0;
    const load = startLoad({ port: () => cutover.proxyPort, workers: 4, pauseMs: 5, path: () => `/items?n=${n++}` });
    await eventually('comparisons', async () => (await compared(cutover)) > 20);

    fill(cutover, stateDir);
    await eventually('the status warns', async () =>
      (await cutover.status()).warnings.some((warning) => warning.includes('comparing has stopped')),
    );
    const whenFull = await compared(cutover);
    await eventually('what the candidate serves is compared', async () => (await compared(cutover)) > whenFull + 50);
    const refused = await cutover.api('PUT', '/api/v1/dials', { dialPpm: 600_000, reason: 'less' });
    expect([refused.status, refused.body['code']]).toEqual([503, 'STORE_FULL']);

    const rolledBack = await cutover.api('POST', '/api/v1/rollback', { reason: 'a full disk must not hinder it' });
    expect([rolledBack.status, rolledBack.body['journaledMs']]).toEqual([200, null]);
    const ackAt = performance.now();
    expect(await askOnce({ port: cutover.proxyPort, path: '/items' })).toMatchObject({ side: 'control' });
    expect((await cutover.status()).warnings.join()).toContain('1 rollbacks are in force but not in the journal yet');

    // What was queued when the control began to serve is still compared: with threads that have just started, a second's worth.
    let [stoppedAt, servedBy] = [-1, 0];
    await eventually('what was under way has ended', async () => {
      if (load.answered.length < servedBy + 50) return false;
      const before = stoppedAt;
      [stoppedAt, servedBy] = [await compared(cutover), load.answered.length];
      return stoppedAt === before;
    });
    const atFull = load.answered.length;
    const unverified = (await cutover.status()).unverified['store'] ?? 0;
    await eventually('more is served', () => load.answered.length > atFull + 200);
    // No more than the copies that were in flight; going on, it would be hundreds.
    expect((await compared(cutover)) - stoppedAt).toBeLessThanOrEqual(8);
    expect((await cutover.status()).unverified['store'] ?? 0).toBeGreaterThan(unverified);

    free(cutover, stateDir);
    await eventually('the warnings are gone', async () => (await cutover.status()).warnings.length === 0, 60_000);
    const { items } = (await cutover.api('GET', '/api/v1/journal?action=rollback')).body;
    expect(items).toMatchObject([{ scope: 'all', reason: 'a full disk must not hinder it' }]);
    const again = await compared(cutover);
    await eventually('comparing goes on', async () => (await compared(cutover)) > again + 20);
    expect((await cutover.api('PUT', '/api/v1/dials', { scope: { tenant: 'x' }, dialPpm: 0 })).status).toBe(200);
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(report.answered.filter(({ sentAt, side }) => sentAt > ackAt && side === 'candidate')).toEqual([]);
    expect(report.answered.filter(({ side }) => side === 'candidate').length).toBeGreaterThan(0);
    const ended = await cutover.stop();
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
  },
);

test('I6: started on a full disk it serves by what is stored, warns, and takes orders when there is room again', async () => {
  const { file, stateDir } = await differing();
  const before = await startCutover(file);
  expect((await before.api('PUT', '/api/v1/dials', { dialPpm: 1_000_000, reason: 'all' })).status).toBe(200);
  expect(await askOnce({ port: before.proxyPort })).toMatchObject({ side: 'candidate' });
  expect((await before.api('POST', '/api/v1/rollback', { scope: { endpoint: 'GET /latched' } })).status).toBe(200);
  await eventually('the table is on the disk', async () => (await readTable(stateDir))?.latches.length === 1);
  await before.kill();

  const cutover = await startCutover(file, { within: ['prlimit', '--fsize=0:unlimited'] });
  expect(await askOnce({ port: cutover.proxyPort, path: '/latched' })).toMatchObject({ status: 200, side: 'control' });
  expect(await askOnce({ port: cutover.proxyPort })).toMatchObject({ status: 200, side: 'candidate' });
  expect((await cutover.status()).warnings.join()).toContain('no space left');
  const refused = await cutover.api('PUT', '/api/v1/dials', { dialPpm: 0, reason: 'back' });
  expect([refused.status, refused.body['code']]).toEqual([503, 'STORE_FULL']);
  const rolledBack = await cutover.api('POST', '/api/v1/rollback', { reason: 'back' });
  expect(rolledBack.status).toBe(200);
  expect(await askOnce({ port: cutover.proxyPort })).toMatchObject({ status: 200, side: 'control' });

  limitFiles(cutover, 'unlimited');
  await eventually('the warnings are gone', async () => (await cutover.status()).warnings.length === 0, 60_000);
  const dialled = await cutover.api('PUT', '/api/v1/dials', {
    scope: { tenant: 'x' },
    dialPpm: 0,
    reason: 'room again',
  });
  expect(dialled.status).toBe(200);
  expect(await askOnce({ port: cutover.proxyPort })).toMatchObject({ status: 200, side: 'control' });
  expect(await cutover.stop()).toMatchObject({ code: 0 });
});
