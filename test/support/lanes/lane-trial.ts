import net from 'node:net';
import { type Rig, startRig } from '../proxy-rig.ts';
import { NodeReader, type NodeReading } from './node-reader.ts';
import { type Recorded, RecordingOrigin } from './recording-origin.ts';
import type { WireInput } from './wire-corpus.ts';

/** What became of one input in one lane. */
export interface LaneOutcome {
  /** All that the client got, without dates. */
  readonly answers: string;
  /** Requests that reached the origin whole, without ports of the lane; how a chunked body is cut does not count. */
  readonly forwarded: readonly string[];
  readonly requests: readonly Recorded[];
  readonly malformed: readonly string[];
  /** The connection did not end although the client had. */
  readonly isHanging: boolean;
}

/** Behind every input: where the lanes see its beginning in different places, one of them does not answer it. */
const SENTINEL = Buffer.from('GET /sentinel HTTP/1.1\r\nHost: end.test\r\nConnection: close\r\n\r\n');
/** What a lane says of a connection that stays. */
const KEPT = 'Connection: keep-alive\r\nKeep-Alive: timeout=3\r\n';
const HANGING_MS = 8_000;
/**
 * What is wrong with a pipelined request can be several things at once: `node:http` may have seen the end of it when its
 * turn comes, the fast lane not; and one that was not read is no HEAD, so that its refusal has a body. That it is refused, and that nothing follows, must be the same.
 */
const LAST_REFUSAL =
  /HTTP\/1\.1 [45]\d\d [^\r]*\r\n(?:(?!\r\n\r\n)[\s\S])*Connection: close\r\n\r\n(?:\{[^{}]*"REQUEST_REFUSED"[^{}]*\})?$/;

/** One proxy with an origin of its own, so that whatever reaches the origin is known to be of the present input. */
class Lane {
  readonly #rig: Rig;
  readonly #origin: RecordingOrigin;

  constructor(rig: Rig, origin: RecordingOrigin) {
    this.#rig = rig;
    this.#origin = origin;
  }

  static async start(fastLane: boolean): Promise<Lane> {
    const origin = await RecordingOrigin.start();
    const limits = { headTimeoutMs: 3_000, bodyIdleTimeoutMs: 3_000, keepAliveTimeoutMs: 3_000 };
    const settings = { proxy: { fastLane }, limits };
    return new Lane(await startRig({ control: origin.url, candidate: origin.url, settings }), origin);
  }

  async send(input: WireInput, quietMs: number): Promise<LaneOutcome> {
    this.#origin.requests = [];
    this.#origin.malformed = [];
    const { text, isHanging } = await converse(this.#rig.port, input, quietMs);
    const { requests, malformed } = this.#origin;
    const port = String(this.#rig.port);
    return {
      answers: text.replace(/Date: [^\r]*\r\n/g, '').replace(LAST_REFUSAL, 'refused'),
      forwarded: requests.map(({ head, body, trailers }) => {
        // An HTTP/1.0 request without a Host gets that of the origin.
        const plain = head.replace(`X-Forwarded-Port: ${port}\r\n`, '').replace(this.#origin.url.slice(7), 'origin');
        return `${plain}${body}${trailers}`;
      }),
      requests,
      malformed,
      isHanging,
    };
  }

  async close(): Promise<void> {
    await this.#rig.close();
    await this.#origin.close();
  }
}

/** Sends the pieces, one an event-loop turn; after so much silence the client ends its half. */
function converse(
  port: number,
  { bytes, cuts }: WireInput,
  quietMs: number,
): Promise<{ readonly text: string; readonly isHanging: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    const whole = Buffer.concat([bytes, SENTINEL]);
    const pieces = [0, ...cuts].map((at, n) => whole.subarray(at, cuts[n] ?? whole.length));
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const finish = (isHanging: boolean): void => {
      clearTimeout(limit);
      clearTimeout(quiet);
      socket.destroy();
      resolve({ text, isHanging });
    };
    const limit = setTimeout(() => finish(true), HANGING_MS + quietMs);
    let quiet = setTimeout(() => socket.end(), quietMs);
    const again = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.end(), quietMs);
    };
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      again();
    });
    socket.on('close', () => finish(false));
    socket.on('error', () => undefined);
    const send = (): void => {
      const piece = pieces.shift();
      if (piece === undefined || !socket.writable) return;
      again();
      socket.write(piece, () => setImmediate(send));
    };
    send();
  });
}

export interface LookedAt {
  readonly difference: string | undefined;
  /** What happened, in a few words. */
  readonly feature: string;
  /** What the fast lane forwarded. */
  readonly requests: readonly Recorded[];
}

