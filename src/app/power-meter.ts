import { recordingView } from '../controller/stored-views.ts';
import { murmur3 } from '../core/bucket.ts';
import type { EndpointId } from '../core/cell.ts';
import type { Clock, NoisePath, Recording, Store, Timer } from '../core/ports.ts';
import type { KnownPower } from '../core/power.ts';
import type { ComparerOptions } from '../verifier/comparer.ts';
import { MOST_ANSWERS } from './power.ts';
import type { Measured } from './power-thread.ts';
import type { PowerTask } from './power-worker.ts';

export interface PowerMeterOptions {
  readonly store: Pick<Store, 'recordings'>;
  readonly clock: Clock;
  /** What proofs demand; undefined: measured only while somebody looks. */
  readonly demanded: number | undefined;
  /** Why nothing can be measured; undefined: it can be. */
  readonly impossible: string | undefined;
  readonly compare: ComparerOptions;
  /** What each endpoint learned of noise, for people and for a comparer. */
  readonly noise: () => ReadonlyMap<EndpointId, readonly NoisePath[]>;
  readonly snapshots: () => ReadonlyMap<EndpointId, unknown>;
  /** Endpoints that have a power; at most some thousand. */
  readonly endpoints: () => readonly EndpointId[];
  readonly measure: (task: PowerTask) => Promise<Measured>;
  readonly onMeasured: (endpoint: EndpointId) => void;
}

/** Between two looks of the meter; one endpoint is looked at each time. */
const ROUND_MS = 1_000;
/** Pause after a measurement, as a multiple of its time: a fifth of one core at most, at the lowest priority. */
const REST = 4;
/** How often an endpoint is looked at, while recordings are missing and afterwards. */
const EAGER_MS = 5_000;
const STEADY_MS = 30_000;
/** New recordings of an endpoint that has enough are measured this often. */
const RENEW_MS = 5 * 60_000;
/** After trouble. */
const RETRY_MS = 5 * 60_000;
/** Measured so long after somebody asked, where nothing demands it. */
const LOOKED_MS = 10 * 60_000;
/** Answers measured after a first try took too long. */
const FEW_ANSWERS = 2;

interface Entry {
  known: KnownPower | undefined;
  /** When it is looked at next, and when it was measured last: monotonic, milliseconds. */
  dueAt: number;
  measuredAt: number;
  /** What it was measured with: other noise, or other recordings. */
  noise: number;
  recordings: string;
  /** Measuring all answers took too long. */
  isLong: boolean;
}

/**
 * Keeps the power of the endpoints measured: from their recordings, by the rules and the learned noise in force,
 * in a thread of its own, one endpoint at a time, anew when noise changed or, every few minutes, when recordings did.
 */
export class PowerMeter {
  readonly #options: PowerMeterOptions;
  readonly #entries = new Map<EndpointId, Entry>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: PowerMeterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(ROUND_MS);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** The rules may be others: everything is measured anew. */
  settingsChanged(): void {
    this.#entries.clear();
  }

  known(endpoint: EndpointId): KnownPower | undefined {
    return this.#entries.get(endpoint)?.known;
  }

  /** What is known of each endpoint, for somebody who looks: it is kept measured for ten minutes. */
  look(): {
    readonly demanded: number | undefined;
    readonly endpoints: ReadonlyMap<EndpointId, KnownPower | undefined>;
  } {
    const { clock, endpoints, demanded, impossible } = this.#options;
    this.#lookedAt = clock.monotonic();
    const never = impossible === undefined ? undefined : { at: 0, recorded: 0, found: undefined, trouble: impossible };
    return { demanded, endpoints: new Map(endpoints().map((id) => [id, never ?? this.known(id)])) };
  }

