import { checkDurable, connect, shownAddress } from '../store/postgres-connection.ts';
import { newerTables, postgresError } from '../store/postgres-error.ts';
import { POSTGRES_MIGRATIONS, postgresVersion } from '../store/postgres-migrations.ts';

/**
 * What a person should know of the database at `url`, as one sentence; nothing in it is changed.
 * @throws CutoverError STORE_*: it cannot be reached or used; USAGE
 */
export async function checkStore(url: string): Promise<string> {
  const place = shownAddress(url);
  const sql = connect(url, { max: 1, name: 'check' });
  try {
    await checkDurable(sql, place);
    const version = await postgresVersion(sql);
    if (version > POSTGRES_MIGRATIONS.length) throw newerTables(place, version, POSTGRES_MIGRATIONS.length);
    if (version === 0) return `${place} is reached; its tables are made at the first start.`;
    return `${place} is reached; its tables have version ${version}.`;
  } catch (error) {
    throw postgresError(error, place);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
