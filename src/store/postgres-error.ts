import { CutoverError, isCutoverError } from '../core/errors.ts';

/** SQLSTATE codes (PostgreSQL manual, appendix A) that ask for something else than to look at the server. */
const HINTS: Readonly<Record<string, string>> = {
  '28P01': 'The password is wrong, or none was given: write it into the address that store.url refers to.',
  '28000': 'The server does not let this user in from here: look at its pg_hba.conf.',
  '3D000': 'Make the database first: createdb NAME.',
  '42501':
    'The user must own the database, or be allowed to make a schema in it: GRANT CREATE ON DATABASE NAME TO USER.',
  '25006': 'The server is a standby that takes no writes: name the primary.',
  '53300': 'The server has no connection left: raise max_connections, or lower what others take.',
  '57014': 'The server did not finish within the time limit: look for locks and for a slow disk.',
};
const FULL: ReadonlySet<string> = new Set(['53100', '54000']);
const CORRUPT: ReadonlySet<string> = new Set(['XX001', 'XX002']);

/** What a server at `place` did wrong, as a CutoverError that says what to do. Neither it nor its cause holds a password. */
export function postgresError(error: unknown, place: string): CutoverError {
  if (isCutoverError(error)) return error;
  const code = sqlState(error) ?? '';
  const cause = plainCause(error);
  const why = cause.message === '' ? code : cause.message;
  if (FULL.has(code))
    return new CutoverError('STORE_FULL', `The server of ${place} has no space left: ${why}`, {
      hint: 'Make room on its disk, or lower the retention. Clients are served meanwhile; nothing is promoted.',
      cause,
    });
  if (CORRUPT.has(code))
    return new CutoverError('STORE_CORRUPT', `The database ${place} is damaged: ${why}`, {
      hint: 'Look at the log of the server, and restore a backup. The journal and the evidence lie in it: keep it.',
      cause,
    });
  return new CutoverError('STORE_FAILED', `${place}: ${why}`, {
    hint: HINTS[code] ?? 'Check that the server runs, that its address is right, and that it can be reached from here.',
    cause,
  });
}

/** Whether the server itself refused: then the transaction is undone, and nothing of it is there. */
export function isRefused(error: unknown): boolean {
  const code = sqlState(error) ?? '';
  // Classes 08 and 57 are of connections and servers that end: that may be after the commit. EPIPE and others have no digit.
  return isCutoverError(error) || /^(?!08|57)(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

/** Two transactions stood in each other's way, and this one was undone: it may be made again. */
export function isInTheWay(error: unknown): boolean {
  return sqlState(error) === '40P01' || sqlState(error) === '40001';
}

/** The tables at `place` know more versions than we do; they were not touched. */
export function newerTables(place: string, found: number, known: number): CutoverError {
  return new CutoverError(
    'STORE_NEWER',
    `The database ${place} has version ${found}; this Cutover knows versions up to ${known}.`,
    { hint: 'Start the newer Cutover again, or name an empty database.' },
  );
}

/** What does not parse was not written by us. */
export function corruptRow(place: string, cause: unknown): CutoverError {
  return new CutoverError('STORE_CORRUPT', `The database ${place} is damaged: a row holds no JSON.`, {
    hint: 'Stop Cutover and restore a backup, or start with an empty database. Keep the damaged one: the journal lies in it.',
    cause,
  });
}

function sqlState(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Message and code alone: errors of the client carry the query and what was given to it. */
function plainCause(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  const code = sqlState(error);
  const plain = new Error(message === '' && error instanceof AggregateError ? String(error.errors[0]) : message);
  return code === undefined ? plain : Object.assign(plain, { code });
}
