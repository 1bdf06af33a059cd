import { isPrivate } from '../config/network.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import { CutoverError } from '../core/errors.ts';
import type { CapturedRequest, Exchange, Observation } from '../core/observation.ts';
import { requestActs } from '../core/safe-request.ts';
import type { ComparisonResult, Difference } from '../core/verdict.ts';
import type { CredentialMap } from '../proxy/credentials.ts';
import type { Comparer } from '../verifier/comparer.ts';
import { isUnexplained } from '../verifier/moved.ts';
import { ask, serverAddress } from './ask.ts';
import { confirmed } from './compare-paths.ts';
import { type Recorded, SECRET_MARK, tellingControl } from './recorded-traffic.ts';
import { askCandidate } from './repro.ts';
import { restoreRequest } from './restore-request.ts';

export interface ReplayOptions {
  readonly recorded: readonly Recorded[];
  readonly candidate: string;
  /** Asked as well, before and after; absent: what it answered then counts. */
  readonly control?: string;
  readonly comparer: Comparer;
  /** Values of secrets by their names: `header:authorization`, `cookie:session`. */
  readonly credentials: ReadonlyMap<string, string>;
  readonly credentialMap: CredentialMap;
  /** Requests that lack secrets go without them. */
  readonly anonymous: boolean;
  /** Secrets may go to addresses that are not private. */
  readonly publicCredentials: boolean;
  /** Requests begun a second, and in flight. */
  readonly perSecond: number;
  readonly concurrency: number;
  readonly onDone?: (done: number, of: number) => void;
}

/** Why a request was not sent. */
export const SKIPPED = ['acts', 'secrets', 'noAnswer'] as const;
export type Skipped = (typeof SKIPPED)[number];

/** What became of one recorded request. */
export type Replayed =
  | { readonly recorded: Recorded; readonly result: ComparisonResult }
  | { readonly recorded: Recorded; readonly skipped: Skipped; readonly missing: readonly string[] };

/**
 * Sends recorded safe requests to the candidate (and, where it is named, to the control), at a bounded rate, and compares.
 * Requests that act are never sent. Gives one result for each recorded request, in their order.
 *
 * @throws CutoverError USAGE for an address that is none, secrets that would go to a public address, or no control where
 * no recorded answer tells what it answered.
 */
export async function replay(options: ReplayOptions): Promise<readonly Replayed[]> {
  const sides = {
    candidate: serverAddress(options.candidate),
    control: options.control === undefined ? undefined : serverAddress(options.control),
  };
  for (const side of [sides.candidate, sides.control]) if (side !== undefined) guardSecrets(side, options);
  if (sides.control === undefined) needAnswers(options.recorded);
  const results: Replayed[] = [];
  let next = 0;
  let done = 0;
  const beganAt = performance.now();
  const worker = async (): Promise<void> => {
    while (next < options.recorded.length) {
      const index = next;
      next += 1;
      const recorded = options.recorded[index] as Recorded; // below the length
      const prepared = prepare(recorded, sides.control !== undefined, options);
      if ('skipped' in prepared) results[index] = prepared;
      else {
        await pause(beganAt + (sent++ * 1_000) / options.perSecond - performance.now());
        results[index] = { recorded, result: await compareAgain(recorded, prepared.request, sides, options) };
      }
      done += 1;
      options.onDone?.(done, options.recorded.length);
    }
  };
  let sent = 0;
  await Promise.all(Array.from({ length: options.concurrency }, worker));
  return results;
}

/** Forwarded credentials stay on private addresses, unless somebody says otherwise: as in live traffic. */
function guardSecrets(side: URL, { credentials, publicCredentials }: ReplayOptions): void {
  const host = side.hostname.replace(/^\[|\]$/g, '');
  if (credentials.size === 0 || publicCredentials || isPrivate(host) || host === 'localhost') return;
  throw new CutoverError('USAGE', `Secrets would be sent to ${side.origin}, which is no private address.`, {
    hint: 'Leave them out, or say --public-credentials where that server may have them.',
  });
}