/** Silence after which the client ends its half; a difference counts when it is still there with the last. */
const PATIENCE_MS: readonly number[] = [30, 300, 2_000];

/** The same input through the fast and the slow lane, each before an origin that writes down what reaches it. */
export class LaneTrial {
  readonly #fast: Lane;
  readonly #slow: Lane;
  readonly #node = new NodeReader(16_384);

  private constructor(fast: Lane, slow: Lane) {
    this.#fast = fast;
    this.#slow = slow;
  }

  static async start(): Promise<LaneTrial> {
    return new LaneTrial(await Lane.start(true), await Lane.start(false));
  }

  /** Gives what differs, or undefined. A difference counts when it is still there with more patience: silence is no proof. */
  async look(input: WireInput): Promise<LookedAt> {
    const node = await this.#node.read(Buffer.concat([input.bytes, SENTINEL]));
    for (const quietMs of PATIENCE_MS) {
      const [fast, slow] = await Promise.all([this.#fast.send(input, quietMs), this.#slow.send(input, quietMs)]);
      const found = difference(fast, slow, input) ?? misread(fast, node);
      if (found !== undefined && quietMs !== PATIENCE_MS.at(-1)) continue;
      const statuses = [...fast.answers.matchAll(/HTTP\/1\.1 (\d+)|refused/g)].map((match) => match[1] ?? match[0]);
      const methods = fast.requests.map(({ head }) => head.slice(0, head.indexOf(' ')));
      return { difference: found, feature: [...statuses, ...methods, node.error].join(' '), requests: fast.requests };
    }
    throw new Error('not reached');
  }

  async close(): Promise<void> {
    await this.#fast.close();
    await this.#slow.close();
  }
}

/** Whatever went on must have been understood by Node's parser as the same requests, in their order from the first. */
function misread({ requests }: LaneOutcome, node: NodeReading): string | undefined {
  for (const [at, { head, body }] of requests.entries()) {
    const theirs = node.requests[at];
    // Node drops what comes in one piece with an upgrade that nobody takes up: it cannot judge what is behind.
    if (theirs === undefined && node.requests.at(-1)?.rawHeaders.some((name) => /^upgrade$/i.test(name)))
      return undefined;
    const [method, target] = head.split(' ', 2);
    const isOwnForm = theirs?.target.startsWith('/') !== true;
    const isSame =
      theirs !== undefined &&
      theirs.method === method &&
      (isOwnForm || theirs.target === target) &&
      theirs.body.toString('latin1') === body;
    if (!isSame) return `forwarded ${JSON.stringify(head + body)}, which to Node is ${JSON.stringify(theirs)}`;
  }
  return undefined;
}

/**
 * Behind a request that is being served `node:http` cannot give an upgrade back to its parser, so that one is the last on
 * the connection; the fast lane hands it over when its turn comes. Nothing is understood otherwise: the slow lane stops.
 */
function endsAtUpgrade(fast: LaneOutcome, slow: LaneOutcome, { bytes }: WireInput): boolean {
  const last = slow.answers.lastIndexOf('Connection: close\r\n');
  if (last < 0 || !/\r\nupgrade:/i.test(bytes.toString('latin1'))) return false;
  const kept = `${slow.answers.slice(0, last)}${KEPT}${slow.answers.slice(last + 'Connection: close\r\n'.length)}`;
  return fast.answers.startsWith(kept) && slow.forwarded.every((text, at) => text === fast.forwarded[at]);
}

function difference(fast: LaneOutcome, slow: LaneOutcome, input: WireInput): string | undefined {
  if (fast.malformed.length > 0) return `malformed by the fast lane: ${fast.malformed[0]}`;
  if (slow.malformed.length > 0) return `malformed by the slow lane: ${slow.malformed[0]}`;
  if (fast.isHanging || slow.isHanging) return `hangs: fast ${fast.isHanging}, slow ${slow.isHanging}`;
  if (endsAtUpgrade(fast, slow, input)) return undefined;
  if (JSON.stringify(fast.forwarded) !== JSON.stringify(slow.forwarded)) {
    return `forwarded by the fast lane: ${JSON.stringify(fast.forwarded)}\nby the slow one: ${JSON.stringify(slow.forwarded)}`;
  }
  if (fast.answers !== slow.answers) {
    return `answered by the fast lane: ${JSON.stringify(shortened(fast.answers))}\nby the slow one: ${JSON.stringify(shortened(slow.answers))}`;
  }
  return undefined;
}

function shortened(text: string): string {
  return text.replace(/f{40,}/g, (run) => `f×${run.length}`).slice(0, 3_000);
}