  /** Looks at the endpoint that has waited longest, if one is due. Never rejects. */
  async round(): Promise<void> {
    const { clock, demanded, impossible } = this.#options;
    if (impossible !== undefined) return;
    if (demanded === undefined && clock.monotonic() - this.#lookedAt > LOOKED_MS) return;
    this.#followEndpoints();
    const [next] = [...this.#entries].sort(([, a], [, b]) => a.dueAt - b.dueAt);
    if (next === undefined || next[1].dueAt > clock.monotonic()) return;
    const [endpoint, entry] = next;
    try {
      await this.#examine(endpoint, entry);
    } catch {
      // The store takes nothing at present; the recorder tells.
      entry.dueAt = clock.monotonic() + STEADY_MS;
    }
  }

  #schedule(ms: number): void {
    const { clock } = this.#options;
    this.#timer = clock.after(ms, () => {
      const begun = clock.monotonic();
      void this.round().then(() => {
        if (!this.#isClosed) this.#schedule(Math.max(ROUND_MS, REST * (clock.monotonic() - begun)));
      });
    });
  }

  /** Endpoints come and go: found ones are merged. */
  #followEndpoints(): void {
    const present = new Set(this.#options.endpoints());
    for (const id of this.#entries.keys()) if (!present.has(id)) this.#entries.delete(id);
    for (const id of present) {
      if (this.#entries.has(id)) continue;
      const fresh = { known: undefined, dueAt: 0, measuredAt: 0, noise: 0, recordings: '', isLong: false };
      this.#entries.set(id, fresh);
    }
  }

  async #examine(endpoint: EndpointId, entry: Entry): Promise<void> {
    const { store, clock } = this.#options;
    const noise = markOf(this.#options.noise().get(endpoint) ?? []);
    const now = clock.monotonic();
    const isOtherNoise = noise !== entry.noise;
    const isWell = entry.known !== undefined && entry.known.trouble === '';
    entry.dueAt = now + STEADY_MS;
    // Ten recordings of large pages take two milliseconds of this loop to arrive: they are not fetched in vain.
    const isComplete = isWell && (entry.known?.recorded ?? 0) >= MOST_ANSWERS;
    if (isComplete && !isOtherNoise && now - entry.measuredAt < RENEW_MS) return;
    const { items } = await store.recordings({ endpoint, limit: MOST_ANSWERS });
    const recordings = items.map(({ id }) => id).join(' ');
    if (items.length < MOST_ANSWERS) entry.dueAt = now + EAGER_MS;
    if (isWell && !isOtherNoise && recordings === entry.recordings) return;
    const wasLong = entry.isLong;
    entry.known = await this.#measured(endpoint, { entry, items });
    Object.assign(entry, { noise, recordings, measuredAt: clock.monotonic() });
    // Where all answers took too long, a few are tried at once; then it is left alone for a while.
    if (entry.known.trouble !== '') entry.dueAt = clock.monotonic() + (entry.isLong && !wasLong ? 0 : RETRY_MS);
    this.#options.onMeasured(endpoint);
  }

  async #measured(
    endpoint: EndpointId,
    of: { readonly entry: Entry; readonly items: readonly Recording[] },
  ): Promise<KnownPower> {
    const { clock, compare, snapshots, measure } = this.#options;
    const { entry, items } = of;
    const facts = { at: clock.now(), recorded: items.length };
    if (items.length === 0) return { ...facts, found: undefined, trouble: '' };
    const noise = new Map([[endpoint as string, snapshots().get(endpoint)]]);
    const recordings = items.slice(0, entry.isLong ? FEW_ANSWERS : MOST_ANSWERS).map(controlOnly);
    const measured = await measure({ recordings, standard: { options: compare, noise } });
    if ('found' in measured) return { ...facts, found: measured.found, trouble: '' };
    entry.isLong ||= measured.isLong;
    return { ...facts, found: undefined, trouble: measured.trouble };
  }
}

/** What faults are planted into; the candidate's answer would only be copied from thread to thread. */
function controlOnly(recording: Recording): PowerTask['recordings'][number] {
  return { ...recordingView(recording), candidate: {} };
}

/** Changes when a path becomes noise, is no longer, changes its class, or is flagged. */
function markOf(paths: readonly NoisePath[]): number {
  return murmur3(
    paths
      .map(({ path, class: kind, flagged }) => `${kind} ${path} ${flagged === undefined}`)
      .sort()
      .join('\n'),
  );
}
