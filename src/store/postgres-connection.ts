import postgres, { type Sql } from 'postgres';
import { CutoverError } from '../core/errors.ts';

/** A statement that takes longer is ended by the server: everything here is short, or comes in pieces. */
const STATEMENT_MS = 20_000;
/** A transaction whose process has gone silent holds nothing up for longer. */
const IDLE_IN_TRANSACTION_MS = 5_000;
const CONNECT_S = 5;
/** Pauses between attempts to connect, growing. */
const BACKOFF_S = { first: 0.1, most: 2 } as const;

/** A database as it may be shown: without the password. */
export function shownAddress(url: string): string {
  const address = parsed(url);
  address.password = '';
  address.search = '';
  return address.href;
}

/** @throws CutoverError USAGE: not the address of a PostgreSQL database. The address itself is not told, it may hold a password. */
function parsed(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  const isOurs = address?.protocol === 'postgres:' || address?.protocol === 'postgresql:';
  if (address === undefined || !isOurs || address.hostname === '' || address.pathname.length < 2)
    throw new CutoverError('USAGE', 'The address of the store is not that of a PostgreSQL database.', {
      hint: 'It is of the form postgres://user:password@host:5432/database.',
    });
  return address;
}

export interface ConnectOptions {
  readonly max: number;
  /** For people who look at the server's list of sessions. */
  readonly name: string;
  /** The session is never closed for being idle or old. */
  readonly isKept?: true;
}

/** Connections to the database at `url`; none is made before it is needed, and a lost one is made again. */
export function connect(url: string, options: ConnectOptions): Sql {
  parsed(url);
  return postgres(url, {
    max: options.max,
    connect_timeout: CONNECT_S,
    ...(options.isKept ? { max_lifetime: null } : { idle_timeout: 60 }),
    backoff: (tries) => Math.min(BACKOFF_S.most, BACKOFF_S.first * 2 ** Math.min(tries, 10)),
    // Notices are for people at a terminal.
    onnotice: () => undefined,
    // The client's own question for array types fails unheard where a connection is lost in it: ours are told here.
    fetch_types: false,
    types: {
      bigint: { to: 20, from: [20], serialize: String, parse: Number },
      bigints: { to: 1016, from: [], serialize: (items: readonly number[]) => `{${items.join(',')}}`, parse: String },
      texts: { to: 1009, from: [], serialize: textArray, parse: String },
    },
    connection: {
      application_name: `cutover ${options.name}`.slice(0, 63),
      statement_timeout: STATEMENT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      // A peer that is gone without a word is noticed in 11 s, not in two hours.
      tcp_keepalives_idle: 5,
      tcp_keepalives_interval: 2,
      tcp_keepalives_count: 3,
    },
  });
}

/**
 * A resolved commit must be on disk: a server that says so before it is true is refused.
 * @throws CutoverError STORE_FAILED
 */
export async function checkDurable(sql: Sql, place: string): Promise<void> {
  const [row] = await sql`SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commits`;
  if (row?.['fsync'] === 'off')
    throw new CutoverError('STORE_FAILED', `${place}: the server runs with fsync = off.`, {
      hint: 'A decision that is acknowledged must survive a loss of power: set fsync = on.',
    });
  if (row?.['commits'] === 'off')
    throw new CutoverError('STORE_FAILED', `${place}: synchronous_commit is off for this user.`, {
      hint: 'A decision that is acknowledged must survive a crash: ALTER ROLE … SET synchronous_commit = on.',
    });
}

/** An array of texts as PostgreSQL reads it (manual, section 8.15.6). */
function textArray(items: readonly string[]): string {
  return `{${items.map((item) => `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
}
