import { readPlainRequest } from '../../../src/proxy/fast/plain-request.ts';
import { NodeReader, type NodeReading, type Understood } from './node-reader.ts';
import type { WireInput } from './wire-corpus.ts';

const LIMITS = { headBytes: 16_384, headerCount: 100, targetBytes: 8_192 };

/** Requests that the fast lane's reader takes from the front of a connection, until it takes no more. */
export function readPlain(bytes: Buffer): { readonly requests: Understood[]; readonly stop: string } {
  const requests: Understood[] = [];
  let at = 0;
  while (at < bytes.length) {
    const request = readPlainRequest(bytes, at, bytes.length, LIMITS);
    if (typeof request === 'string') return { requests, stop: request };
    const { method, target, rawHeaders, length = 0, next } = request;
    const body = bytes.subarray(next, next + length);
    requests.push({ method, target, rawHeaders, body, isComplete: body.length === length });
    at = next + length;
    if (request.close) return { requests, stop: 'close' };
  }
  return { requests, stop: 'end' };
}

/**
 * Whatever the fast lane's reader takes, Node's parser must have understood as the very same request; it may only take less.
 * Gives what differs, or undefined.
 */
export class ReaderTrial {
  readonly #node = new NodeReader(LIMITS.headBytes);
  /** Longest processor time of one reading by the fast lane's reader, milliseconds. */
  worstMs = 0;

  async look({ bytes }: WireInput): Promise<{ readonly difference: string | undefined; readonly feature: string }> {
    const before = process.threadCpuUsage();
    const plain = readPlain(bytes);
    const used = process.threadCpuUsage(before);
    this.worstMs = Math.max(this.worstMs, (used.user + used.system) / 1_000);
    const node = await this.#node.read(bytes);
    const feature = [
      plain.requests.length,
      plain.stop,
      node.requests.length,
      node.error,
      node.requests.at(-1)?.method,
    ].join();
    return { difference: difference(plain.requests, node), feature };
  }
}

function difference(plain: readonly Understood[], node: NodeReading): string | undefined {
  for (const [at, mine] of plain.entries()) {
    const theirs = node.requests[at];
    if (theirs === undefined) return `request ${at} is none to Node (${node.error}): ${mine.method} ${mine.target}`;
    const isSame =
      mine.method === theirs.method &&
      mine.target === theirs.target &&
      JSON.stringify(mine.rawHeaders) === JSON.stringify(theirs.rawHeaders) &&
      mine.isComplete === theirs.isComplete &&
      mine.body.equals(theirs.body);
    if (!isSame) return `request ${at}: ${JSON.stringify(mine)} is to Node ${JSON.stringify(theirs)}`;
  }
  return undefined;
}
