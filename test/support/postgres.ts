import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';

/** Where Debian and Red Hat put the programs of the server, which are not in the path. */
const FOLDERS = ['/usr/lib/postgresql', '/usr/pgsql'];
const START_LIMIT_MS = 150_000;

/** Folder of `initdb` and `postgres` (`POSTGRES_BIN` in the environment wins, then the path), or undefined. */
export function postgresFolder(): string | undefined {
  const named = process.env['POSTGRES_BIN'];
  if (named !== undefined && named !== '') return existsSync(join(named, 'initdb')) ? named : undefined;
  const inPath = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
  const versions = FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(folder, version, 'bin')),
  );
  return [...inPath, ...versions].find((folder) =>
    ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))),
  );
}

/** A PostgreSQL server of a test's own. */
export interface PostgresServer {
  readonly port: number;
  /** Of its process. */
  readonly pid: number;
  /** Address of an empty database, made for the caller. */
  database(): Promise<string>;
  /** `kill -9` of the server; the children end by themselves. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Ends it and deletes its data. */
  stop(): Promise<void>;
}

/** Starts a server on a free port of the loopback, with its data in a temporary folder. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = postgresFolder();
  if (bin === undefined)
    throw new Error('PostgreSQL is not installed: node scripts/test-needs.ts installs it, or says how.');
  const folder = mkdtempSync(join(tmpdir(), 'cutover-postgres-'));
  const user = unprivileged();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const run = { ...(user ?? {}), cwd: folder, env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' } };
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'cutover', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync'],
    {
      ...run,
      stdio: 'pipe',
    },
  );
  const port = await freePort();
  writeFileSync(
    join(data, 'postgresql.auto.conf'),
    [
      `port = ${port}`,
      "listen_addresses = '127.0.0.1'",
      `unix_socket_directories = '${folder}'`,
      'max_connections = 200',
      'shared_buffers = 32MB',
      '',
    ].join('\n'),
  );
  let server: ChildProcess | undefined;
  const exited = (child: ChildProcess): Promise<void> =>
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise((resolve) => child.once('exit', () => resolve()));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = server;
    if (child === undefined) return;
    child.kill(signal);
    await exited(child);
    server = undefined;
  };
  // A run that is broken off must leave no server behind.
  const lastResort = (): void => void server?.kill('SIGKILL');
  process.on('exit', lastResort);
  const start = async (): Promise<void> => {
    let said = '';
    const begin = (): ChildProcess => {
      const child = spawn(join(bin, 'postgres'), ['-D', data], { ...run, stdio: ['ignore', 'ignore', 'pipe'] });
      child.stderr.on('data', (piece: Buffer) => {
        said = `${said}${piece.toString()}`.slice(-4_000);
      });
      return child;
    };
    server = begin();
    const until = Date.now() + START_LIMIT_MS;
    while (!(await answers(port))) {
      if (Date.now() > until) throw new Error(`PostgreSQL did not start: ${said}`);
      // After a kill, what is left of the server before may still hold its memory: then the new one ends at once.
      if (server.exitCode !== null && said.includes('shared memory')) server = begin();
      else if (server.exitCode !== null) throw new Error(`PostgreSQL did not start: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await start();
  let databases = 0;
  return {
    port,
    get pid() {
      return server?.pid ?? 0;
    },
    database: async () => {
      databases += 1;
      const name = `test_${process.pid}_${databases}`;
      const sql = postgres(addressOf(port, 'postgres'), { max: 1, onnotice: () => undefined });
      await sql.unsafe(`CREATE DATABASE ${name}`);
      await sql.end();
      return addressOf(port, name);
    },
    kill: () => end('SIGKILL'),
    start,
    stop: async () => {
      await end('SIGINT');
      process.off('exit', lastResort);
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

function addressOf(port: number, database: string): string {
  return `postgres://cutover@127.0.0.1:${port}/${database}`;
}

async function answers(port: number): Promise<boolean> {
  const sql = postgres(addressOf(port, 'postgres'), { max: 1, connect_timeout: 5, onnotice: () => undefined });
  try {
    await sql`SELECT 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** The server refuses to run as root: then it runs as the user that its package made, or as nobody. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number => Number(execFileSync('id', [flag, name], { stdio: 'pipe' }).toString());
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // There is no user of this name.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody.');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject()));
    });
  });
}
