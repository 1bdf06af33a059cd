import { hostname } from 'node:os';
import { CutoverError } from '../core/errors.ts';
import type { Store } from '../core/ports.ts';
import { shownAddress } from '../store/postgres-connection.ts';
import { Leadership, type LeadershipOptions } from '../store/postgres-leader.ts';
import { openPostgresStore } from '../store/postgres-store.ts';

export interface SharedStoreOptions extends Omit<LeadershipOptions, 'onGained'> {
  /** It leads for the first time. */
  readonly onFirst?: (term: number) => void;
  /** It leads again, and nobody else did meanwhile. */
  readonly onContinued?: (term: number) => void;
  /** Another one led since this one did: what this process knows is not what is stored, and it writes no more. */
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
  const leadership = new Leadership({
    ...options,
    onGained: (term, continues) => {
      if (!past.hasLed) options.onFirst?.(term);
      else if (!continues) past.isOvertaken = true;
      past.hasLed = true;
      if (past.isOvertaken) {
        // Whoever stands by must not wait until everything here has ended.
        void leadership.close();
        options.onOvertaken?.();
      } else if (continues) options.onContinued?.(term);
    },
  });
  const term = (): number => {
    if (leadership.term !== undefined && !past.isOvertaken) return leadership.term;
    throw notLeading(place, past.isOvertaken);
  };
  try {
    return {
      store: await openPostgresStore({ url, log, clock, term, ended: () => leadership.close() }),
      leadership,
      place,
    };
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
