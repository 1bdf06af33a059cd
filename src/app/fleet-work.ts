import type { Settings } from '../config/settings.ts';
import type { Controller } from '../controller/controller.ts';
import type { FleetDoor } from '../controller/handlers.ts';
import type { LiveView } from '../controller/live-view.ts';
import type { EndpointId, Side } from '../core/cell.ts';
import type { Store } from '../core/ports.ts';
import type { Latch } from '../core/routing.ts';
import { scopeKey } from '../core/scope.ts';
import type { Needs } from '../core/spending/need-book.ts';
import type { Hub, HubWork } from '../fleet/hub.ts';
import type { Report } from '../fleet/messages.ts';
import type { Verifier } from '../verifier/verifier.ts';
import { breakerWarnings } from './breaker-journal.ts';
import type { Sink, Traffic } from './traffic-sink.ts';

/** What makes a Cutover the controller of a fleet: others serve, and this one decides. */
export interface FleetController {
  readonly name: string;
  readonly store: Store;
  readonly hub: Hub;
  /** Of this process as leader, and the revision that lay in the store when it began. */
  readonly term: number;
  readonly began: number;
  /** The same for every member. */
  readonly redactKey: Buffer;
}

/** A rollback is answered by then, whoever has not obeyed. */
const ACKNOWLEDGED_MS = 1_000;

export interface FleetParts {
  readonly controller: Controller;
  readonly store: Store;
  readonly sink: Sink;
  readonly verifier: Verifier;
  readonly running: Traffic;
  readonly needs: () => Needs | undefined;
  /** What is stored was loaded. */
  readonly hasStarted: () => boolean;
  readonly merge: (from: readonly EndpointId[], into: EndpointId) => void;
  readonly storedLatches: StoredLatches;
}

/** Rollbacks that are remembered after the store had them. */
const MAX_STORED = 1_000;

/**
 * Latches that this leader stored: a member that was away when it was told so tells them again, perhaps after they were lifted.
 */
export class StoredLatches {
  readonly #hub: Pick<Hub, 'stored'> | undefined;
  readonly #known = new Set<string>();

  constructor(hub: Pick<Hub, 'stored'> | undefined) {
    this.#hub = hub;
  }

  add(latch: Latch): void {
    this.#known.add(identity(latch));
    const oldest = this.#known.values().next();
    if (this.#known.size > MAX_STORED && oldest.done !== true) this.#known.delete(oldest.value);
    this.#hub?.stored(scopeKey(latch.scope));
  }

  has(latch: Latch): boolean {
    return this.#known.has(identity(latch));
  }
}

function identity({ scope, at, actor, reason }: Latch): string {
  return JSON.stringify([scopeKey(scope), at, actor, reason]);
}

/** What a controller does with what its members tell: the same as a Cutover that serves by itself does with its own. */
export function fleetWork(parts: FleetParts): HubWork {
  const { controller, store, sink, verifier, running } = parts;
  return {
    needs: parts.needs,
    report: (report: Report) => {
      for (const [from, into] of report.merged) parts.merge(from, into);
      for (const learned of report.noise) verifier.takeNoise(learned);
      for (const record of report.served) sink.served(record);
      for (const [cell, reason] of report.unverified) sink.unverified(cell, reason);
      for (const verified of report.verified) {
        for (const side of ['control', 'candidate'] as const)
          if (verified.versions[side] !== 'unknown') running.versions[side] = verified.versions[side];
        verifier.take(verified);
      }
    },
    keys: (keys) => Promise.all(keys.map((key) => store.recordKey(key))),
    latch: async (member, latch) => {
      const { scope, actor, reason } = latch;
      if (parts.storedLatches.has(latch)) return true;
      // Several members may tell of the same one; each holds it until it is stored.
      const key = scopeKey(scope);
      if (controller.state.latches.has(key)) return !controller.unstored.includes(key);
      // What is stored is not known yet: a rollback would cover everything.
      if (!parts.hasStarted()) return false;
      const why = `${reason === '' ? 'rolled back' : reason} (at ${member}, ${actor})`.slice(0, 500);
      const done = await controller.rollback(scope, { actor: 'fleet', reason: why });
      if (!done.ok) throw new Error(done.message);
      return !controller.unstored.includes(key);
    },
  };
}

/** The fleet as the control API shows it. */
export function fleetDoor(fleet: FleetController, controller: Controller): FleetDoor {
  const { hub, name } = fleet;
  return {
    look: () => ({
      leader: { name, term: hub.term, leads: hub.leads },
      revision: controller.state.revision,
      members: hub.members().map(({ breakers: _breakers, ...member }) => ({
        ...member,
        behind: Math.max(0, controller.state.revision - member.revision),
      })),
    }),
    acknowledged: async (revision) => {
      const { acknowledged, missing } = await hub.acknowledged(revision, ACKNOWLEDGED_MS);
      return { acknowledged: [...acknowledged], missing: [...missing] };
    },
  };
}

/** What the control API shows of the running parts, where others serve. */
export function fleetLive(own: LiveView, hub: Hub, settings: Settings): LiveView {
  return {
    ...own,
    notReady: () => (own.state() === 'serving' ? [] : ['draining']),
    outstanding: (side: Side) => hub.outstanding(side),
    cachedForSeconds: () => hub.cachedForSeconds(),
    warnings: () => [...own.warnings(), ...fleetWarnings(hub, settings)],
  };
}

function fleetWarnings(hub: Hub, settings: Settings): string[] {
  const members = hub.members();
  const age = settings.tableMaxAgeMs === undefined ? '' : `, the control after ${settings.tableMaxAgeMs / 1_000} s`;
  return [
    ...(hub.leads ? [] : ['This controller does not lead: nothing is decided until it reaches the store again.']),
    ...members.flatMap(({ name, breakers }) => breakerWarnings(breakers, name)),
    ...(members.length === 0 ? ['No proxy has joined: nobody is served.'] : []),
    ...members
      .filter(({ connected }) => !connected)
      .map(
        ({ name, silentMs }) =>
          `${name} is cut off since ${(silentMs / 1_000).toFixed(0)} s: if it still serves, it does so by its last table${age}.`,
      ),
    ...members
      .filter(({ planTrouble }) => planTrouble !== '')
      .map(({ name, planTrouble }) => `${name} goes by an earlier plan: ${planTrouble}`),
    ...members
      .filter(({ lost }) => lost > 0)
      .map(({ name, lost }) => `${name} lost ${lost} records that nobody could take: they are not counted.`),
  ];
}
