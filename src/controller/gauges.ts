import { SIDES } from '../core/cell.ts';
import { PPM } from '../core/routing.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Registry } from '../telemetry/registry.ts';
import type { Controller } from './controller.ts';
import type { Ledger } from './ledger.ts';
import type { LiveView } from './live-view.ts';

export interface GaugeSources {
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly controller: Controller;
  readonly ledger: Ledger;
  readonly live: LiveView;
}

/** Fills, at each scrape, the gauges that nobody pushes. Call once. */
export function registerGauges(sources: GaugeSources): void {
  const { registry, metrics, live } = sources;
  metrics.build.labels({ version: live.version }).set(1);
  metrics.startTime.labels({}).set(live.startedAt / 1000);
  registry.onScrape(() => {
    collectTraffic(sources);
    collectControl(sources);
  });
}

function collectTraffic({ metrics, ledger, controller, live }: GaugeSources): void {
  metrics.observedShare.labels({}).set(ledger.candidatePpm() / PPM);
  metrics.mirrorQueue.labels({}).set(live.queueLength());
  const { table } = controller;
  // Endpoints come and merge: what is gone must not be shown for ever.
  metrics.dial.reset();
  metrics.parity.reset();
  for (const { id, total } of ledger.endpoints.values()) {
    const dialPpm = Math.min(table.policyOf(id).maxPpm, table.dialFor(id, undefined).dialPpm);
    metrics.dial.labels({ endpoint: id }).set(dialPpm / PPM);
    if (total.parity !== null) metrics.parity.labels({ endpoint: id }).set(total.parity);
  }
}

function collectControl({ metrics, controller, live }: GaugeSources): void {
  const targets = live.targets();
  metrics.targetHealthy.reset();
  for (const side of SIDES) {
    metrics.outstanding.labels({ side }).set(live.outstanding(side));
    for (const { target, healthy } of targets[side])
      metrics.targetHealthy.labels({ side, target }).set(healthy ? 1 : 0);
  }
  metrics.revision.labels({}).set(controller.state.revision);
  metrics.latches.labels({}).set(controller.state.latches.size);
  metrics.unjournaled.labels({}).set(controller.unjournaled);
}
