import { createHash } from 'node:crypto';
import { readFile, rename, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Log } from '../core/ports.ts';
import type { TableData } from '../core/routing.ts';
import { codeOf, syncFolder, writeSynced } from './state-dir.ts';
import { storeError } from './store-error.ts';

/** First line of the file: this word, then the SHA-256 of the rest in hex. */
const FORMAT = 'cutover-table/1';
const FILE = 'table.json';

/** The last write of each folder: a later table must not be overtaken by an earlier one. One entry per folder that is being written. */
const writes = new Map<string, Promise<void>>();

/**
 * Puts the table into `dir` in place of the one before: after a crash either is there, whole (I6).
 * Tables are written in the order of the calls. Rejects with STORE_FULL or STORE_FAILED; the table before is kept then.
 */
export async function writeTable(dir: string, data: TableData): Promise<void> {
  const folder = resolve(dir);
  const json = JSON.stringify(data);
  const before = writes.get(folder) ?? Promise.resolve();
  const write = before.catch(() => {}).then(() => replace(folder, `${FORMAT} ${digest(json)}\n${json}`));
  writes.set(folder, write);
  try {
    await write;
  } finally {
    if (writes.get(folder) === write) writes.delete(folder);
  }
}

/** The table last written to `dir`; undefined where there is none, or it is unreadable, damaged or of another format, which `log` is told. */
export async function readTable(dir: string, log?: Log): Promise<TableData | undefined> {
  const file = join(dir, FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') log?.warn('table.unreadable', { file, error });
    return undefined;
  }
  const line = text.indexOf('\n');
  const json = text.slice(line + 1);
  if (line < 0 || text.slice(0, line) !== `${FORMAT} ${digest(json)}`) {
    log?.warn('table.damaged', { file });
    return undefined;
  }
  return JSON.parse(json) as TableData; // the digest says that it is as writeTable wrote it
}

async function replace(folder: string, text: string): Promise<void> {
  const file = join(folder, FILE);
  // One name is enough: writes are in turn here, and the folder's lock keeps other processes away.
  const temporary = `${file}.new`;
  try {
    await writeSynced(temporary, text);
    await rename(temporary, file);
    await syncFolder(folder);
  } catch (error) {
    await unlink(temporary).catch(() => {}); // it may not have been made
    throw storeError(error, file);
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
