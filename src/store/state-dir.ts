import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CutoverError } from '../core/errors.ts';
import { storeError } from './store-error.ts';

export interface StateDir {
  /** Absolute. */
  readonly dir: string;
  /** Lets another process have the folder. */
  release(): void;
}

/** Locks are held by handles; one that nobody points at would be collected, and its lock with it. */
const held = new Set<DatabaseSync>();

/**
 * The state folder, made (mode 0700) where it is not there, and locked for this process.
 * Throws STORE_BUSY while another process, or another part of this one, holds it.
 * The lock is SQLite's on `lock.db`: the system drops it when the process dies, however it dies.
 * Nothing else may open that file: closing any handle of it would drop the lock (POSIX fcntl).
 */
export async function openStateDir(dir: string): Promise<StateDir> {
  const path = resolve(dir);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storeError(error, path);
  }
  const lock = takeLock(path);
  held.add(lock);
  return {
    dir: path,
    release: () => {
      if (held.delete(lock)) lock.close();
    },
  };
}

function takeLock(path: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(path, 'lock.db'), { timeout: 0 });
    // No journal beside it: a full disk must not keep us from starting, and the file stays empty anyway.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    const known = storeError(error, path);
    if (known.code !== 'STORE_BUSY') throw known;
    throw new CutoverError('STORE_BUSY', `Another Cutover is using the state folder ${path}.`, {
      hint: 'Stop it first, or give this one a folder of its own.',
      cause: error,
    });
  }
}

/**
 * The secret in `file`, in hex; made of `bytes` random bytes (mode 0600) where there is none.
 * Whoever makes it first wins, even among processes.
 * Throws STORE_FAILED for a file that others may read, or that holds no such secret.
 */
export async function ensureSecret(file: string, bytes: number): Promise<string> {
  try {
    return (await readSecret(file, bytes)) ?? (await makeSecret(file, bytes));
  } catch (error) {
    throw storeError(error, file);
  }
}

async function readSecret(file: string, bytes: number): Promise<string | undefined> {
  let handle: FileHandle;
  try {
    // O_NOFOLLOW: a link laid in our folder must not make us use somebody else's file.
    handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { mode } = await handle.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new CutoverError('STORE_FAILED', `The secret ${file} can be read by others (mode ${octal(mode)}).`, {
        hint: `Delete it, so that a new one is made; or, if nobody can have read it: chmod 600 ${file}`,
      });
    }
    const secret = (await handle.readFile('utf8')).trim();
    if (secret.length === bytes * 2 && /^[0-9a-f]+$/.test(secret)) return secret;
    throw new CutoverError('STORE_FAILED', `The file ${file} does not hold ${bytes} bytes in hex.`, {
      hint: 'Delete it, so that a new secret is made.',
    });
  } finally {
    await handle.close();
  }
}

async function makeSecret(file: string, bytes: number): Promise<string> {
  const secret = randomBytes(bytes).toString('hex');
  const temporary = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    await writeSynced(temporary, `${secret}\n`);
    await publish(temporary, file);
  } finally {
    await unlink(temporary).catch(() => {}); // gone already where it was renamed
  }
  await syncFolder(dirname(file));
  return (await readSecret(file, bytes)) ?? secret;
}

/** A hard link fails where the name is taken: the first one wins. */
async function publish(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return;
    // File systems without hard links: the folder's lock keeps other processes away.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    await rename(temporary, file);
  }
}

/** Writes a file that only its owner may read, down to the disk. */
export async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a new name in a folder survive power loss. */
export async function syncFolder(dir: string): Promise<void> {
  if (process.platform === 'win32') return; // folders cannot be opened there
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

/** The system's word for what went wrong: `ENOENT` and so on. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
