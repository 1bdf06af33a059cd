import { createHash } from 'node:crypto';
import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CutoverError } from '../core/errors.ts';
import type { CapturedRequest, FailureKind, HeaderList, Observation } from '../core/observation.ts';

/** Longest silence, and longest answer in all: an endless stream is given up. */
const TIMEOUT_MS = 15_000;
const DEADLINE_MS = 60_000;
/** Longer answers are cut, and then compared by what was seen. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** Headers that belong to one connection, or that this client sets itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'te',
  'expect',
  'host',
]);

/** The address of a server, checked. @throws CutoverError USAGE */
export function serverAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new CutoverError('USAGE', `${text} is no address of a server.`, { hint: 'Give it as http://host:port.' });
  }
  return url;
}

/**
 * Sends a request from this machine, outside any proxy; what goes wrong is an observation like any other.
 * Rejects with a CutoverError USAGE for a request that cannot be written as HTTP.
 */
export function ask(server: URL, request: CapturedRequest): Promise<Observation> {
  const started = performance.now();
  const took = (): number => performance.now() - started;
  const headers = request.headers.filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()));
  const host = request.headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? server.host;
  const options = {
    host: server.hostname.replace(/^\[|\]$/g, ''),
    port: server.port === '' ? (server.protocol === 'https:' ? 443 : 80) : Number(server.port),
    method: request.method,
    path: request.target,
    headers: [
      'host',
      host,
      ...headers.flat(),
      ...(request.body === undefined ? [] : ['content-length', String(request.body.length)]),
    ],
    setHost: false,
    agent: false as const,
  };
  return new Promise((resolve, reject) => {
    let answered = false;
    const limit = setTimeout(() => give('timeout'), DEADLINE_MS);
    const fail = (failure: FailureKind): void => resolve({ kind: 'failure', failure, durationMs: took() });
    const sent = open(server, options, reject);
    if (sent === undefined) return clearTimeout(limit);
    const give = (failure: FailureKind): void => {
      fail(failure);
      sent.destroy();
    };
    sent.on('response', (response) => {
      answered = true;
      const firstByteMs = took();
      response.on('error', () => fail('truncated'));
      collect(response, (seen) => resolve({ ...seen, firstByteMs, durationMs: took() }));
    });
    sent.setTimeout(TIMEOUT_MS, () => give('timeout'));
    sent.on('error', (error: NodeJS.ErrnoException) =>
      fail(answered ? 'truncated' : error.code === 'ECONNRESET' ? 'reset' : 'refused'),
    );
    // Whatever else ends a connection, such as a switch of protocols nobody asked for, is no answer either.
    sent.on('close', () => {
      clearTimeout(limit);
      fail(answered ? 'truncated' : 'reset');
    });
    sent.end(request.body);
  });
}

/** A method, path or header that HTTP has no way to write is the caller's mistake, thrown by Node before anything is sent. */
function open(server: URL, options: RequestOptions, reject: (error: CutoverError) => void): ClientRequest | undefined {
  try {
    return (server.protocol === 'https:' ? httpsRequest : httpRequest)(options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    reject(new CutoverError('USAGE', `The request ${options.method} ${options.path} cannot be sent: ${why}.`));
    return undefined;
  }
}

/** Reads an answer to its end; of what is beyond the limit only length and digest are kept. */
function collect(
  response: IncomingMessage,
  done: (seen: Omit<Extract<Observation, { kind: 'answer' }>, 'firstByteMs' | 'durationMs'>) => void,
): void {
  const chunks: Buffer[] = [];
  const digest = createHash('sha256');
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    if (size < MAX_BODY_BYTES) chunks.push(chunk.subarray(0, MAX_BODY_BYTES - size));
    size += chunk.length;
    digest.update(chunk);
  });
  response.on('end', () => {
    done({
      kind: 'answer',
      status: response.statusCode ?? 0,
      headers: pairsOf(response.rawHeaders),
      body: Buffer.concat(chunks),
      bodyBytes: size,
      ...(size > MAX_BODY_BYTES ? { bodyDigest: digest.digest('hex') } : {}),
    });
  });
}

/** A flat list of names and values as pairs. */
export function pairsOf(raw: readonly string[]): HeaderList {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}
