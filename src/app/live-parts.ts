import type { PlanStatus } from '../api/plan-types.ts';
import type { ComparisonView } from '../api/recording-types.ts';
import type { ExplainInput, Explanation } from '../api/types.ts';
import type { Settings } from '../config/settings.ts';
import type { Controller } from '../controller/controller.ts';
import type { LiveView } from '../controller/live-view.ts';
import { canaryWarnings, holdWarnings, type MovementView } from '../controller/movement-views.ts';
import type { Side } from '../core/cell.ts';
import { explain } from '../core/decide.ts';
import type { Clock } from '../core/ports.ts';
import { comparisonPolicy } from '../core/rule.ts';
import type { Proxy as DataPlane } from '../proxy/proxy.ts';
import type { Verifier } from '../verifier/verifier.ts';
import type { Beginning } from './beginning.ts';
import { breakerWarnings } from './breaker-journal.ts';

export { journalBreakers } from './breaker-journal.ts';

import { packageVersion } from './package-version.ts';
import { planWarnings } from './plan-view.ts';
import type { PowerMeter } from './power-meter.ts';
import type { Recorder } from './recorder.ts';
import type { Traffic } from './traffic-sink.ts';

/** The running parts that the control API looks at. */
export interface LiveParts {
  readonly settings: Settings;
  readonly startedAt: number;
  readonly situation: { readonly state: string };
  readonly proxy: DataPlane;
  readonly controller: Controller;
  readonly movement: MovementView;
  readonly verifier: Verifier;
  readonly running: Traffic;
  readonly recorder: Recorder;
  readonly beginning: Beginning;
  readonly meter: PowerMeter;
  readonly plan: () => PlanStatus;
  readonly clock: Clock;
}

/** What the control API shows of the running process. */
export function liveView(parts: LiveParts): LiveView {
  const { proxy, controller, verifier, running, recorder, beginning, situation, clock } = parts;
  const warnings = (): string[] => [
    ...planWarnings(parts.plan()),
    ...canaryWarnings(controller.state),
    ...holdWarnings(controller.state),
    ...parts.movement.gateWarnings(controller.state),
    ...(beginning.trouble === undefined
      ? []
      : [
          `The store is not usable: ${beginning.trouble.message} ${beginning.trouble.hint ?? ''} The last table is served, nothing is promoted.`,
        ]),
    ...breakerWarnings(proxy.breakers()),
    ...(recorder.trouble === ''
      ? []
      : [`The store takes nothing, comparing has stopped but for what the candidate serves: ${recorder.trouble}`]),
    ...(controller.unjournaled > 0
      ? [`${controller.unjournaled} rollbacks are in force but not in the journal yet.`]
      : []),
  ];
  return {
    version: packageVersion(),
    startedAt: parts.startedAt,
    plan: parts.plan,
    state: () => situation.state,
    notReady: () => {
      const isReachable = proxy.targets().control.some((target) => target.healthy);
      return [
        ...(situation.state === 'serving' ? [] : ['draining']),
        ...(isReachable ? [] : ['no target of the control is healthy']),
      ];
    },
    targets: () => {
      const targets = proxy.targets();
      const view = (side: Side) =>
        targets[side].map(({ target, healthy, outstanding, reason }) => ({ target, healthy, outstanding, reason }));
      return { control: view('control'), candidate: view('candidate') };
    },
    versions: () => running.versions,
    noise: () => verifier.noise(),
    learned: () => verifier.snapshots(),
    comparison: () => comparisonView(parts.settings),
    power: () => parts.meter.look(),
    warnings,
    queueLength: () => verifier.queueLength,
    outstanding: (side) => proxy.outstanding(side),
    cachedForSeconds: (scope) => running.caches.secondsLeft(scope, clock.now()),
    explain: (input) => explanation(input, proxy, clock.now()),
  };
}

function comparisonView({ compare }: Settings): ComparisonView {
  const { maxDecodedBytes, timeoutMs } = compare;
  const { rules, headers, hosts: _, ...rest } = comparisonPolicy(compare);
  return { rules: [...rules], headers: [...headers], ...rest, maxDecodedBytes, timeoutMs };
}

function explanation(input: ExplainInput, proxy: DataPlane, now: number): Explanation {
  const facts = proxy.factsOf(input);
  const { decision, chain } = explain(facts, proxy.table, now);
  return {
    side: decision.side,
    reason: decision.reason,
    rule: decision.rule,
    endpoint: decision.endpoint,
    tenant: facts.tenant ?? null,
    bucket: decision.bucket < 0 ? null : decision.bucket,
    dialPpm: decision.dialPpm < 0 ? null : decision.dialPpm,
    revision: decision.revision,
    chain: chain.map(({ step, applies, detail }) => ({ step, applies, detail })),
  };
}
