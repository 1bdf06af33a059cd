import type { TenantId } from '../core/cell.ts';
import { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { CutoverError } from '../core/errors.ts';
import type { CapturedRequest, Exchange, HeaderList, Observation } from '../core/observation.ts';
import type { ComparisonResult } from '../core/verdict.ts';
import { Comparer } from '../verifier/comparer.ts';
import { candidateFailed, hasMoved } from '../verifier/moved.ts';
import { ask, serverAddress } from './ask.ts';
import { comparerOptions } from './policy.ts';

export interface PathsOptions {
  readonly control: string;
  readonly candidate: string;
  readonly paths: readonly string[];
  readonly headers: HeaderList;
  /** Configuration whose rules count. */
  readonly config?: string;
}

export interface PathResult extends ComparisonResult {
  readonly path: string;
}

/**
 * Asks the control twice and the candidate once for each path, and compares: what the control does not repeat itself is noise, or `inconclusive`.
 * Needs no running Cutover.
 */
export async function comparePaths(options: PathsOptions): Promise<readonly PathResult[]> {
  const comparer = new Comparer(await comparerOptions(options.config));
  const catalog = new EndpointCatalog({ listed: [], maxFound: 1_000 });
  const [control, candidate] = [serverAddress(options.control), serverAddress(options.candidate)];
  const results: PathResult[] = [];
  for (const path of options.paths) {
    if (!path.startsWith('/'))
      throw new CutoverError('USAGE', `${path} is no path.`, { hint: 'Paths begin with a slash: /products/7.' });
    const request: CapturedRequest = { method: 'GET', target: asTarget(path), headers: options.headers };
    const at = Date.now();
    const first = await ask(control, request);
    const theirs = await ask(candidate, request);
    const gapMs = Date.now() - at;
    const again = await ask(control, request);
    const exchange: Exchange = {
      id: path,
      at,
      cell: { tenant: 'here' as TenantId, endpoint: catalog.match('GET', path).endpoint }, // one person's machine is one tenant
      direction: 'forward',
      request,
      control: first,
      candidate: theirs,
      gapMs,
      versions: { control: 'unknown', candidate: 'unknown' },
    };
    results.push({ path, ...confirmed(comparer, exchange, again) });
  }
  return results;
}

/** A path as people write it, as a request target (RFC 9112 section 3.2.1): what may not stand there is percent-encoded, as browsers do. */
function asTarget(path: string): string {
  const fragment = path.indexOf('#');
  const sent = fragment < 0 ? path : path.slice(0, fragment);
  // Half a surrogate pair has no encoding.
  return sent.replace(/[^\x21-\x7e]/gu, (character) =>
    encodeURIComponent(/\p{Cs}/u.test(character) ? '\ufffd' : character),
  );
}

/** Learns from the control's two answers, and gives the verdict of the exchange between which they lie. */
export function confirmed(comparer: Comparer, exchange: Exchange, again: Observation): ComparisonResult {
  // The second reading is judged by what was known before it: a movement must not explain itself.
  const between = comparer.compare({ ...exchange, candidate: again });
  const { cell, request, control, gapMs, at } = exchange;
  comparer.learn(cell.endpoint, request, control, again, gapMs, at);
  const result = comparer.compare(exchange);
  if (result.verdict !== 'mismatch' || candidateFailed(exchange) || !hasMoved(result, between)) return result;
  return { ...result, verdict: 'inconclusive', reason: 'controlMoved' };
}
