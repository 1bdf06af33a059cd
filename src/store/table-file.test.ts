import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cellKey, type EndpointId, type TenantId } from '../core/cell.ts';
import { CellStates } from '../core/cell-states.ts';
import type { EndpointPolicy, TableData } from '../core/routing.ts';
import { createLog } from '../telemetry/log.ts';
import { readTable, TableFile } from './table-file.ts';

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
    cells: CellStates.EMPTY,
  };
}

const cell = (tenant: number, endpoint = 'GET /a') => cellKey(`t${tenant}` as TenantId, endpoint as EndpointId);

function withCells(revision: number, cells: CellStates): TableData {
  return { ...table(revision), cells };
}

test('I6: the table last written is read again', async () => {
  const file = new TableFile(dir);
  expect(await readTable(dir)).toBeUndefined();
  await file.write(table(1));
  await file.write(table(2));
  expect(await readTable(dir)).toEqual(table(2));
  expect(await readdir(dir)).toEqual(['table.json']);
});

test('a change is written as a change, and read like the whole; one who begins anew writes the whole', async () => {
  const file = new TableFile(dir);
  const many = CellStates.of(Array.from({ length: 10_000 }, (_, n) => [cell(n), 'open'] as const));
  await file.write(withCells(1, many));
  const { size } = await stat(join(dir, 'table.json'));
  const latch = { scope: {}, at: 1, actor: 'cli:eve', reason: 'wrong' };
  const changed = many.with([
    [cell(3), 'closed'],
    [cell(4), 'observing'],
    [cell(1, 'GET /b'), 'held'],
  ]);
  await file.write({ ...withCells(2, changed), latches: [latch] });
  expect((await stat(join(dir, 'table.json'))).size - size).toBeLessThan(2_000);
  const read = await readTable(dir);
  expect(read).toMatchObject({ revision: 2, latches: [latch] });
  expect(read?.cells.size).toBe(10_000);
  expect([3, 4, 5].map((n) => read?.cells.get(cell(n)))).toEqual(['closed', undefined, 'open']);
  expect(read?.cells.get(cell(1, 'GET /b'))).toBe('held');
  const again = new TableFile(dir);
  await again.write(withCells(3, many));
  expect((await stat(join(dir, 'table.json'))).size).toBe(size);
  expect((await readTable(dir))?.cells.get(cell(4))).toBe('open');
});

test('changes that outgrow the whole make it anew', async () => {
  const file = new TableFile(dir);
  const sizes: number[] = [];
  for (let revision = 1; revision <= 40; revision += 1) {
    const cells = CellStates.of(Array.from({ length: 1_000 }, (_, n) => [cell(n + revision * 1_000), 'open'] as const));
    await file.write(withCells(revision, cells));
    sizes.push((await stat(join(dir, 'table.json'))).size);
  }
  expect(Math.max(...sizes)).toBeLessThan(400_000);
  expect((await readTable(dir))?.revision).toBe(40);
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
  const file = new TableFile(dir);
  await Promise.all(Array.from({ length: 20 }, (_, n) => file.write(table(n))));
  expect((await readTable(dir))?.revision).toBe(19);
});

test('a damaged table is no table: any changed byte, and each cut but within the last change, which was never finished', async () => {
  const file = new TableFile(dir);
  await file.write(withCells(1, CellStates.of([[cell(1), 'open']])));
  const path = join(dir, 'table.json');
  const whole = await readFile(path);
  await file.write(withCells(2, CellStates.of([[cell(2), 'open']])));
  const changed = await readFile(path);
  for (let at = 0; at < changed.length; at += 7) {
    await writeFile(path, changed.subarray(0, at));
    expect((await readTable(dir))?.revision).toBe(at < whole.length ? undefined : 1);
    const bent = Buffer.from(changed);
    bent[at] = (bent[at] ?? 0) ^ 1;
    await writeFile(path, bent);
    expect(await readTable(dir)).toBeUndefined();
  }
});

test('a table that cannot be written rejects, and the next one is written all the same', async () => {
  const folder = join(dir, 'later');
  const file = new TableFile(folder);
  await expect(file.write(table(1))).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await mkdir(folder);
  await file.write(table(2));
  expect((await readTable(folder))?.revision).toBe(2);
  await rm(folder, { recursive: true });
  await expect(file.write(table(3))).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await mkdir(folder);
  await file.write(table(4));
  expect((await readTable(folder))?.revision).toBe(4);
});
