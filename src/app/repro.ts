import { readFileSync } from 'node:fs';
import type { Mismatch } from '../api/types.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import { CutoverError } from '../core/errors.ts';
import type { CapturedRequest, Exchange, Observation } from '../core/observation.ts';
import { requestActs } from '../core/safe-request.ts';
import type { ComparisonResult } from '../core/verdict.ts';
import { type CredentialMap, mapCredentials, withClientCookies } from '../proxy/credentials.ts';
import { Comparer } from '../verifier/comparer.ts';
import { ask, pairsOf, serverAddress } from './ask.ts';
import { confirmed } from './compare-paths.ts';
import { candidateCredentials, comparerOptions } from './policy.ts';

export interface ReproOptions {
  readonly mismatch: Mismatch;
  readonly control: string;
  readonly candidate: string;
  /** Values of the secrets by their names: `header:authorization`, `cookie:session`, `query:token`. */
  readonly credentials: ReadonlyMap<string, string>;
  readonly config?: string;
  /** Send a request that changes something. The control is then asked once, so that nothing confirms what differs. */
  readonly withEffects?: boolean;
}

export interface ReproResult extends ComparisonResult {
  /** Secrets that the stored request lacks and that were not given. */
  readonly missingSecrets: readonly string[];
  /** The same by hand, one line a side; secrets are named, never shown. */
  readonly curl: readonly string[];
}

/** What redaction leaves in place of a secret. */
const MARK = /⟦r:[0-9a-f]+⟧/g;
const SENT_BY_CUTOVER = /^(x-forwarded-|x-real-ip$|forwarded$|cutover-|x-cutover-|traceparent$|tracestate$)/i;

/**
 * Reads a file of secrets: lines `name: value`, or one JSON object.
 * @throws CutoverError USAGE for a file that cannot be read or a line that is neither.
 */
export function readCredentials(file: string): ReadonlyMap<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CutoverError('USAGE', `The credentials file ${file} cannot be read.`, { cause: error });
  }
  if (text.trimStart().startsWith('{')) {
    try {
      return new Map(
        Object.entries(JSON.parse(text) as object).map(([name, value]) => [name.toLowerCase(), String(value)]),
      ); // an object, by its first character
    } catch (error) {
      throw new CutoverError('USAGE', `The credentials file ${file} is no JSON.`, { cause: error });
    }
  }
  const found = new Map<string, string>();
  text.split('\n').forEach((line, at) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const match = /^((?:header|cookie|query|body):[^:]+):\s*(.*)$/.exec(line.trim());
    if (match === null)
      throw new CutoverError('USAGE', `${file}:${at + 1} is no credential.`, {
        hint: 'Write lines such as header:authorization: Bearer …, cookie:session: … or query:token: …',
      });
    found.set((match[1] ?? '').toLowerCase(), match[2] ?? '');
  });
  return found;
}

/**
 * Sends a stored request to both sides from this machine, the control twice, and compares as live traffic is compared.
 * @throws CutoverError USAGE for a request that changes something, unless `withEffects` is set.
 */
export async function reproduce(options: ReproOptions): Promise<ReproResult> {
  const { mismatch, credentials } = options;
  const acts = requestActs(mismatch.request.method, mismatch.request.target);
  if (acts && options.withEffects !== true) {
    throw new CutoverError(
      'USAGE',
      `${mismatch.request.method} ${mismatch.request.target} changes something on the server.`,
      {
        hint: 'Name servers that may be changed (--control, --candidate) and say --with-effects.',
      },
    );
  }
  const [control, candidate] = [serverAddress(options.control), serverAddress(options.candidate)];
  const { request, missing } = restore(mismatch, credentials);
  const comparer = new Comparer(await comparerOptions(options.config));
  const at = Date.now();
  const first = await ask(control, request);
  const theirs = await askCandidate(candidate, request, await candidateCredentials(options.config));
  const gapMs = Date.now() - at;
  // I7: what has side effects is not sent twice.
  const again = acts ? undefined : await ask(control, request);
  const exchange: Exchange = {
    id: mismatch.id,
    at,
    // Names that a running Cutover made.
    cell: { tenant: mismatch.tenant as TenantId, endpoint: mismatch.endpoint as EndpointId },
    direction: 'forward',
    request,
    control: first,
    candidate: theirs,
    gapMs,
    versions: { control: 'unknown', candidate: 'unknown' },
  };
  const result = again === undefined ? comparer.compare(exchange) : confirmed(comparer, exchange, again);
  return { ...result, missingSecrets: missing, curl: [curl(control, mismatch), curl(candidate, mismatch)] };
}

/** Asks the candidate as the proxy does: credentials go under the names it knows, and its cookies come back under the client's. */
async function askCandidate(candidate: URL, request: CapturedRequest, map: CredentialMap): Promise<Observation> {
  if (map.length === 0) return ask(candidate, request);
  const mapped = mapCredentials(request.headers.flat(), map).headers;
  const answer = await ask(candidate, { ...request, headers: pairsOf(mapped) });
  if (answer.kind === 'failure') return answer;
  return { ...answer, headers: pairsOf(withClientCookies(answer.headers.flat(), map)) };
}