/** Without them a replay finds no difference in any body, whatever the candidate answers, and its gate would be met. */
function needAnswers(recorded: readonly Recorded[]): void {
  if (recorded.length === 0 || recorded.some((one) => tellingControl(one) !== undefined)) return;
  throw new CutoverError(
    'USAGE',
    `None of ${recorded.length} recorded requests has an answer of the control that says anything: bodies were not kept, or only their structure (redact.bodies: none or structure).`,
    { hint: 'Name the control, so that it is asked as well: --control URL.' },
  );
}

function prepare(
  recorded: Recorded,
  hasControl: boolean,
  options: ReplayOptions,
): { readonly request: CapturedRequest } | Extract<Replayed, { readonly skipped: Skipped }> {
  const skip = (skipped: Skipped, missing: readonly string[] = []) => ({ recorded, skipped, missing });
  const { method, target } = recorded.request;
  const { request, missing } = restoreRequest(recorded.request, options.credentials);
  // What the target holds of a secret cannot be left out without asking for something else.
  const isBroken = missing.some((name) => !/^(?:header|cookie):/.test(name));
  if (isBroken || (missing.length > 0 && !options.anonymous)) return skip('secrets', missing);
  if (requestActs(method, target) || requestActs(request.method, request.target)) return skip('acts');
  if (!hasControl && tellingControl(recorded) === undefined) return skip('noAnswer');
  return { request };
}

interface Sides {
  readonly candidate: URL;
  readonly control: URL | undefined;
}

async function compareAgain(
  recorded: Recorded,
  request: CapturedRequest,
  { candidate, control }: Sides,
  { comparer, credentialMap }: ReplayOptions,
): Promise<ComparisonResult> {
  const askedAt = Date.now();
  const first = control === undefined ? recorded.control : await ask(control, request);
  const theirs = await askCandidate(candidate, request, credentialMap);
  const at = control === undefined ? (recorded.at ?? askedAt) : askedAt;
  const exchange: Exchange = {
    id: recorded.id,
    at,
    // Names that a running Cutover, or the file, gave.
    cell: { tenant: recorded.tenant as TenantId, endpoint: recorded.endpoint as EndpointId },
    direction: 'forward',
    request,
    control: first as Observation, // checked where the request was prepared
    candidate: theirs,
    gapMs: Date.now() - at,
    versions: { control: 'unknown', candidate: 'unknown' },
  };
  const result = comparer.compare(exchange, isRedacted);
  if (result.verdict !== 'mismatch') return result;
  if (control !== undefined) return confirmed(comparer, exchange, await ask(control, request));
  return result.differences.filter(isUnexplained).every(isRedacted) ? withoutSignature(result, 'redacted') : result;
}

/** What was a secret when it was recorded can no longer be compared. */
function isRedacted({ control }: Difference): boolean {
  return control?.includes(SECRET_MARK) === true;
}

function withoutSignature(result: ComparisonResult, reason: string): ComparisonResult {
  const { signature: _, signatures: __, ...rest } = result;
  return { ...rest, verdict: 'inconclusive', reason };
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

/** `count` of the recorded requests, spread over endpoints: of each the newest first, in turn. */
export function sampleOf(recorded: readonly Recorded[], count: number): readonly Recorded[] {
  const byEndpoint = new Map<string, Recorded[]>();
  for (const one of [...recorded].sort((a, b) => (b.at ?? 0) - (a.at ?? 0)))
    byEndpoint.set(one.endpoint, [...(byEndpoint.get(one.endpoint) ?? []), one]);
  const lists = [...byEndpoint.values()];
  const picked: Recorded[] = [];
  for (let round = 0; picked.length < count && lists.some((list) => round < list.length); round += 1)
    for (const list of lists) if (round < list.length && picked.length < count) picked.push(list[round] as Recorded); // within the list
  return picked;
}
