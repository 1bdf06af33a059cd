import { Beginning } from '../app/beginning.ts';
import { Recorder } from '../app/recorder.ts';
import { startMover } from '../app/start-mover.ts';
import type { Settings } from '../config/settings.ts';
import { type Controller, createController } from '../controller/controller.ts';
import { createLedger, type Ledger } from '../controller/ledger.ts';
import type { Mover } from '../controller/mover.ts';
import type { EndpointId } from '../core/cell.ts';
import type { TableBase } from '../core/control-state.ts';
import type { Log, UnverifiedReason, VerifiedExchange } from '../core/ports.ts';
import type { KnownPower } from '../core/power.ts';
import type { TableData } from '../core/routing.ts';
import type { Needs } from '../core/spending/need-book.ts';
import { createEvents } from '../telemetry/events.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { FaultyStore, StoreDoor } from './faulty-store.ts';
import { MortalClock, type VirtualClock } from './virtual-clock.ts';

export interface BrainOptions {
  readonly settings: Settings;
  readonly base: TableBase;
  readonly clock: VirtualClock;
  readonly store: FaultyStore;
  /** The table that proxies had last. */
  readonly last: TableData | undefined;
  readonly onTable: (table: TableData) => void;
  readonly onNeeds: (needs: Needs) => void;
  /** Mirroring stops while the store takes nothing. */
  readonly onMirrors: (paused: UnverifiedReason | undefined) => void;
  readonly log: Log;
  /**
   * Whether somebody may have to start from what is saved soon. Proofs are saved whatever this says; the evidence gathered
   * meanwhile, which is most of the writing, only then.
   */
  readonly isSaving: () => boolean;
}

/** Metrics of all simulations go to one place where nobody looks. */
const { metrics } = createMetrics();
/** As the process counts them besides the listed and the found ones. */
const SPARE_ENDPOINTS = 40;

/** The controlling part of a process, made of the parts that `cutover run` is made of: it can die at any moment. */
export class Brain {
  readonly controller: Controller;
  readonly #ledger: Ledger;
  readonly #recorder: Recorder;
  readonly #beginning: Beginning;
  readonly #clock: MortalClock;
  readonly #door: StoreDoor;
  #mover: Mover | undefined;
  #isDead = false;
  readonly startedAt: number;

  constructor(options: BrainOptions) {
    const { settings, base, store, log } = options;
    const clock = new MortalClock(options.clock);
    this.#clock = clock;
    this.#door = store.door();
    this.startedAt = clock.monotonic();
    const events = createEvents({ log, metrics, clock });
    const ends = {
      cells: settings.limits.cells,
      endpoints: settings.endpoints.length + settings.templates.length + settings.limits.endpoints + SPARE_ENDPOINTS,
    };
    this.#ledger = createLedger({ limits: ends, clock });
    this.controller = createController({
      store: this.#door.store,
      base,
      clock,
      events,
      version: 'simulated',
      ...(options.last === undefined ? {} : { last: options.last }),
      onTable: (table) => {
        if (!this.#isDead) options.onTable(table);
      },
    });
    this.#beginning = new Beginning({
      controller: this.controller,
      clock,
      log,
      started: async () => {
        const { controller } = this;
        const onNeeds = (needs: Needs): void => {
          if (!this.#isDead) options.onNeeds(needs);
        };
        const parts = { settings, controller, store: this.#door.store, clock, log, power: fullPower(clock), onNeeds };
        const { mover } = await startMover(parts);
        if (!this.#isDead) this.#mover = mover;
      },
    });
    this.#recorder = new Recorder({
      store: this.#door.store,
      ledger: this.#ledger,
      clock,
      events,
      retention: settings.store,
      noise: () => new Map(),
      catalog: () => ({}),
      movement: (max) => (options.isSaving() ? (this.#mover?.takeDocuments(max) ?? []) : []),
      movementLost: () => this.#mover?.returnDocuments(),
      onStore: (works) => {
        this.#mover?.storeWorks(works);
        options.onMirrors(works ? undefined : 'store');
      },
      onPruned: () => undefined,
    });
  }

  /** Undefined until the store has been read. */
  get mover(): Mover | undefined {
    return this.#mover;
  }

  /** Rejects only for a fault of our own. */
  async begin(): Promise<void> {
    this.#recorder.start();
    await this.#beginning.begin();
  }

  verified(verified: VerifiedExchange): void {
    this.#ledger.verified(verified);
    this.#mover?.verified(verified);
  }

  /** Dies at once. `kept`: how many of the requests to the store that are under way it still does, of how many. */
  crash(kept: (waiting: number) => number): void {
    this.#isDead = true;
    this.#clock.die();
    this.#door.die(kept);
  }
}

/** A verifier that finds everything: what power is demanded is there. */
function fullPower(clock: MortalClock): (endpoint: EndpointId) => KnownPower {
  return (endpoint) => ({
    at: clock.now(),
    recorded: 1_000,
    found: { endpoint, answers: 10, faults: [], power: 1, rules: [], noiseHides: 0 },
    trouble: '',
  });
}
