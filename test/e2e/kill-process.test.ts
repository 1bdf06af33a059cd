import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTable } from '../../src/store/table-file.ts';
import {
  type ApiAnswer,
  type CutoverProcess,
  eventually,
  startCutover,
  tempFolder,
  writeConfig,
} from '../support/cutover-process.ts';
import { askOnce, quantile, startLoad } from '../support/load.ts';
import { TestUpstream } from '../support/test-upstream.ts';

const ROUNDS = 100;
/** On a busy machine there are fewer rounds: none begins later than this, but for the first few. */
const LONG_MS = 200_000;
const LEAST_ROUNDS = 20;
/** Promised is "within a second", and printed; a busy machine may take longer. */
const MEDIAN_MS = 5_000;
const WORST_MS = 20_000;

/** What was acknowledged, and so must be there after every restart. */
interface Known {
  readonly dials: Map<string, number>;
  readonly latches: Set<string>;
  readonly pins: Set<string>;
  /** Sequence and revision of the acknowledged journal entries. */
  readonly journal: Map<number, number>;
  revision: number;
}

interface ScopeBody {
  readonly tenant?: string;
  readonly endpoint?: string;
}

const keyOf = ({ tenant = '', endpoint = '' }: ScopeBody): string => `${tenant}|${endpoint}`;

async function listed<T>(cutover: CutoverProcess, path: string): Promise<T[]> {
  const items: T[] = [];
  for (let cursor = ''; ; ) {
    const answer = await cutover.api('GET', `${path}?limit=200${cursor}`);
    expect(answer.status).toBe(200);
    items.push(...(answer.body['items'] as T[])); // the control API's own type
    const next = answer.body['next'];
    if (typeof next !== 'string') return items;
    cursor = `&cursor=${encodeURIComponent(next)}`;
  }
}

/** Everything acknowledged is there; what was under way when the process died may be there too. */
async function checkAndLearn(cutover: CutoverProcess, known: Known): Promise<void> {
  const dials = await listed<{ scope: ScopeBody; dialPpm: number }>(cutover, '/api/v1/dials');
  const latches = await listed<{ scope: ScopeBody }>(cutover, '/api/v1/latch');
  const pins = await listed<{ id: string }>(cutover, '/api/v1/pins');
  const dialsNow = new Map(dials.map(({ scope, dialPpm }) => [keyOf(scope), dialPpm]));
  const latchesNow = new Set(latches.map(({ scope }) => keyOf(scope)));
  const pinsNow = new Set(pins.map(({ id }) => id));
  expect([...known.latches].filter((key) => !latchesNow.has(key))).toEqual([]);
  expect([...known.pins].filter((id) => !pinsNow.has(id))).toEqual([]);
  expect([...known.dials].filter(([key, ppm]) => dialsNow.get(key) !== ppm)).toEqual([]);
  for (const key of latchesNow) known.latches.add(key);
  for (const id of pinsNow) known.pins.add(id);
  for (const [key, ppm] of dialsNow) known.dials.set(key, ppm);
  const { revision } = await cutover.status();
  expect(revision).toBeGreaterThan(known.revision);
  known.revision = revision;
}

async function checkJournal(cutover: CutoverProcess, known: Known): Promise<void> {
  const entries = await listed<{ sequence: number; revision: number; action: string }>(cutover, '/api/v1/journal');
  const bySequence = new Map(entries.map((entry) => [entry.sequence, entry]));
  expect(bySequence.size).toBe(entries.length);
  for (const [sequence, revision] of known.journal) expect(bySequence.get(sequence)?.revision).toBe(revision);
  // Nothing is missing in between either.
  expect(Math.max(...bySequence.keys()) - Math.min(...bySequence.keys()) + 1).toBe(entries.length);
}

function acknowledged(known: Known, answer: ApiAnswer, status: number): void {
  expect(answer.status).toBe(status);
  const { sequence, revision } = answer.body['journal'] as { sequence: number; revision: number }; // as the API documents it
  known.journal.set(sequence, revision);
}

async function isJournaled(cutover: CutoverProcess): Promise<boolean> {
  return (await cutover.status()).warnings.every((warning) => !warning.includes('not in the journal yet'));
}

