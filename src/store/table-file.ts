import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CellStates } from '../core/cell-states.ts';
import type { Log } from '../core/ports.ts';
import type { TableData } from '../core/routing.ts';
import { applyDelta, type TableDelta, tableDelta } from '../core/table-delta.ts';
import { codeOf, syncFolder } from './state-dir.ts';
import { storeError } from './store-error.ts';

/*
 * The last table on disk (I6). First the whole of it: a line that names the format, one with everything but the cells,
 * lines with the cells of an endpoint, and the SHA-256 of all of these in hex. Then a line for each change since:
 * its SHA-256 and the change. A whole file takes the place of the one before when the changes outgrow it.
 */

const FORMAT = 'cutover-table/2';
const FILE = 'table.json';
/** Bytes of changes that never make a new whole file; beyond, they may be as many as the whole. */
const FREE_BYTES = 256 * 1_024;
const DIGEST = /^[0-9a-f]{64}$/;

/** Writes the tables of one folder, in the order of the calls. Many cells are written in pieces, so that nothing else waits. */
export class TableFile {
  readonly #dir: string;
  readonly #file: string;
  #turn: Promise<unknown> = Promise.resolve();
  #next: TableData | undefined;
  /** What lies in the file, where this process has written it and nothing failed since. */
  #written: TableData | undefined;
  #wholeBytes = 0;
  #changeBytes = 0;

  constructor(dir: string) {
    this.#dir = dir;
    this.#file = join(dir, FILE);
  }

  /**
   * Resolves when this table, or one that came after it, is on disk: after a crash it or the one before is there, whole.
   * Rejects with STORE_FULL or STORE_FAILED; the table before is kept then.
   */
  write(data: TableData): Promise<void> {
    this.#next = data;
    const turn = this.#turn.catch(() => {}).then(() => this.#writeNext());
    this.#turn = turn;
    return turn;
  }

  async #writeNext(): Promise<void> {
    const data = this.#next;
    if (data === undefined || data === this.#written) return;
    const before = this.#written;
    // Until it is there, nobody knows what the file holds.
    this.#written = undefined;
    try {
      const line = before === undefined ? '' : changeLine(before, data);
      const isSmall = this.#changeBytes + line.length <= Math.max(FREE_BYTES, this.#wholeBytes);
      if (line !== '' && isSmall) await this.#append(line);
      else await this.#replace(data);
    } catch (error) {
      throw storeError(error, this.#file);
    }
    this.#written = data;
  }

  async #append(line: string): Promise<void> {
    const handle = await open(this.#file, 'a', 0o600);
    try {
      await handle.writeFile(line);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    this.#changeBytes += line.length;
  }

  async #replace(data: TableData): Promise<void> {
    // One name is enough: writes are in turn here, and the folder's lock keeps other processes away.
    const temporary = `${this.#file}.new`;
    try {
      const handle = await open(temporary, 'w', 0o600);
      try {
        this.#wholeBytes = await writeWhole(handle, data);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.#file);
      await syncFolder(this.#dir);
      this.#changeBytes = 0;
    } catch (error) {
      await unlink(temporary).catch(() => {}); // it may not have been made
      throw error;
    }
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
  const table = parse(text);
  if (table === undefined) log?.warn('table.damaged', { file });
  return table;
}

function parse(text: string): TableData | undefined {
  if (!text.startsWith(`${FORMAT}\n`)) return undefined;
  const hash = createHash('sha256');
  const lines: string[] = [];
  let at = 0;
  for (;;) {
    const end = text.indexOf('\n', at);
    if (end < 0) return undefined;
    const line = text.slice(at, end);
    if (DIGEST.test(line)) {
      if (line !== hash.digest('hex')) return undefined;
      return withChanges(tableOfLines(lines), text, end + 1);
    }
    hash.update(text.slice(at, end + 1));
    lines.push(line);
    at = end + 1;
  }
}

/** The digest says that the lines are as `writeWhole` wrote them. */
function tableOfLines([, rest, ...cells]: readonly string[]): TableData {
  return { ...JSON.parse(rest ?? ''), cells: CellStates.gather(cells.map((line) => JSON.parse(line))) };
}

/** A last line without an end was never finished, so its change was not in force on disk; anything else that is wrong is damage. */
function withChanges(whole: TableData, text: string, begin: number): TableData | undefined {
  let table: TableData | undefined = whole;
  let at = begin;
  for (let end = text.indexOf('\n', at); end >= 0 && table !== undefined; end = text.indexOf('\n', at)) {
    const json = text.slice(at + 65, end);
    if (text.slice(at, at + 64) !== digest(json)) return undefined;
    table = applyDelta(table, JSON.parse(json) as TableDelta); // the digest says that it is as changeLine wrote it
    at = end + 1;
  }
  return table;
}

async function writeWhole(handle: FileHandle, data: TableData): Promise<number> {
  const { cells, ...rest } = data;
  const hash = createHash('sha256');
  let bytes = 0;
  const put = async (line: string): Promise<void> => {
    const text = `${line}\n`;
    hash.update(text);
    bytes += text.length;
    await handle.writeFile(text);
  };
  await put(FORMAT);
  await put(JSON.stringify(rest));
  for (const part of cells.written()) await put(JSON.stringify(part));
  await handle.writeFile(`${hash.digest('hex')}\n`);
  return bytes;
}

function changeLine(before: TableData, after: TableData): string {
  const json = JSON.stringify(tableDelta(before, after));
  return `${digest(json)} ${json}\n`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
