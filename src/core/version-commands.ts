import type { Side } from './cell.ts';
import type { Announced, ControlState } from './control-model.ts';
import type { By, Rejected } from './control-state.ts';
import type { RampStepDone } from './ramp-commands.ts';
import { isVersion } from './told-version.ts';

/** What is said about the versions that run. */
export type VersionCommand =
  /** A side runs another version from now on. */
  | {
      readonly kind: 'deploy';
      readonly side: Side;
      readonly version: string;
      /** True: its version page tells so. */
      readonly isPolled?: true;
    }
  /**
   * What the side's version page tells, where a person announced another name: it goes on telling what it told before.
   * Kept so that a restart does not take it for a deployment.
   */
  | { readonly kind: 'version.polled'; readonly side: Side; readonly version: string };

export function versionStep(state: ControlState, command: VersionCommand, by: By): RampStepDone | Rejected {
  const { side, version } = command;
  const before = state.versions.get(side);
  if (!isVersion(version)) {
    const hint = 'Give 1 to 128 visible characters without spaces.';
    return { ok: false, code: 'INPUT_INVALID', message: 'This is no version.', hint };
  }
  if (command.kind === 'deploy') {
    // What a page tells is known until it tells something else.
    const isKept = before?.polled !== undefined && command.isPolled !== true;
    const polled = isKept ? { polled: before.polled } : {};
    const next = { version, ...polled, actor: by.actor, reason: by.reason, at: by.at };
    return done(state, side, next, 'deployed', { side, before: before?.version ?? null, after: version });
  }
  if (before === undefined) {
    const message = `No version of the ${side} was announced.`;
    return { ok: false, code: 'CONFLICT', message, hint: 'Announce what the page tells.' };
  }
  const evidence = { side, announced: before.version, before: before.polled ?? null, after: version };
  return done(state, side, { ...before, polled: version }, 'version.polled', evidence);
}

function done(
  state: ControlState,
  side: Side,
  announced: Announced,
  action: string,
  evidence: Readonly<Record<string, unknown>>,
): RampStepDone {
  return { state: { ...state, versions: new Map(state.versions).set(side, announced) }, action, scope: side, evidence };
}
