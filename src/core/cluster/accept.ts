import type { EndpointId } from '../cell.ts';
import type { VerifiedExchange } from '../ports.ts';
import { type Difference, type Signature, signaturesOf } from '../verdict.ts';
import type { ClusterMark } from './mark.ts';

/** How an accepted cluster is called where a rule's name stands. */
export function ruleOfCluster(id: string): string {
  return `accepted ${id}`;
}

/**
 * A comparison once people's accepting is taken into account, as an `ignore` rule would be:
 * a mismatch all of whose causes are accepted is `ignored` (a `match` only where every one counts), with what was kept of it gone;
 * one with further causes stays a mismatch, for those alone. What has more causes than are told stays as it is.
 *
 * @param markOf The mark under which a cluster is accepted at an endpoint now; undefined: it is not.
 */
export function acceptedAs(
  verified: VerifiedExchange,
  markOf: (id: string, endpoint: EndpointId) => ClusterMark | undefined,
): VerifiedExchange {
  const { result, cell } = verified;
  const causes = signaturesOf(result);
  if (causes.length === 0 || result.moreCauses === true) return verified;
  const marks = causes.map(({ id }) => markOf(id, cell.endpoint));
  const left = causes.filter((_, i) => marks[i] === undefined);
  if (left.length === causes.length) return verified;
  if (left.length > 0) return { ...verified, result: { ...result, signature: left[0] as Signature, signatures: left } }; // there is one
  const counts = marks.every((mark) => mark?.counts === true);
  const { signature: _, signatures: __, intermittent: ___, ...rest } = result;
  const rule = ruleOfCluster(causes[0]?.id ?? '');
  const differences = result.differences.map((found) => bare(found, counts ? { rule } : { rule, ignored: true }));
  const { request: ____, answers: _____, ...facts } = verified;
  return {
    ...(verified.recorded === true ? verified : facts),
    result: { ...rest, verdict: counts ? 'match' : 'ignored', differences },
  };
}

/** Values are kept for mismatches only; what accounted for a difference before still does. */
function bare(found: Difference, by: { readonly rule: string; readonly ignored?: true }): Difference {
  const { control: _, candidate: __, ...rest } = found;
  return found.noise === undefined && found.rule === undefined ? { ...rest, ...by } : rest;
}
