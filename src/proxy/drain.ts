import type { Clock } from '../core/ports.ts';
import type { Listener } from './listener.ts';

/** How often the drain looks whether it is done. */
const LOOK_MS = 20;

/**
 * Stops without losing a request (I12): no new connections, every open one stays, its next answer says `Connection: close`.
 * Idle connections are not closed before the time is over, because a client may be sending on one of them right now.
 * Resolves when no connection is left or the time is over; `cut` counts the requests and tunnels that were still running then.
 */
export function drain(
  listener: Listener,
  clock: Clock,
  timeoutMs: number,
): Promise<{ finished: boolean; cut: number }> {
  listener.stopListening();
  const deadline = clock.monotonic() + timeoutMs;
  return new Promise((resolve) => {
    const look = (): void => {
      if (listener.isEmpty) {
        resolve({ finished: true, cut: 0 });
        return;
      }
      if (clock.monotonic() < deadline) {
        clock.after(Math.min(LOOK_MS, Math.max(1, deadline - clock.monotonic())), look);
        return;
      }
      const cut = listener.cutAll();
      resolve({ finished: cut === 0, cut });
    };
    look();
  });
}
