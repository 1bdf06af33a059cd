import type { Mismatch } from '../api/types.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import { CutoverError } from '../core/errors.ts';
import type { CapturedRequest, Exchange, Observation } from '../core/observation.ts';
import { requestActs } from '../core/safe-request.ts';
import { type ComparisonResult, signaturesOf } from '../core/verdict.ts';
import { type CredentialMap, mapCredentials, withClientCookies } from '../proxy/credentials.ts';
import { Comparer } from '../verifier/comparer.ts';
import { ask, pairsOf, serverAddress } from './ask.ts';
import { confirmed } from './compare-paths.ts';
import { candidateCredentials, comparerOptions } from './policy.ts';
import { curlOf } from './restore-request.ts';
import { underControlNames, type Walked, walkSession } from './walk-session.ts';

export interface ReproOptions {
  readonly mismatch: Mismatch;
  readonly control: string;
  readonly candidate: string;
  /** Values of the secrets by their names: `header:authorization`, `cookie:session`, `query:token`. */
  readonly credentials: ReadonlyMap<string, string>;
  readonly config?: string;
  /** Knows the rules and the noise in force; absent: those of `config`, and no noise. */
  readonly comparer?: Comparer;
  /** Send a request that changes something. The control is then asked once, so that nothing confirms what differs. */
  readonly withEffects?: boolean;
}

export interface ReproResult extends ComparisonResult {
  /** Whether one of its causes is the one that was stored. */
  readonly sameCause: boolean;
  /** Secrets that the stored requests lack and that were not given. */
  readonly missingSecrets: readonly string[];
  /** Earlier requests of the same person that were made first, each with what either side answered. */
  readonly steps: readonly ReproStep[];
  /** The same by hand, one line a side; secrets are named, never shown. */
  readonly curl: readonly string[];
}

export interface ReproStep {
  readonly request: string;
  /** 0 where no answer came. */
  readonly control: number;
  readonly candidate: number;
  /** What later requests needed and a side's answer did not hold. */
  readonly lost: readonly string[];
}

/**
 * Sends a stored request to both sides from this machine, the control twice, and compares as live traffic is compared.
 * Where it belongs to a session, what led to it is asked first, each side with its own cookies and names.
 * @throws CutoverError USAGE for a request that changes something, unless `withEffects` is set.
 */
export async function reproduce(options: ReproOptions): Promise<ReproResult> {
  const { mismatch, credentials } = options;
  const acts = requestActs(mismatch.request.method, mismatch.request.target);
  refuseEffects(options);
  const [control, candidate] = [serverAddress(options.control), serverAddress(options.candidate)];
  const map = await candidateCredentials(options.config);
  const mine = await walkSession(mismatch, credentials, (request) => ask(control, request));
  const at = Date.now();
  const theirs = await walkSession(mismatch, credentials, (request) => askCandidate(candidate, request, map));
  const first = mine.at(-1) as Walked; // the request itself is always there
  const gapMs = Date.now() - at;
  // I7: what has side effects is not sent twice.
  const again = acts ? undefined : await ask(control, first.request);
  const exchange: Exchange = {
    id: mismatch.id,
    at,
    // Names that a running Cutover made.
    cell: { tenant: mismatch.tenant as TenantId, endpoint: mismatch.endpoint as EndpointId },
    direction: 'forward',
    request: first.request,
    control: first.observation,
    candidate: underControlNames(mine, theirs, mismatch.session),
    gapMs,
    versions: { control: 'unknown', candidate: 'unknown' },
  };
  const comparer = options.comparer ?? new Comparer(await comparerOptions(options.config));
  const result = again === undefined ? comparer.compare(exchange) : confirmed(comparer, exchange, again);
  return {
    ...result,
    sameCause: signaturesOf(result).some(({ id }) => id === mismatch.cluster),
    missingSecrets: [...new Set([...mine, ...theirs].flatMap(({ missing }) => missing))].sort(),
    steps: (mismatch.session?.steps ?? []).map(({ request }, index) => ({
      request: `${request.method} ${request.target}`,
      control: statusOf(mine[index]),
      candidate: statusOf(theirs[index]),
      lost: [...new Set([...(mine[index + 1]?.lost ?? []), ...(theirs[index + 1]?.lost ?? [])])],
    })),
    curl: [control, candidate].flatMap((side) => curlsOf(side, mismatch)),
  };
}

/** @throws CutoverError USAGE for a session with a request that changes something, unless that is wanted. */
function refuseEffects({ mismatch, withEffects }: ReproOptions): void {
  if (withEffects === true) return;
  const requests = [...(mismatch.session?.steps ?? []).map(({ request }) => request), mismatch.request];
  const acting = requests.find(({ method, target }) => requestActs(method, target));
  if (acting === undefined) return;
  throw new CutoverError('USAGE', `${acting.method} ${acting.target} changes something on the server.`, {
    hint: 'Name servers that may be changed (--control, --candidate) and say --with-effects.',
  });
}

function statusOf(walked: Walked | undefined): number {
  return walked?.observation.kind === 'answer' ? walked.observation.status : 0;
}

/** One line a request; those of a session share a file of cookies. */
function curlsOf(side: URL, mismatch: Mismatch): string[] {
  const steps = mismatch.session?.steps ?? [];
  const last = curlOf(side, mismatch.request);
  if (steps.length === 0) return [last];
  const jar = `cookies-${side.port === '' ? side.hostname : side.port}`;
  const withJar = (line: string): string => line.replace(/^curl -s/, `curl -s -b ${jar} -c ${jar}`);
  return [...steps.map(({ request }) => curlOf(side, request)), last].map(withJar);
}

/** Asks the candidate as the proxy does: credentials go under the names it knows, and its cookies come back under the client's. */
export async function askCandidate(candidate: URL, request: CapturedRequest, map: CredentialMap): Promise<Observation> {
  if (map.length === 0) return ask(candidate, request);
  const mapped = mapCredentials(request.headers.flat(), map).headers;
  const answer = await ask(candidate, { ...request, headers: pairsOf(mapped) });
  if (answer.kind === 'failure') return answer;
  return { ...answer, headers: pairsOf(withClientCookies(answer.headers.flat(), map)) };
}
