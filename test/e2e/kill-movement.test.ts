import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const WRITER = fileURLToPath(new URL('../support/movement-writer.ts', import.meta.url));
const KILLS = 300;
/** Two at a time: each has a folder of its own. */
const LANES = 2;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-kills-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

interface Life {
  readonly start: {
    readonly revision: number;
    readonly latches: string;
    readonly unproven: number;
    readonly open: number;
  };
  /** What was acknowledged last; undefined where the process died before anything was. */
  readonly last: { readonly revision: number; readonly unproven: number; readonly latches: string } | undefined;
  readonly acknowledged: number;
}

/** Starts the writer and kills it `afterMs` after it began to work. */
function live(dir: string, seed: number, afterMs: number): Promise<Life> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WRITER, dir, String(seed)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') },
    });
    let out = '';
    let errors = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    child.stdout.on('data', (text: Buffer) => {
      if (out === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
      out += text.toString('utf8');
    });
    child.stderr.on('data', (text: Buffer) => {
      errors += text.toString('utf8');
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      // What stands behind the last line feed was cut by the kill.
      const lines = out.split('\n').slice(0, -1);
      const start = /^start (.*)$/.exec(lines[0] ?? '')?.[1];
      if (code !== null || start === undefined)
        return reject(new Error(`the writer ended by itself with ${code}: ${errors}`));
      const acks = lines.slice(1).map((line) => /^ack (\d+) (\d+) (.*)$/.exec(line));
      const last = acks.at(-1);
      resolve({
        start: JSON.parse(start) as Life['start'], // printed by the writer in this shape
        last:
          last === undefined || last === null
            ? undefined
            : { revision: Number(last[1]), unproven: Number(last[2]), latches: last[3] ?? '' },
        acknowledged: acks.length,
      });
    });
  });
}

test('I4, I5: killed 300 times amid promotions and rollbacks, no cell is served without its proof and nothing acknowledged is lost', async () => {
  let acknowledged = 0;
  let opened = 0;
  let latched = 0;
  const lane = async (number: number): Promise<void> => {
    const dir = join(folder, `state-${number}`);
    let before: Life['last'];
    for (let kill = 0; kill < KILLS / LANES; kill += 1) {
      // Early kills hit the first writes after a start, later ones the middle of things.
      const life = await live(dir, number * 10_000 + kill, (kill * 7) % 90);
      expect(life.start.unproven, 'open cells without a recorded proof after a start').toBe(0);
      expect(life.last?.unproven ?? 0, 'and at any time').toBe(0);
      if (before !== undefined) {
        expect(life.start.revision, 'the last acknowledged change is in the journal').toBeGreaterThanOrEqual(
          before.revision,
        );
      }
      // A start is one change; where nothing unacknowledged came between, the latches are those that were acknowledged.
      if (before !== undefined && life.start.revision === before.revision + 1)
        expect(life.start.latches).toBe(before.latches);
      before = life.last ?? { ...life.start };
      acknowledged += life.acknowledged;
      opened = Math.max(opened, life.start.open);
      if (life.start.latches !== '') latched += 1;
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  expect(acknowledged, 'the writer was at work when it was killed').toBeGreaterThan(KILLS);
  expect(opened, 'cells stay open over a kill').toBeGreaterThan(0);
  expect(latched, 'latches stay over a kill').toBeGreaterThan(0);
}, 280_000);