/** One acknowledged change of each kind in turn. */
async function change(cutover: CutoverProcess, known: Known, round: number): Promise<void> {
  const scope = { tenant: `t${round % 9}`, endpoint: `GET /e${round % 5}` };
  const key = keyOf(scope);
  const kind = round % 5;
  if (kind === 0 || kind === 3) {
    const dialPpm = 1_000 * (round + 1);
    const answer = await cutover.api('PUT', '/api/v1/dials', { scope, dialPpm, reason: `round ${round}` });
    // A dial under a latch is refused, and then nothing has changed.
    if (answer.status === 409) return expect(known.latches.size).toBeGreaterThan(0);
    acknowledged(known, answer, 200);
    known.dials.set(key, dialPpm);
  } else if (kind === 1) {
    const answer = await cutover.api('POST', '/api/v1/pins', { scope, side: 'candidate', reason: `round ${round}` });
    acknowledged(known, answer, 201);
    known.pins.add(String(answer.body['id']));
  } else if (kind === 2) {
    const answer = await cutover.api('POST', '/api/v1/rollback', { scope, reason: `round ${round}` });
    expect(answer.status).toBe(200);
    // In force at once; where the answer does not say that it is on the disk, the status says when.
    if (answer.body['journaledMs'] === null)
      await eventually('the rollback is in the journal', () => isJournaled(cutover));
    known.latches.add(key);
  } else {
    const [latched] = known.latches;
    if (latched === undefined) return;
    const [tenant = '', endpoint = ''] = latched.split('|');
    const answer = await cutover.api('DELETE', '/api/v1/latch', { scope: { tenant, endpoint }, reason: 'checked' });
    acknowledged(known, answer, 200);
    known.latches.delete(latched);
  }
}

test(`killed up to ${ROUNDS} times under load it is up again each time, with every acknowledged change`, async () => {
  const [control, candidate] = [await TestUpstream.start('control'), await TestUpstream.start('candidate')];
  const folder = tempFolder();
  const file = writeConfig(
    folder,
    { control: control.url, candidate: candidate.url },
    { defaults: { mirror: '100%', proof: 'none' }, log: { level: 'warn' } },
  );
  const known: Known = { dials: new Map(), latches: new Set(), pins: new Set(), journal: new Map(), revision: 0 };
  const upMs: number[] = [];
  let port = 0;
  const load = startLoad({ port: () => port, workers: 4, pauseMs: 2 });
  const begunAt = performance.now();
  let isLast = false;
  for (let round = 0; !isLast; round++) {
    isLast = round === ROUNDS - 1 || (round >= LEAST_ROUNDS && performance.now() - begunAt > LONG_MS);
    const cutover = await startCutover(file);
    const first = await askOnce({ port: cutover.proxyPort, id: 'first' });
    upMs.push(performance.now() - cutover.spawnedAt);
    expect(first).toMatchObject({ status: 200, echo: 'first' });
    port = cutover.proxyPort;
    await checkAndLearn(cutover, known);
    const before = load.answered.length;
    await change(cutover, known, round);
    await change(cutover, known, round + 1);
    // The load must be on this process when it dies.
    await expect.poll(() => load.answered.length, { interval: 2, timeout: 30_000 }).toBeGreaterThan(before);
    if (isLast) await checkJournal(cutover, known);
    // Every second time it dies in the middle of a change that nobody was told of.
    const pending =
      round % 2 === 0
        ? cutover.api('PUT', '/api/v1/dials', { scope: { tenant: 'under-way' }, dialPpm: round }).catch(() => undefined)
        : undefined;
    if (round % 4 === 0) await new Promise((resolve) => setTimeout(resolve, round % 7));
    await cutover.kill();
    // It may have been told after all; what it was told must then be there.
    const told = await pending;
    if (told?.status === 200) known.dials.set(keyOf({ tenant: 'under-way' }), round);
    else known.dials.delete(keyOf({ tenant: 'under-way' }));
  }
  const report = await load.stop();
  // Clients of a killed process lose their connection; no answer was wrong, and none was an error of the proxy.
  expect(
    report.failures.filter((failure) => !/ECONNRESET|ECONNREFUSED|EPIPE|socket hang up|aborted/.test(failure)),
  ).toEqual([]);
  const worst = Math.max(...upMs);
  const median = quantile(upMs, 0.5);
  process.stderr.write(`up after kill -9: median ${median.toFixed(0)} ms, worst ${worst.toFixed(0)} ms\n`);
  expect(median).toBeLessThan(MEDIAN_MS);
  expect(worst).toBeLessThan(WORST_MS);
  expect(known.journal.size).toBeGreaterThan(upMs.length / 2);
  // The table on disk is whole as well.
  expect(await readTable(join(folder, 'state'))).toBeDefined();
}, 400_000);