/** The request as it was sent, with the secrets that are known here put back. */
function restore(
  mismatch: Mismatch,
  credentials: ReadonlyMap<string, string>,
): { request: CapturedRequest; missing: string[] } {
  const { method, target, headers, body, secrets } = mismatch.request;
  const missing = secrets.filter((name) => !credentials.has(name.toLowerCase()));
  const restored = headers
    .filter(([name]) => !SENT_BY_CUTOVER.test(name))
    .map(([name, value]) => [name, restoreHeader(name.toLowerCase(), value, credentials)] as const)
    // A mark in place of a secret is no secret: the header is better left out, as is one of which nothing is left.
    .filter(([name, value]) => !value.includes('⟦r:') && (value !== '' || name.toLowerCase() !== 'cookie'));
  const request: CapturedRequest = {
    method,
    target: restoreTarget(target, credentials),
    headers: restored,
    ...(body === undefined ? {} : { body: Buffer.from(restoreBody(body, credentials), 'utf8') }),
  };
  return { request, missing };
}

function restoreHeader(name: string, value: string, credentials: ReadonlyMap<string, string>): string {
  const whole = credentials.get(`header:${name}`);
  if (whole !== undefined) return whole;
  if (name !== 'cookie') return value;
  return value
    .split(/;\s*/)
    .map((pair) => {
      const key = pair.slice(0, Math.max(0, pair.indexOf('=')));
      const known = credentials.get(`cookie:${key.toLowerCase()}`);
      return known === undefined ? pair : `${key}=${known}`;
    })
    .filter((pair) => !pair.includes('⟦r:'))
    .join('; ');
}

/** Puts values back at their JSON pointers (`body:/user/password`) or form fields (`body:password`); the rest stays byte for byte. */
function restoreBody(body: string, credentials: ReadonlyMap<string, string>): string {
  let restored = body;
  for (const [name, value] of credentials) {
    if (name.startsWith('body:/')) {
      const mark = valueAt(body, name.slice('body:/'.length).split('/'));
      // As JSON text without its quotes: the mark stands in a string.
      if (mark !== undefined && isMark(mark))
        restored = restored.replaceAll(mark, () => JSON.stringify(value).slice(1, -1));
    } else if (name.startsWith('body:') && !/^\s*[[{]/.test(body)) {
      restored = restored
        .split('&')
        .map((part) => {
          const [field = '', ...rest] = part.split('=');
          const isMeant = field.toLowerCase() === name.slice('body:'.length) && rest.join('=').includes('r:');
          return isMeant ? `${field}=${encodeURIComponent(value)}` : part;
        })
        .join('&');
    }
  }
  return restored;
}

function isMark(text: string): boolean {
  return /^⟦r:[0-9a-f]+⟧$/.test(text);
}

/** The text at a JSON pointer, whose names were lower-cased. */
function valueAt(body: string, steps: readonly string[]): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  for (const step of steps) {
    const wanted = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (value === null || typeof value !== 'object') return undefined;
    value = Object.entries(value).find(([name]) => name.toLowerCase() === wanted)?.[1];
  }
  return typeof value === 'string' ? value : undefined;
}

function restoreTarget(target: string, credentials: ReadonlyMap<string, string>): string {
  const query = target.indexOf('?');
  if (query < 0) return target.replace(MARK, 'secret');
  const parts = target
    .slice(query + 1)
    .split('&')
    .map((part) => {
      const equals = part.indexOf('=');
      const name = (equals < 0 ? part : part.slice(0, equals)).toLowerCase();
      const known = credentials.get(`query:${name}`);
      return known === undefined
        ? part.replace(MARK, 'secret')
        : `${part.slice(0, equals)}=${encodeURIComponent(known)}`;
    });
  return `${target.slice(0, query)}?${parts.join('&')}`;
}

function curl(server: URL, mismatch: Mismatch): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const shown = mismatch.request.headers.filter(
    ([name]) => !SENT_BY_CUTOVER.test(name) && !/^(connection|content-length|transfer-encoding)$/i.test(name),
  );
  const headers = shown.map(([name, value]) => `-H ${quote(`${name}: ${value.replace(MARK, 'SECRET')}`)}`);
  const method = mismatch.method === 'GET' ? '' : mismatch.method === 'HEAD' ? ' -I' : ` -X ${mismatch.method}`;
  const body = mismatch.request.body;
  const data = body === undefined ? '' : ` --data-raw ${quote(body.replace(MARK, 'SECRET'))}`;
  return `curl -s --compressed${method} ${headers.join(' ')}${data} ${quote(`${server.origin}${mismatch.request.target.replace(MARK, 'SECRET')}`)}`;
}
