import { randomUUID } from 'node:crypto';
import type { NoticeTargetView, NoticeTestResult } from '../api/notice-types.ts';
import type { NotifyTarget } from '../config/settings.ts';
import type { NoticeDoor } from '../controller/notice-door.ts';
import { clusterNotice, type Notice, noticesOf, rollbackNotice, storeNotice, testNotice } from '../core/notice.ts';
import type { Message } from '../core/notice-body.ts';
import { NoticeGatherer } from '../core/notice-flow.ts';
import { ParityWatch } from '../core/parity-watch.ts';
import type { Clock, Cluster, Log, Timer, VerifiedExchange } from '../core/ports.ts';
import type { Events } from '../telemetry/events.ts';
import { NoticeQueue } from './notice-queue.ts';
import { packageVersion } from './package-version.ts';
import { SEND_TIMEOUT_MS, type SendOptions, type Sent, sendNotice } from './send-notice.ts';

export interface NotifierOptions {
  readonly targets: readonly NotifyTarget[];
  readonly clock: Clock;
  readonly log: Log;
  readonly events: Events;
  /** One try; another one in tests of time. */
  readonly send?: typeof sendNotice;
}

/** How often what is gathered or kept back is looked at, while there is any. */
const TICK_MS = 1_000;
const PARITY_MS = 60_000;
/** How long the end of the process waits for what is still to be told. */
const CLOSE_MS = 3_000;

/** Tells people, through the configured targets. Nothing waits for it, and nothing it does can fail what it tells of (I2). */
export class Notifier implements NoticeDoor {
  readonly #options: NotifierOptions;
  #queues: readonly NoticeQueue[] = [];
  /** Of targets that are no longer told; they finish what waits, and then end. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #gatherer = new NoticeGatherer();
  readonly #parity = new ParityWatch();
  #timer: Timer | undefined;
  #parityTimer: Timer | undefined;
  #isStoreDown = false;
  #isClosed = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.follow(options.targets);
  }

  /** Tells these targets from here on. One that is as before keeps what waits and what it counted; one that is gone tells what waits once more. */
  follow(targets: readonly NotifyTarget[]): void {
    const { clock, events } = this.#options;
    const before = new Map(this.#queues.map((queue) => [JSON.stringify(queue.target), queue]));
    this.#queues = targets.map((target) => {
      const kept = before.get(JSON.stringify(target));
      before.delete(JSON.stringify(target));
      const send = (message: Message, signal: AbortSignal): Promise<Sent> => this.#send(target, message, signal);
      return kept ?? new NoticeQueue({ target, clock, events, newId: randomUUID, send });
    });
    for (const queue of before.values()) {
      const left = queue.close(AbortSignal.timeout(CLOSE_MS)).finally(() => this.#leaving.delete(left));
      this.#leaving.add(left);
    }
    const wantsParity = targets.some(({ on }) => on.includes('parity'));
    if (wantsParity && this.#parityTimer === undefined) this.#watchParity();
    if (!wantsParity) {
      this.#parityTimer?.cancel();
      this.#parityTimer = undefined;
    }
  }

  #send(target: NotifyTarget, message: Message, signal?: AbortSignal): Promise<Sent> {
    const { clock, send = sendNotice } = this.#options;
    const options: SendOptions = {
      timeoutMs: SEND_TIMEOUT_MS,
      now: clock.now(),
      userAgent: `cutover/${packageVersion()}`,
      ...(signal === undefined ? {} : { signal }),
    };
    return send(target, message, options);
  }

  /** The same events, told to people too. */
  listening(events: Events): Events {
    const { clock } = this.#options;
    return {
      ...events,
      changeJournaled: (entry) => {
        events.changeJournaled(entry);
        this.#tell(() => noticesOf(entry));
      },
      rolledBack: (rollback) => {
        events.rolledBack(rollback);
        this.#tell(() => [rollbackNotice(rollback, clock.now())]);
      },
      clusterFound: (cluster) => {
        events.clusterFound(cluster);
        this.#tell(() => [clusterNotice(cluster, clock.now())]);
      },
      storeFailed: (doing, error) => {
        events.storeFailed(doing, error);
        if (!this.#isStoreDown) this.#tell(() => [storeNotice(false, doing, clock.now())]);
        this.#isStoreDown = true;
      },
      storeWorked: () => {
        events.storeWorked();
        if (this.#isStoreDown) this.#tell(() => [storeNotice(true, '', clock.now())]);
        this.#isStoreDown = false;
      },
    };
  }

  /** A comparison was counted. */
  verified(verified: VerifiedExchange, clusters: readonly Cluster[]): void {
    if (this.#parityTimer !== undefined) this.#parity.verified(verified, clusters, this.#options.clock.now());
  }

  /** A fault of ours here must not become one of what it tells of. */
  #tell(notices: () => readonly Notice[]): void {
    if (this.#queues.length === 0 || this.#isClosed) return;
    try {
      const now = this.#options.clock.monotonic();
      for (const notice of notices()) {
        const ready = this.#gatherer.add(notice, now);
        if (ready !== undefined) this.#hand(ready);
      }
      this.#tickLater();
    } catch (error) {
      this.#options.log.error('notice.fault', { message: error instanceof Error ? error.message : String(error) });
    }
  }

  #hand(notice: Notice): void {
    const message = { id: randomUUID(), notice };
    for (const queue of this.#queues) queue.offer(message);
  }

  #tickLater(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    if (!this.#gatherer.isGathering && !this.#queues.some((queue) => queue.isHolding)) return;
    this.#timer = this.#options.clock.after(TICK_MS, () => {
      this.#timer = undefined;
      for (const notice of this.#gatherer.due(this.#options.clock.monotonic())) this.#hand(notice);
      for (const queue of this.#queues) queue.tick();
      this.#tickLater();
    });
  }

  #watchParity(): void {
    this.#parityTimer = this.#options.clock.after(PARITY_MS, () => {
      this.#tell(() => {
        const fall = this.#parity.look(this.#options.clock.now());
        return fall === undefined ? [] : [fall];
      });
      if (!this.#isClosed && this.#parityTimer !== undefined) this.#watchParity();
    });
  }

  targets(): readonly NoticeTargetView[] {
    return this.#queues.map(({ target, sent, failed, dropped, waiting, lastSentAt, trouble }) => ({
      name: target.name,
      format: target.format,
      // The path is often what lets one write to a channel.
      address: new URL(target.url).origin,
      on: [...target.on],
      isSigned: target.secret !== undefined,
      sent,
      failed,
      dropped,
      waiting,
      lastSentAt: lastSentAt ?? null,
      trouble,
    }));
  }

  async test(name: string | undefined, actor: string): Promise<readonly NoticeTestResult[]> {
    const { clock } = this.#options;
    const chosen = this.#queues.filter(({ target }) => name === undefined || target.name === name);
    return Promise.all(
      chosen.map(async ({ target }) => {
        const began = clock.monotonic();
        const notice = testNotice(target.name, actor, clock.now());
        const { ok, status, answer } = await this.#send(target, { id: randomUUID(), notice });
        const durationMs = Math.round(clock.monotonic() - began);
        return { name: target.name, ok, status: status ?? null, answer, durationMs };
      }),
    );
  }

  /** Tells what was gathered, tries everything that waits once more, and ends within three seconds. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#parityTimer?.cancel();
    for (const notice of this.#gatherer.due(Number.POSITIVE_INFINITY)) this.#hand(notice);
    this.#isClosed = true;
    const until = AbortSignal.timeout(CLOSE_MS);
    await Promise.all([...this.#queues.map((queue) => queue.close(until)), ...this.#leaving]);
  }
}
