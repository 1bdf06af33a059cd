import { CutoverError, isCutoverError } from '../core/errors.ts';

/** SQLite's primary result codes (sqlite3.h); the low byte of an extended code. */
const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const FULL = 13;
const NOTADB = 26;
/** SQLITE_ERROR with this message: header fields say nothing SQLite ever wrote. */
const ERROR = 1;
const NO_FORMAT = 'unsupported file format';
/** Extended codes: a write that is refused for a limit or quota, and the log's index that cannot grow. */
const IOERR_WRITE = 10 | (3 << 8);
const IOERR_SHMSIZE = 10 | (19 << 8);

/** What went wrong with the file or folder at `place`, as a CutoverError that says what to do. */
export function storeError(error: unknown, place: string): CutoverError {
  if (isCutoverError(error)) return error;
  const extended = numberOf(error, 'errcode');
  const sqlite = extended & 0xff;
  const system = error instanceof Error && 'code' in error ? error.code : undefined;
  if (sqlite === FULL || extended === IOERR_WRITE || extended === IOERR_SHMSIZE) return full(place, error);
  if (system === 'ENOSPC' || system === 'EDQUOT' || system === 'EFBIG') return full(place, error);
  if (sqlite === CORRUPT || sqlite === NOTADB) return corrupt(place, error);
  if (sqlite === ERROR && error instanceof Error && error.message.includes(NO_FORMAT)) return corrupt(place, error);
  if (sqlite === BUSY || sqlite === LOCKED) {
    return new CutoverError('STORE_BUSY', `${place} is in use by another process.`, {
      hint: 'Stop the other process, or give this one a folder of its own.',
      cause: error,
    });
  }
  const why = error instanceof Error ? error.message : String(error);
  return new CutoverError('STORE_FAILED', `${place}: ${why}`, {
    hint: 'Check that the folder exists, belongs to the user Cutover runs as, and that its disk is writable.',
    cause: error,
  });
}

/** The database at `file` is damaged; it is left as it is. */
export function corrupt(file: string, cause?: unknown): CutoverError {
  return new CutoverError('STORE_CORRUPT', `The database ${file} is damaged.`, {
    hint: `Stop Cutover, move ${file} and the files ${file}-wal and ${file}-shm aside, and put a backup in their place or start with an empty database. The journal and the evidence lie in the damaged file: keep it.`,
    cause,
  });
}

/** The database at `file` knows more versions than we do; it was not touched. */
export function newer(file: string, found: number, known: number): CutoverError {
  return new CutoverError(
    'STORE_NEWER',
    `The database ${file} has version ${found}; this Cutover knows versions up to ${known}.`,
    { hint: `Start the newer Cutover again, or move ${file} aside to start with an empty database.` },
  );
}

function full(place: string, cause: unknown): CutoverError {
  return new CutoverError('STORE_FULL', `There is no space left for ${place}, or its disk takes no more.`, {
    hint: `Make room on the disk of ${place}, or lower the retention. Clients are served meanwhile; nothing is promoted.`,
    cause,
  });
}

function numberOf(error: unknown, name: 'errcode'): number {
  if (!(error instanceof Error) || !(name in error)) return 0;
  const value = (error as Error & Record<typeof name, unknown>)[name]; // just looked: it is there
  return typeof value === 'number' ? value : 0;
}
