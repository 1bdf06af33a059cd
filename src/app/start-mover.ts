import { createHash } from 'node:crypto';
import type { Settings } from '../config/settings.ts';
import { zoneOffset } from '../config/zone.ts';
import { rulesWith } from '../controller/cluster-desk.ts';
import type { Controller } from '../controller/controller.ts';
import { movementRules } from '../controller/movement-rules.ts';
import { Mover } from '../controller/mover.ts';
import type { EndpointId } from '../core/cell.ts';
import { frozenAt } from '../core/freeze.ts';
import type { Clock, Log, Store } from '../core/ports.ts';
import type { KnownPower } from '../core/power.ts';
import { comparisonPolicy } from '../core/rule.ts';
import type { Needs } from '../core/spending/need-book.ts';
import { following } from './live-settings.ts';
import { countLimits } from './start-plan.ts';

/**
 * The mover with what was saved, started; it follows the settings where `settingsChanged` is called. Call after the controller has started.
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
}): Promise<{ readonly mover: Mover; readonly settingsChanged: () => void }> {
  const { settings, controller, store, clock, log, power, onNeeds } = parts;
  let rules = movementRules(settings);
  const mover = new Mover({
    controller,
    store,
    clock,
    log,
    power,
    onNeeds,
    frozen: (order, now) => frozenAt(settings.freezes, order, { now, offsetOf: zoneOffset }),
    rules: following(() => rules),
    tripwires: following(() => settings.tripwires),
    limits: countLimits(settings),
    fingerprint: rulesWith(rulesFingerprint(settings), controller.state.marks, clock.now()),
    saved: await store.loadDocuments('movement'),
  });
  await mover.start();
  const settingsChanged = (): void => {
    const before = rules;
    rules = movementRules(settings);
    mover.settingsChanged(before);
  };
  return { mover, settingsChanged };
}

/** 16 hex digits over everything that says which differences count: others begin an epoch. */
export function rulesFingerprint({ compare }: Pick<Settings, 'compare'>): string {
  // The names of the sides say nothing about which differences count; what is left out by default is not in it either.
  const { hosts: _, ...policy } = comparisonPolicy(compare);
  return createHash('sha256').update(JSON.stringify(policy)).digest('hex').slice(0, 16);
}
