import type { NotifyTarget } from '../config/settings.ts';
import type { Notice } from '../core/notice.ts';
import type { Message } from '../core/notice-body.ts';
import { NoticeRate } from '../core/notice-flow.ts';
import type { Clock, Timer } from '../core/ports.ts';
import type { Events } from '../telemetry/events.ts';
import type { Sent } from './send-notice.ts';

export interface NoticeQueueOptions {
  readonly target: NotifyTarget;
  readonly clock: Clock;
  readonly events: Pick<Events, 'noticeEnded' | 'noticesFailing' | 'noticesWork'>;
  /** One try; never rejects. */
  readonly send: (message: Message, signal: AbortSignal) => Promise<Sent>;
  readonly newId: () => string;
}

/** Notices that wait for one target; each is a few kilobytes, the longest 30. */
const MAX_WAITING = 1_000;
/** From the first failed try in a row to the longest wait between two. */
const BACKOFF_MS = { first: 1_000, most: 300_000 } as const;
/** After that nobody wants to hear it any more. */
const GIVE_UP_MS = 3_600_000;

interface Item {
  readonly message: Message;
  /** Steady time. */
  readonly since: number;
}

/** The notices to one target: one at a time, in order, tried again until an hour is over. */
export class NoticeQueue {
  sent = 0;
  failed = 0;
  dropped = 0;
  lastSentAt: number | undefined;
  /** What the last try failed with; empty after one that did not. */
  trouble = '';
  readonly #options: NoticeQueueOptions;
  readonly #rate = new NoticeRate();
  readonly #abort = new AbortController();
  #waiting: Item[] = [];
  /** The one that is tried, or waits to be tried again. */
  #current: Item | undefined;
  /** The try that is under way. */
  #trying: Promise<Sent> | undefined;
  #streak = 0;
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(options: NoticeQueueOptions) {
    this.#options = options;
  }

  get target(): NotifyTarget {
    return this.#options.target;
  }

  get waiting(): number {
    return this.#waiting.length + (this.#current === undefined ? 0 : 1);
  }

  /** Whether it must be asked again when time has passed. */
  get isHolding(): boolean {
    return this.#rate.isHolding;
  }

  /** Takes a message if the target wants its kind and the rate allows it. */
  offer(message: Message): void {
    const { kind } = message.notice;
    if (!this.target.on.some((wanted) => wanted === kind)) return;
    const now = this.#options.clock.monotonic();
    this.tick();
    if (this.#rate.admit(message.notice, now)) this.#enqueue(message);
    else this.#end('limited');
  }

  /** Sends what the rate kept back, if its minute is over. */
  tick(): void {
    const { clock, newId } = this.#options;
    const summed: Notice | undefined = this.#rate.due(clock.monotonic(), clock.now());
    if (summed !== undefined) this.#enqueue({ id: newId(), notice: summed });
  }

  #enqueue(message: Message): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting.shift();
      this.#end('dropped');
    }
    this.#waiting.push({ message, since: this.#options.clock.monotonic() });
    this.#pump();
  }

  #pump(): void {
    if (this.#trying !== undefined || this.#retry !== undefined || this.#isClosed) return;
    this.#current ??= this.#waiting.shift();
    const item = this.#current;
    if (item === undefined) return;
    this.#trying = this.#try(item).then((sent) => {
      this.#trying = undefined;
      this.#pump();
      return sent;
    });
  }

  async #try(item: Item): Promise<Sent> {
    const { clock, send } = this.#options;
    const sent = await send(item.message, this.#abort.signal);
    this.#note(sent);
    if (sent.ok || !sent.mayRetry || clock.monotonic() - item.since >= GIVE_UP_MS) {
      this.#current = undefined;
      this.#end(sent.ok ? 'sent' : 'failed');
    } else if (!this.#isClosed) this.#options.events.noticeEnded(this.target.name, 'retried');
    if (sent.mayRetry && !this.#isClosed) this.#wait(sent.retryAfterMs ?? 0);
    return sent;
  }

  #note(sent: Sent): void {
    const { events, clock, target } = this.#options;
    if (sent.ok) {
      if (this.#streak > 0) events.noticesWork(target.name);
      this.#streak = 0;
      this.trouble = '';
      this.lastSentAt = clock.now();
      return;
    }
    this.#streak += 1;
    this.trouble = troubleOf(sent);
    if (this.#streak === 1) events.noticesFailing(target.name, this.trouble);
  }

  /** Doubles with each failure in a row: 1 s, 2 s, 4 s … 5 minutes; longer where the receiver asks for it, up to 5 minutes. */
  #wait(atLeastMs: number): void {
    const { first, most } = BACKOFF_MS;
    const doubled = first * 2 ** Math.min(this.#streak - 1, 20);
    this.#retry = this.#options.clock.after(Math.min(most, Math.max(doubled, atLeastMs)), () => {
      this.#retry = undefined;
      this.#pump();
    });
  }

  #end(outcome: 'sent' | 'failed' | 'dropped' | 'limited'): void {
    if (outcome !== 'limited') this[outcome] += 1;
    this.#options.events.noticeEnded(this.target.name, outcome);
  }

  /** Tries what waits once more, in order, until one fails or `until` aborts; the rest is dropped and counted. */
  async close(until: AbortSignal): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    until.addEventListener('abort', () => this.#abort.abort(), { once: true });
    if (until.aborted) this.#abort.abort();
    let last = await this.#trying;
    while (!until.aborted && last?.mayRetry !== true) {
      this.#current ??= this.#waiting.shift();
      if (this.#current === undefined) break;
      last = await this.#try(this.#current);
    }
    for (let left = this.waiting; left > 0; left -= 1) this.#end('dropped');
    this.#waiting = [];
    this.#current = undefined;
  }
}

/** `503: overloaded`, or what kept an answer from coming. */
function troubleOf({ status, answer }: Sent): string {
  if (status === undefined) return answer;
  return answer === '' ? `answered ${status}` : `answered ${status}: ${answer}`;
}
