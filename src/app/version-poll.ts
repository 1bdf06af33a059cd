import type { Settings, SideSettings, VersionPollSettings } from '../config/settings.ts';
import type { Controller } from '../controller/controller.ts';
import { SIDES, type Side } from '../core/cell.ts';
import type { Observation } from '../core/observation.ts';
import type { Clock, Log, Timer } from '../core/ports.ts';
import { type PolledVersion, polled, type ToldVersion, toldVersion } from '../core/told-version.ts';
import { CapturePool } from '../proxy/capture-pool.ts';
import { sendCopy } from '../proxy/copy-call.ts';
import { createUpstream } from '../proxy/http-upstream.ts';
import { targetAddress } from '../proxy/upstream-dialer.ts';

export interface VersionPollOptions {
  /** Always those in force. */
  readonly settings: Pick<Settings, 'sides' | 'limits'>;
  readonly controller: Pick<Controller, 'command' | 'state'>;
  /** What is known of the targets' health, in the order of the configuration. */
  readonly targets: (side: Side) => readonly { readonly target: string; readonly healthy: boolean }[];
  /** Whether answers of the side tell its version: then they are asked nothing. */
  readonly isToldByAnswers: (side: Side) => boolean;
  /** Called once the announcement is in the journal. */
  readonly deployed: (side: Side, version: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Longest poll, from connecting to the last byte. */
const POLL_TIMEOUT_MS = 5_000;
/** Longest answer that is read as a version. */
const MAX_ANSWER_BYTES = 65_536;
/** Journaled as the actor. */
const ACTOR = 'version-poll';

/**
 * Asks each side that has `version` in the configuration which version it runs, and announces a change that two polls
 * in a row told, as `cutover deploy` does. What fails or is no version changes nothing, and is told once until a poll works again.
 */
export class VersionPoll {
  readonly #polls: readonly SidePoll[];

  constructor(options: VersionPollOptions) {
    this.#polls = SIDES.map((side) => new SidePoll(side, options));
  }

  /** Asks at once, and from then on. */
  start(): void {
    for (const poll of this.#polls) poll.follow();
  }

  /** The settings are others: a side that is asked otherwise from now on is asked at once. */
  settingsChanged(): void {
    this.start();
  }

  close(): void {
    for (const poll of this.#polls) poll.close();
  }
}

class SidePoll {
  readonly #side: Side;
  readonly #options: VersionPollOptions;
  #settings: VersionPollSettings | undefined;
  #version: PolledVersion = { told: undefined, next: undefined };
  #isTroubleTold = false;
  #timer: Timer | undefined;
  /** Counts up with each change of settings: what was asked under others tells nothing. */
  #turn = 0;
  #isClosed = false;

  constructor(side: Side, options: VersionPollOptions) {
    this.#side = side;
    this.#options = options;
  }

  /** Goes by the settings as they are now. */
  follow(): void {
    const next = this.#options.settings.sides[this.#side].version;
    if (this.#isClosed || JSON.stringify(next) === JSON.stringify(this.#settings)) return;
    this.#settings = next;
    this.#turn += 1;
    this.#version = { told: undefined, next: undefined };
    this.#isTroubleTold = false;
    this.#timer?.cancel();
    if (next !== undefined) this.#poll(next, this.#turn);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #poll(settings: VersionPollSettings, turn: number): void {
    this.#askAndTake(settings, turn)
      .catch((error: unknown) => this.#tellTrouble(settings, String(error)))
      .finally(() => {
        if (this.#isClosed || turn !== this.#turn) return;
        this.#timer = this.#options.clock.after(settings.everyMs, () => this.#poll(settings, turn));
      });
  }

  async #askAndTake(settings: VersionPollSettings, turn: number): Promise<void> {
    const { targets, isToldByAnswers } = this.#options;
    if (isToldByAnswers(this.#side)) return;
    // Always the first that is healthy: while a deployment rolls, asking them in turn would tell old and new by turns.
    const target = targets(this.#side).find(({ healthy }) => healthy)?.target;
    if (target === undefined) return this.#tellTrouble(settings, 'no target is healthy');
    const told = read(await this.#ask(target, settings), settings);
    if (this.#isClosed || turn !== this.#turn) return;
    if (!told.ok) return this.#tellTrouble(settings, told.problem, target);
    this.#isTroubleTold = false;
    await this.#take(told.version);
  }

  #ask(target: string, { path }: VersionPollSettings): Promise<Observation | undefined> {
    const { settings, clock, log } = this.#options;
    const { headBytes, headerCount } = settings.limits;
    const upstream = createUpstream({
      side: this.#side,
      settings: pollSettings(settings.sides[this.#side], target),
      clock,
      // A target that is down is told by those who serve.
      log: { ...log, info: () => undefined, warn: () => undefined },
      onHealth: () => undefined,
      limits: { headBytes, headerCount },
    });
    const headers = ['host', targetAddress(target).authority, ...HEADERS];
    const pool = new CapturePool(2 * MAX_ANSWER_BYTES);
    return new Promise<Observation | undefined>((resolve) => {
      sendCopy(
        { method: 'GET', target: path, headers, body: undefined },
        { upstream, pool, maxBodyBytes: MAX_ANSWER_BYTES, timeoutMs: POLL_TIMEOUT_MS, clock },
        resolve,
      );
    }).finally(() => upstream.close());
  }

  async #take(version: string): Promise<void> {
    const { controller, deployed } = this.#options;
    const side = this.#side;
    const before = this.#version;
    const known = controller.state.versions.get(side);
    const present = known?.version;
    // What a restart finds in force is no change, nor is what the page told all along while a person gave it another name.
    const told = before.told ?? known?.polled ?? (present === version ? present : undefined);
    const { announce, ...next } = polled({ ...before, told }, version);
    if (announce === undefined || announce === present) {
      this.#version = next;
      await this.#keep(next.told);
      return;
    }
    // Where it is refused (the store takes nothing), the next poll tries again.
    const done = await controller.command(
      { kind: 'deploy', side, version, isPolled: true },
      { actor: ACTOR, reason: '' },
    );
    if (!done.ok) return;
    this.#version = next;
    deployed(side, version);
  }

  /** What the page tells, where another version is announced: to be known after a restart. Once for each. */
  async #keep(told: string | undefined): Promise<void> {
    const { controller } = this.#options;
    const side = this.#side;
    const known = controller.state.versions.get(side);
    if (told === undefined || known === undefined || known.version === told || known.polled === told) return;
    const reason = `the page goes on telling ${told} while ${known.version} is announced`;
    await controller.command({ kind: 'version.polled', side, version: told }, { actor: ACTOR, reason });
  }

  #tellTrouble({ path }: VersionPollSettings, problem: string, target?: string): void {
    if (this.#isTroubleTold || this.#isClosed) return;
    this.#isTroubleTold = true;
    this.#options.log.warn('version.unknown', { side: this.#side, path, ...(target && { target }), problem });
  }
}

/** No cookie and no credentials. Applications know it by its name. */
const HEADERS = [
  ...['accept', 'application/json, text/plain;q=0.9, */*;q=0.5'],
  ...['accept-encoding', 'identity'],
  ...['user-agent', 'cutover-version'],
];

/** One connection to the one target, for one poll. */
function pollSettings(side: SideSettings, target: string): SideSettings {
  return {
    ...side,
    targets: [target],
    credentials: 'strip',
    credentialMap: [],
    connectTimeoutMs: Math.min(side.connectTimeoutMs, POLL_TIMEOUT_MS),
    firstByteTimeoutMs: POLL_TIMEOUT_MS,
    idleTimeoutMs: POLL_TIMEOUT_MS,
    maxConnections: 1,
    health: { ...side.health, path: undefined },
  };
}

function read(answer: Observation | undefined, { pointer }: VersionPollSettings): ToldVersion {
  const none = (problem: string): ToldVersion => ({ ok: false, problem });
  if (answer === undefined) return none('could not be kept');
  if (answer.kind === 'failure') return none(`failed: ${answer.failure}`);
  if (answer.status < 200 || answer.status > 299) return none(`has status ${answer.status}`);
  if (answer.bodyBytes > MAX_ANSWER_BYTES) return none('is longer than 64 KiB');
  const header = (name: string) => answer.headers.find(([one]) => one.toLowerCase() === name)?.[1] ?? '';
  const coding = header('content-encoding').toLowerCase();
  if (coding !== '' && coding !== 'identity') return none('is content-coded although that was not asked for');
  const mediaType = header('content-type').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return toldVersion({ mediaType, text: new TextDecoder().decode(answer.body) }, pointer);
}
