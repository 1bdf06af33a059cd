import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { problem } from '../api/types.ts';
import { CutoverError, ERRORS, type ErrorCode } from '../core/errors.ts';

/** Where a running Cutover is to be found. */
export interface ApiAddress {
  readonly url: string;
  readonly token: string;
}

/** What the command line was told about it. */
export interface ApiOptions {
  readonly api?: string;
  readonly tokenFile?: string;
  readonly dir?: string;
}

/** The state folder that `run` uses unless it is told another. */
export const DEFAULT_DIR = 'cutover-data';
const TIMEOUT_MS = 15_000;
const MAX_ITEMS = 2_000;

/**
 * Finds the control API: options, then the environment (CUTOVER_API, CUTOVER_TOKEN, CUTOVER_DIR), then the state folder.
 * @throws CutoverError API_UNREACHABLE where nothing says where it is.
 */
export function findApi(options: ApiOptions, environment: Readonly<Record<string, string | undefined>>): ApiAddress {
  const named = options.dir ?? environment['CUTOVER_DIR'];
  const dir = named ?? DEFAULT_DIR;
  const announced = announcedIn(dir);
  const url = options.api ?? environment['CUTOVER_API'] ?? announced?.url;
  if (url === undefined) {
    throw new CutoverError('API_UNREACHABLE', `No running Cutover is known in ${dir}.`, {
      hint: 'Start one (cutover run), or say where it is: --dir FOLDER, --api URL, or CUTOVER_API and CUTOVER_TOKEN.',
    });
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:'))
    throw new CutoverError('USAGE', `${url} is no address.`, { hint: 'Give it as http://127.0.0.1:9090.' });
  const token = options.tokenFile === undefined ? environment['CUTOVER_TOKEN'] : readToken(options.tokenFile);
  // A token of this machine's Cutover is not handed to whatever stands at another address.
  const isHere = isLoopback(parsed.hostname) || named !== undefined || url === announced?.url;
  const found = token ?? (isHere ? readIfThere(announced?.tokenFile ?? join(dir, 'api-token')) : undefined);
  if (found === undefined || found.trim() === '') {
    throw new CutoverError('UNAUTHORIZED', 'No token for the control API.', {
      hint: `Give --token-file FILE, CUTOVER_TOKEN, or --dir FOLDER of the running Cutover (its token lies in FOLDER/api-token).`,
    });
  }
  if (!/^[\x21-\x7e]{1,512}$/.test(found.trim()))
    throw new CutoverError('USAGE', 'What was given as token for the control API is none.', {
      hint: 'It is one word of ASCII characters, as in FOLDER/api-token of the running Cutover.',
    });
  return { url: url.replace(/\/+$/, ''), token: found.trim() };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function readToken(file: string): string {
  const token = readIfThere(file);
  if (token === undefined) throw new CutoverError('USAGE', `The token file ${file} cannot be read.`);
  return token;
}

/** `run` writes into its state folder where it listens and where its token lies. */
function announcedIn(dir: string): { readonly url: string; readonly tokenFile?: string } | undefined {
  const text = readIfThere(join(dir, 'api.json'));
  if (text === undefined) return undefined;
  try {
    const found = announcement.safeParse(JSON.parse(text));
    return found.success ? found.data : undefined;
  } catch {
    return undefined;
  }
}

const announcement = z.object({ url: z.string(), tokenFile: z.string().exactOptional() });

/** Who orders, for the journal: `cli:` and the name on this machine, as far as the control API takes it. */
export function actorName(user: () => string = () => userInfo().username): string {
  let name = '';
  try {
    name = user()
      .replace(/[^\w.@+-]/g, '_')
      .slice(0, 64);
  } catch {
    // A process may run under a number that has no name.
  }
  return name === '' ? 'cli' : `cli:${name}`;
}

/** A page of 200 stored mismatches is below 10 MiB; anything much longer does not come from the control API. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let size = 0;
  let text = '';
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The control API as commands use it; every answer is checked against the types of `api/types.ts`. */
export class ApiClient {
  private readonly address: ApiAddress;

  constructor(address: ApiAddress) {
    this.address = address;
  }

  get url(): string {
    return this.address.url;
  }

  /**
   * Calls `path` below `/api/v1/`.
   * @throws CutoverError with the problem's own code, API_UNREACHABLE, or FAULT for an answer that is not of its type.
   */
  async call<T>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    type: z.ZodType<T>,
    body?: unknown,
  ): Promise<T> {
    const url = `${this.address.url}/api/v1/${path}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${this.address.token}`,
          'cutover-actor': actorName(),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: 'error',
      });
      text = await readText(response);
    } catch (error) {
      throw new CutoverError(
        'API_UNREACHABLE',
        `The control API at ${this.address.url} does not answer (${causeOf(error)}).`,
        {
          hint: 'Is Cutover running? The address may be old: see --dir and --api.',
          cause: error,
        },
      );
    }
    const value = parse(text);
    if (!response.ok || value === undefined) throw problemError(response.status, value);
    const checked = type.safeParse(value);
    if (checked.success) return checked.data;
    throw new CutoverError(
      'FAULT',
      `The control API answered ${method} ${path} with something unexpected: ${checked.error.issues[0]?.message ?? 'unknown'}.`,
      {
        hint: 'Command line and running Cutover may be of different versions: compare cutover version with /version of the control API.',
      },
    );
  }

  /** Every item of a list, page by page; at most 2,000. */
  async all<T>(path: string, type: z.ZodType<T>): Promise<readonly T[]> {
    const page = z.object({ items: z.array(type), next: z.string().exactOptional() });
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({ limit: '200', ...(cursor === undefined ? {} : { cursor }) });
      const found = await this.call('GET', `${path}?${query}`, page);
      items.push(...found.items);
      cursor = found.next;
    } while (cursor !== undefined && items.length < MAX_ITEMS);
    return items;
  }
}

/** `fetch` fails with the same words for everything; what happened is in the cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof Error && cause.name === 'TimeoutError') return `nothing within ${TIMEOUT_MS / 1000} s`;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.message : String(cause);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemError(status: number, value: unknown): CutoverError {
  const checked = problem.safeParse(value);
  if (!checked.success)
    return new CutoverError('API_UNREACHABLE', `The address answered ${status}, but not as the control API does.`, {
      hint: 'Is --api the address of the control API, not of the proxy?',
    });
  const { code, detail, hint, id } = checked.data;
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'FAULT'; // looked up just now
  return new CutoverError(known, detail, {
    hint: [hint, known === 'FAULT' ? `The log has more under ${id}.` : undefined]
      .filter((part) => part !== undefined)
      .join(' '),
  });
}
