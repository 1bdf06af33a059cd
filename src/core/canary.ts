import type { ControlState } from './control-model.ts';
import type { By, Rejected } from './control-state.ts';
import type { RampStepDone } from './ramp-commands.ts';

/** What becomes of open traffic when the candidate is deployed anew. */
export interface CanaryPolicy {
  /** Cap on every dial meanwhile, parts per million. */
  readonly sharePpm: number;
  readonly durationMs: number;
  /** Requests that the candidate must have served under it: where there was nothing to judge, nothing returns. */
  readonly requests: number;
}

/** A canary of one candidate version; data, as it is stored. */
export interface Canary extends CanaryPolicy {
  readonly version: string;
  /** `failed`: the candidate gets nothing by a dial until another version comes or a person says so. */
  readonly state: 'running' | 'failed';
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
}

export type CanaryCommand =
  /** Dials are capped from now on, because the candidate runs another version. */
  | { readonly kind: 'canary.begin'; readonly version: string; readonly policy: CanaryPolicy }
  /** `passed`: dials count again. `failed`: they count as 0. CONFLICT where it is not the canary of that version. */
  | {
      readonly kind: 'canary.end';
      readonly version: string;
      readonly verdict: 'passed' | 'failed';
      /** What decided it, where no person did. */
      readonly evidence?: Readonly<Record<string, unknown>>;
    };

/** A dial under a canary: nobody comes to the candidate by a canary, and nobody goes back when it passes (I10). */
export function cappedPpm(canary: Canary | undefined, dialPpm: number): number {
  if (canary === undefined) return dialPpm;
  return canary.state === 'failed' ? 0 : Math.min(dialPpm, canary.sharePpm);
}

export function canaryStep(state: ControlState, command: CanaryCommand, by: By): RampStepDone | Rejected {
  const before = state.canary;
  const { version } = command;
  const stamp = { actor: by.actor, reason: by.reason, at: by.at };
  if (command.kind === 'canary.begin') {
    const { sharePpm, durationMs, requests } = command.policy;
    const canary: Canary = { version, sharePpm, durationMs, requests, state: 'running', ...stamp };
    return done(state, canary, 'canary.began', {});
  }
  if (before?.version !== version || (before.state === 'failed' && command.verdict === 'failed')) {
    const message =
      before === undefined
        ? 'There is no canary.'
        : before.version === version
          ? `The canary of ${version} has failed already.`
          : `The canary is that of ${before.version}, not of ${version}.`;
    return { ok: false, code: 'CONFLICT', message, hint: '`cutover canary` shows what there is.' };
  }
  const after: Canary | undefined = command.verdict === 'passed' ? undefined : { ...before, state: 'failed', ...stamp };
  return done(state, after, `canary.${command.verdict}`, command.evidence ?? {});
}

function done(
  state: ControlState,
  canary: Canary | undefined,
  action: string,
  evidence: Readonly<Record<string, unknown>>,
): RampStepDone {
  const before = state.canary ?? null;
  return {
    state: { ...state, canary },
    action,
    scope: 'all',
    evidence: { before, after: canary ?? null, ...evidence },
  };
}

/** What is known of a running canary. */
export interface CanaryFacts {
  readonly now: number;
  /** Since when the tests have watched without a gap. */
  readonly watchedSince: number;
  /** Requests that the candidate served by a dial since then. */
  readonly served: number;
  /** What a test begins to say against the candidate. */
  readonly warning: string | undefined;
  /** What forbids raising anything now. */
  readonly hindrance: string | undefined;
}

/** What a canary still waits for, as a sentence; undefined: it has passed. */
export function canaryWaitsFor(canary: Canary, facts: CanaryFacts): string | undefined {
  const left = facts.watchedSince + canary.durationMs - facts.now;
  if (left > 0) return `the end of its time in ${Math.ceil(left / 1_000)} s`;
  const missing = canary.requests - facts.served;
  if (missing > 0) return `${missing} more requests that the candidate serves`;
  if (facts.warning !== undefined) return `a warning to pass: ${facts.warning}`;
  return facts.hindrance;
}
