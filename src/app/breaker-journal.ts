import type { Controller } from '../controller/controller.ts';
import type { OpenBreaker } from '../core/breaker.ts';
import type { Clock, Timer } from '../core/ports.ts';
import type { Hub } from '../fleet/hub.ts';
import type { Proxy as DataPlane } from '../proxy/proxy.ts';

export interface BreakerJournalOptions {
  readonly controller: Pick<Controller, 'command'>;
  readonly clock: Clock;
  /** Names of the breakers that are open now; those of other processes with their names. Bounded by `openEndpoints` of each. */
  readonly open: () => readonly string[];
}

/** How often it is looked at which breakers are open; what opens and closes in between is in the log and the metrics. */
const LOOK_MS = 1_000;
/** Between two entries: a breaker that flaps does not fill the journal. */
const APART_MS = 10_000;

/** Journals which breakers opened and closed: while one is open the control serves, whatever the dials say. */
export class BreakerJournal {
  readonly #options: BreakerJournalOptions;
  #known: ReadonlySet<string> = new Set();
  #toldAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: BreakerJournalOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.after(LOOK_MS, () => {
      // What the store does not take is told with the next look: it is still news then.
      void this.look()
        .catch(() => undefined)
        .finally(() => {
          if (!this.#isClosed) this.start();
        });
    });
  }

  async look(): Promise<void> {
    const { controller, clock, open } = this.#options;
    const now = clock.monotonic();
    const present = new Set(open());
    const opened = [...present].filter((name) => !this.#known.has(name));
    const closed = [...this.#known].filter((name) => !present.has(name));
    if (opened.length + closed.length === 0 || now - this.#toldAt < APART_MS) return;
    const command = { kind: 'breakers.changed', opened, closed, open: present.size } as const;
    const reason =
      opened.length > 0
        ? 'requests to the candidate failed in a row'
        : 'probes of the candidate succeeded, or a proxy left';
    const done = await controller.command(command, { actor: 'breaker', reason });
    if (!done.ok) return;
    this.#known = present;
    this.#toldAt = now;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}

/** Journals the breakers of the process's own proxy, or of the proxies of a fleet. Gives what ends it. */
export function journalBreakers({
  controller,
  clock,
  proxy,
  hub,
}: Pick<BreakerJournalOptions, 'controller' | 'clock'> & {
  readonly proxy: Pick<DataPlane, 'breakers'>;
  readonly hub: Pick<Hub, 'members'> | undefined;
}): () => void {
  const open = (): string[] => [
    ...proxy.breakers().map(({ scope }) => scope),
    ...(hub?.members() ?? []).flatMap(({ name, breakers }) => breakers.map(({ scope }) => `${name}: ${scope}`)),
  ];
  const journal = new BreakerJournal({ controller, clock, open });
  journal.start();
  return () => journal.close();
}

/** Breakers that the status spells out. */
const MAX_TOLD = 5;

/** Open breakers as people are told them. @param of The proxy that has them; absent: this process. */
export function breakerWarnings(breakers: readonly OpenBreaker[], of?: string): string[] {
  const where = of === undefined ? '' : ` at ${of}`;
  const lines = breakers.slice(0, MAX_TOLD).map(({ scope, state, dueInMs }) => {
    const next =
      state === 'open'
        ? `the next probe is due in ${Math.ceil(dueInMs / 1_000)} s`
        : 'it waits for copies that probe it';
    return `The breaker of ${scope === 'candidate' ? 'the candidate' : scope}${where} is ${state}: the control serves, ${next}.`;
  });
  const more = breakers.length - lines.length;
  return more > 0 ? [...lines, `${more} more breakers of endpoints${where} are open.`] : lines;
}
