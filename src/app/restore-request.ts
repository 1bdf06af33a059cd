import { readFileSync } from 'node:fs';
import { CutoverError } from '../core/errors.ts';
import type { CapturedRequest } from '../core/observation.ts';
import type { StoredRequest } from '../core/ports.ts';

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

/** The request as it was sent, with the secrets that are known here put back. */
export function restoreRequest(
  stored: StoredRequest,
  credentials: ReadonlyMap<string, string>,
): { request: CapturedRequest; missing: string[] } {
  const { method, target, headers, body, secrets } = stored;
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

/** The same by hand: one line, with `SECRET` in place of each secret. */
export function curlOf(server: URL, request: StoredRequest): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const shown = request.headers.filter(
    ([name]) => !SENT_BY_CUTOVER.test(name) && !/^(connection|content-length|transfer-encoding)$/i.test(name),
  );
  const headers = shown.map(([name, value]) => `-H ${quote(`${name}: ${value.replace(MARK, 'SECRET')}`)}`);
  const method = request.method === 'GET' ? '' : request.method === 'HEAD' ? ' -I' : ` -X ${request.method}`;
  const body = request.body;
  const data = body === undefined ? '' : ` --data-raw ${quote(body.replace(MARK, 'SECRET'))}`;
  return `curl -s --compressed${method} ${headers.join(' ')}${data} ${quote(`${server.origin}${request.target.replace(MARK, 'SECRET')}`)}`;
}
