import { hostname } from 'node:os';
import { CutoverError } from '../core/errors.ts';
import type { Store } from '../core/ports.ts';
import { shownAddress } from '../store/postgres-connection.ts';
import { Leadership, type LeadershipOptions } from '../store/postgres-leader.ts';
import { openPostgresStore, type PostgresStore } from '../store/postgres-store.ts';

export interface SharedStoreOptions extends Omit<LeadershipOptions, 'onGained'> {
  /** It leads for the first time. */
  readonly onFirst?: (term: number) => void;
  /** It leads again, and nobody else did meanwhile. */
  readonly onContinued?: (term: number) => void;
  /** Another one led since this one did: this process writes no more. Called once. */
  readonly onOvertaken?: () => void;
}

export interface SharedStore {
  /** Takes what a leader writes while this process leads, and refuses it otherwise. Closing it ends the leadership. */
  readonly store: Store;
  /** Not started. */
  readonly leadership: Leadership;
  /** The database, without its password. */
  readonly place: string;
}

/**
 * The database of a fleet, and the right to decide in it. Whoever lost the right for a while goes on where nobody else had
 * it meanwhile.
 * @throws CutoverError STORE_*
 */
export async function openSharedStore(options: SharedStoreOptions): Promise<SharedStore> {
  const { url, log, clock } = options;
  const place = shownAddress(url);
  const past: { hasLed: boolean; isOvertaken: boolean } = { hasLed: false, isOvertaken: false };
  let store: PostgresStore | undefined;
  const overtaken = (): void => {
    if (past.isOvertaken) return;
    past.isOvertaken = true;
    // Whoever stands by must not wait until everything here has ended.
    void leadership.close();
    options.onOvertaken?.();
  };
  const leadership: Leadership = new Leadership({
    ...options,
    onGained: (term, continues) => {
      if (!past.hasLed) options.onFirst?.(term);
      else if (continues) options.onContinued?.(term);
      else overtaken();
      past.hasLed = true;
    },
    onLost: () => {
      // Where the session of the lock is silent, the others are: what waits for them ends now.
      store?.reconnect();
      options.onLost?.();
    },
    onOvertaken: overtaken,
  });
  const term = (): number => {
    if (leadership.term !== undefined && !past.isOvertaken) return leadership.term;
    throw notLeading(place, past.isOvertaken);
  };
  try {
    store = await openPostgresStore({ url, log, clock, term, ended: () => leadership.close() });
    return { store, leadership, place };
  } catch (error) {
    await leadership.close();
    throw error;
  }
}

function notLeading(place: string, isOvertaken: boolean): CutoverError {
  if (isOvertaken)
    return new CutoverError('STORE_FENCED', `Another process decided in ${place} while this one was cut off.`, {
      hint: 'Restart this process: it begins with what is stored then.',
    });
  return new CutoverError('STORE_FENCED', `This process does not lead in ${place}.`, {
    hint: 'It leads again once it reaches the database and nobody else does; cutover fleet names who leads.',
  });
}

/** How a process is called where nobody named it. */
export function processName(): string {
  return `${hostname()}:${process.pid}`;
}
