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
import { curlOf, restoreRequest } from './restore-request.ts';

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
  const { request, missing } = restoreRequest(mismatch.request, credentials);
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
  return {
    ...result,
    missingSecrets: missing,
    curl: [curlOf(control, mismatch.request), curlOf(candidate, mismatch.request)],
  };
}

/** Asks the candidate as the proxy does: credentials go under the names it knows, and its cookies come back under the client's. */
export async function askCandidate(candidate: URL, request: CapturedRequest, map: CredentialMap): Promise<Observation> {
  if (map.length === 0) return ask(candidate, request);
  const mapped = mapCredentials(request.headers.flat(), map).headers;
  const answer = await ask(candidate, { ...request, headers: pairsOf(mapped) });
  if (answer.kind === 'failure') return answer;
  return { ...answer, headers: pairsOf(withClientCookies(answer.headers.flat(), map)) };
}
