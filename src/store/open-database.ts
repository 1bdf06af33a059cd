import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { MIGRATIONS, migrate, versionOf } from './migrations.ts';
import { CHECKED_BELOW_BYTES } from './store-bounds.ts';
import { corrupt, newer, storeError } from './store-error.ts';

export interface DatabaseOptions {
  readonly file: string;
  /** Bound of the file, pages of 4 KiB; default: SQLite's own. */
  readonly maxPages?: number;
}

/** How long a statement waits for another connection, milliseconds; only a person with a database tool can be one. */
const WAIT_MS = 2_000;
/** The write-ahead log is cut to this after a large batch. */
const LOG_BYTES = 16 * 1024 * 1024;

/**
 * Opens the database, made or brought to the newest version where needed.
 * What is damaged or newer is refused before anything is written: STORE_CORRUPT, STORE_NEWER.
 */
export function openDatabase(options: DatabaseOptions): DatabaseSync {
  inspect(options.file);
  // Made by us, because SQLite would let everybody read it; the log's files take the mode of this one.
  closeSync(openSync(options.file, 'a', 0o600));
  const db = new DatabaseSync(options.file, { timeout: WAIT_MS });
  try {
    // Before the first table: it cannot be changed later without rewriting the file.
    if (versionOf(db) === 0) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    db.exec('PRAGMA journal_mode = WAL');
    // FULL: a commit in the log is synced, so it survives power loss (https://sqlite.org/pragma.html#pragma_synchronous).
    db.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${LOG_BYTES}`);
    if (options.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(options.maxPages)}`);
    migrate(db, MIGRATIONS);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Looks at an existing file without writing to it. */
function inspect(file: string): void {
  const bytes = sizeOf(file);
  if (bytes === 0) return;
  let db: DatabaseSync | undefined;
  try {
    // Without a log the file is all there is, and `immutable` keeps SQLite from even making the log's files.
    db = openToRead(file, sizeOf(`${file}-wal`) === 0);
    if (bytes >= CHECKED_BELOW_BYTES) return;
    if (db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'] !== 'ok') throw corrupt(file);
  } catch (error) {
    throw storeError(error, file);
  } finally {
    db?.close();
  }
}

/**
 * Opens an existing database without changing what it holds; `isImmutable`: nobody else has it open.
 * @throws CutoverError STORE_CORRUPT, STORE_NEWER, STORE_FAILED
 */
export function openToRead(file: string, isImmutable: boolean): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    inspectHeader(file);
    const url = pathToFileURL(file);
    if (isImmutable) url.searchParams.set('immutable', '1');
    db = new DatabaseSync(url, { readOnly: true, timeout: WAIT_MS });
    refuseNewer(file, versionOf(db));
    return db;
  } catch (error) {
    db?.close();
    throw storeError(error, file);
  }
}

/** Format of the first 100 bytes: https://sqlite.org/fileformat.html#the_database_header, `user_version` at offset 60. */
function inspectHeader(file: string): void {
  const header = Buffer.alloc(100);
  const handle = openSync(file, 'r');
  try {
    if (readSync(handle, header) < header.length) throw corrupt(file);
  } finally {
    closeSync(handle);
  }
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0') throw corrupt(file);
  refuseNewer(file, header.readInt32BE(60));
}

function refuseNewer(file: string, version: number): void {
  if (version > MIGRATIONS.length) throw newer(file, version, MIGRATIONS.length);
}

/** 0 where there is no such file. */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
