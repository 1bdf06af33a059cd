import { createHash } from 'node:crypto';
import type { Settings } from '../config/settings.ts';
import { rulesWith } from '../controller/cluster-desk.ts';
import type { Controller } from '../controller/controller.ts';
import { movementRules } from '../controller/movement-rules.ts';
import { Mover } from '../controller/mover.ts';
import type { EndpointId } from '../core/cell.ts';
import type { Clock, Log, Store } from '../core/ports.ts';
import type { KnownPower } from '../core/power.ts';
import { comparisonPolicy } from '../core/rule.ts';
import type { Needs } from '../core/spending/need-book.ts';

/** Endpoints besides the listed and the found ones: `METHOD (other)` and the like. */
const SPARE_ENDPOINTS = 40;

/**
 * The mover with what was saved, started. Call after the controller has started.
 * @throws CutoverError STORE_* where nothing can be read; then nothing was closed for want of a proof.
 */
export async function startMover(parts: {
  readonly settings: Settings;
  readonly controller: Controller;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly power: (endpoint: EndpointId) => KnownPower | undefined;
  readonly onNeeds: (needs: Needs) => void;
}): Promise<Mover> {
  const { settings, controller, store, clock, log, power, onNeeds } = parts;
  const mover = new Mover({
    controller,
    store,
    clock,
    log,
    power,
    onNeeds,
    rules: movementRules(settings),
    tripwires: settings.tripwires,
    limits: {
      cells: settings.limits.cells,
      endpoints: settings.endpoints.length + settings.templates.length + settings.limits.endpoints + SPARE_ENDPOINTS,
    },
    fingerprint: rulesWith(rulesFingerprint(settings), controller.state.marks, clock.now()),
    saved: await store.loadDocuments('movement'),
  });
  await mover.start();
  return mover;
}

/** 16 hex digits over everything that says which differences count: others begin an epoch. */
export function rulesFingerprint({ compare }: Pick<Settings, 'compare'>): string {
  // The names of the sides say nothing about which differences count; what is left out by default is not in it either.
  const { hosts: _, ...policy } = comparisonPolicy(compare);
  return createHash('sha256').update(JSON.stringify(policy)).digest('hex').slice(0, 16);
}
