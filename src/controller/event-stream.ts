import type { Clock, Timer } from '../core/ports.ts';
import type { ControlEvent, EventFeed } from './event-feed.ts';

/** Often enough that no proxy between takes the stream for dead (most wait 30 s or longer). */
const HEARTBEAT_MS = 15_000;
/** Pieces that a slow reader may lag behind; then its stream ends, and it comes back with Last-Event-ID. */
const MAX_BEHIND = 256;
/** How long a reader waits before it comes back. */
const RETRY_MS = 2_000;

export interface EventStreamOptions {
  readonly feed: EventFeed;
  readonly clock: Clock;
  /** Id of the last event the reader has seen. */
  readonly lastEventId: string | undefined;
  /** The present status, as JSON: what a `status` event carries. */
  readonly status: () => string;
}

/** A running stream, for the server to end when it closes. */
export interface EventStream {
  readonly body: ReadableStream<Uint8Array>;
  end(): void;
}

/**
 * Server-sent events (WHATWG HTML, section 9.2) for one reader: what it missed, or the status where that cannot be told,
 * then everything as it happens. Undefined where too many read already.
 */
export function openEventStream(options: EventStreamOptions): EventStream | undefined {
  const { feed, clock } = options;
  let sink: ReadableStreamDefaultController<Uint8Array> | undefined;
  let heartbeat: Timer | undefined;
  const encoder = new TextEncoder();
  const end = (): void => {
    unsubscribe?.();
    heartbeat?.cancel();
    const open = sink;
    sink = undefined;
    open?.close();
  };
  const send = (text: string): void => {
    if (sink === undefined) return;
    if ((sink.desiredSize ?? 0) <= 0) end();
    else sink.enqueue(encoder.encode(text));
  };
  const tell = (event: ControlEvent): void => send(frame(event, options.status));
  const unsubscribe = feed.subscribe(tell);
  if (unsubscribe === undefined) return undefined;
  const beat = (): void => {
    send(': still here\n\n');
    if (sink !== undefined) heartbeat = clock.after(HEARTBEAT_MS, beat);
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start: (opened) => {
        sink = opened;
        // All at once: what was missed may be more pieces than a reader may lag behind.
        opened.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n${missed(options)}`));
        heartbeat = clock.after(HEARTBEAT_MS, beat);
      },
      cancel: () => {
        sink = undefined;
        end();
      },
    },
    new CountQueuingStrategy({ highWaterMark: MAX_BEHIND }),
  );
  return { body, end };
}

function missed({ feed, lastEventId, status }: EventStreamOptions): string {
  const events = lastEventId === undefined ? undefined : feed.since(lastEventId);
  return (events ?? [{ type: 'status', data: undefined } as const]).map((event) => frame(event, status)).join('');
}

function frame(event: ControlEvent, status: () => string): string {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`;
  // JSON has no line feeds of its own, so one data line always suffices.
  const data = event.type === 'status' ? status() : JSON.stringify(event.data);
  return `${id}event: ${event.type}\ndata: ${data}\n\n`;
}
