import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EndpointPolicy, TableData } from '../core/routing.ts';
import { createLog } from '../telemetry/log.ts';
import { readTable, writeTable } from './table-file.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cutover-table-'));
});
afterEach(() => rm(dir, { recursive: true }));

function table(revision: number): TableData {
  const force = { tenants: [], subjects: [], endpoints: [] };
  return {
    revision,
    madeAt: 1,
    latches: [],
    force: { control: force, candidate: force } as unknown as TableData['force'], // the file does not look inside
    pins: [],
    cohorts: { früh: [] },
    dials: [],
    defaults: {} as EndpointPolicy, // the file does not look inside
    endpoints: [],
    cells: [],
  };
}

test('I6: the table last written is read again', async () => {
  expect(await readTable(dir)).toBeUndefined();
  await writeTable(dir, table(1));
  await writeTable(dir, table(2));
  expect(await readTable(dir)).toEqual(table(2));
  expect(await readdir(dir)).toEqual(['table.json']);
});

test('a damaged table is told to the log, a missing one is not', async () => {
  const lines: string[] = [];
  const log = createLog({ level: 'warn', write: (line) => lines.push(line) });
  expect(await readTable(dir, log)).toBeUndefined();
  expect(lines).toEqual([]);
  await writeFile(join(dir, 'table.json'), 'nothing');
  expect(await readTable(dir, log)).toBeUndefined();
  expect(lines).toEqual([expect.stringContaining('table.damaged')]);
});

test('tables written at once end with the last one', async () => {
  await Promise.all(Array.from({ length: 20 }, (_, n) => writeTable(dir, table(n))));
  expect((await readTable(dir))?.revision).toBe(19);
});

test('a damaged table is no table: each cut, and any changed byte', async () => {
  await writeTable(dir, table(1));
  const file = join(dir, 'table.json');
  const whole = await readFile(file);
  for (let at = 0; at < whole.length; at += 7) {
    await writeFile(file, whole.subarray(0, at));
    expect(await readTable(dir)).toBeUndefined();
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await writeFile(file, changed);
    expect(await readTable(dir)).toBeUndefined();
  }
});

test('a table that cannot be written rejects, and the next one is written all the same', async () => {
  await expect(writeTable(join(dir, 'none'), table(1))).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await writeTable(dir, table(2));
  expect((await readTable(dir))?.revision).toBe(2);
});
