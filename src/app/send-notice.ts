import { createHmac } from 'node:crypto';
import { type LookupAddress, lookup } from 'node:dns';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { isLinkLocal } from '../config/network.ts';
import type { NotifyTarget } from '../config/settings.ts';
import { plainText } from '../core/notice.ts';
import { type Message, slackBody, webhookBody } from '../core/notice-body.ts';

/** What a target made of a notice. */
export interface Sent {
  readonly ok: boolean;
  /** Absent: no answer came. */
  readonly status?: number;
  /** What it answered or why nothing came, for people; at most 200 characters. */
  readonly answer: string;
  /** Whether another try may end better: not after an answer that refuses it for good. */
  readonly mayRetry: boolean;
  /** What the receiver asked for in `Retry-After`. */
  readonly retryAfterMs?: number;
}

export interface SendOptions {
  readonly timeoutMs: number;
  /** Milliseconds since the epoch, for the signature. */
  readonly now: number;
  readonly userAgent: string;
  /** Ends the try early. */
  readonly signal?: AbortSignal;
}

/** Longest try, from the name's resolution to the end of the answer's head. */
export const SEND_TIMEOUT_MS = 10_000;
/** As much of an answer as is read; the rest is not waited for. */
const MAX_ANSWER_BYTES = 4_096;
const MAX_SHOWN = 200;

/**
 * Posts a notice, once, over a connection of its own. Redirects are not followed, since they could lead anywhere, and a
 * name that resolves to link-local addresses only is not connected to. Never rejects.
 */
export async function sendNotice(target: NotifyTarget, message: Message, options: SendOptions): Promise<Sent> {
  const body = target.format === 'slack' ? slackBody(message) : webhookBody(message);
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': options.userAgent,
    'idempotency-key': `"${message.id}"`,
    ...(target.secret === undefined ? {} : { 'cutover-signature': signatureOf(target.secret, options.now, body) }),
  };
  const limit = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  try {
    return await post(target.url, { headers, body, signal });
  } catch (error) {
    const answer = limit.aborted ? `no answer within ${options.timeoutMs / 1000} s` : problemOf(error);
    return { ok: false, answer: plainText(answer, MAX_SHOWN), mayRetry: true };
  }
}

/** `t=SECONDS,v1=HEX`: HMAC-SHA256 with the secret over the seconds, a dot and the body as it is sent. */
export function signatureOf(secret: string, now: number, body: string): string {
  const seconds = Math.floor(now / 1000);
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${mac}`;
}

interface Posting {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

function post(url: string, { headers, body, signal }: Posting): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? requestHttps : requestHttp;
    // No pool: a receiver is asked a few times an hour, and one that hangs must not hold the next notice.
    const call = request(url, { method: 'POST', headers, agent: false, lookup: guardedLookup, signal });
    let isAnswered = false;
    call.on('error', reject);
    call.once('close', () => {
      if (!isAnswered) reject(new Error('the connection ended without an answer'));
    });
    call.once('response', (response) => {
      isAnswered = true;
      readSome(response).then(
        (text) => {
          resolve(sentOf(response, text));
          call.destroy();
        },
        (error: unknown) => reject(error),
      );
    });
    call.end(body);
  });
}

/** The beginning of an answer's body. */
async function readSome(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response) {
    const buffer = Buffer.from(piece as Uint8Array); // no encoding is set, so they are bytes
    pieces.push(buffer);
    bytes += buffer.length;
    if (bytes >= MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(pieces).subarray(0, MAX_ANSWER_BYTES).toString('utf8');
}

function sentOf(response: IncomingMessage, text: string): Sent {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return { ok: true, status, answer: plainText(text, MAX_SHOWN), mayRetry: false };
  if (status >= 300 && status < 400) {
    const answer = 'a redirect, which is not followed: give the address it leads to';
    return { ok: false, status, answer, mayRetry: false };
  }
  // 408, 425 and 429 say "later" (RFC 9110, section 15.5.9; RFC 8470; RFC 6585); other 4xx would be said again.
  const mayRetry = status >= 500 || status === 408 || status === 425 || status === 429;
  const after = /^\d{1,6}$/.exec(response.headers['retry-after'] ?? '');
  const answer = plainText(text, MAX_SHOWN);
  return { ok: false, status, answer, mayRetry, ...(after === null ? {} : { retryAfterMs: Number(after[0]) * 1000 }) };
}

/** Names that lead to a cloud's metadata service are no better than its address; the address found is the one connected to. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const addresses: readonly LookupAddress[] = error === null ? found : [];
    const allowed = addresses.filter(({ address }) => !isLinkLocal(address));
    const [first] = allowed;
    if (error !== null) callback(error, '', 4);
    else if (first === undefined) callback(new Error('the name leads to a link-local address'), '', 4);
    else if (options.all === true) callback(null, allowed.slice());
    else callback(null, first.address, first.family);
  });
};

function problemOf(error: unknown): string {
  // With several addresses each has an error of its own, and the whole has no message.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const code = first instanceof Error && 'code' in first && typeof first.code === 'string' ? first.code : undefined;
  if (code === 'ABORT_ERR') return 'the process ended before an answer came';
  return first instanceof Error && first.message !== '' ? first.message : (code ?? 'the connection failed');
}
