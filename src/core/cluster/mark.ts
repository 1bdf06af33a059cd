import type { EndpointId } from '../cell.ts';
import type { ErrorCode } from '../errors.ts';

export const CLUSTER_STATES = ['open', 'accepted', 'fixed', 'returned'] as const;
/** What people made of a cluster. `returned`: it was fixed, and was seen again. */
export type ClusterState = (typeof CLUSTER_STATES)[number];

/** What people said of a cluster; a cluster without one is open. */
export interface ClusterMark {
  readonly state: ClusterState;
  /** Of the last change. */
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
  readonly owner?: string;
  readonly note?: string;
  /** Accepted until then. */
  readonly until?: number;
  /** Accepted at these; where it shows up besides, it is a mismatch as ever. */
  readonly endpoints?: readonly EndpointId[];
  /** Accepted, and speaks for the candidate. */
  readonly counts?: true;
  /** Fixed, but this candidate version still has it: being seen in it is no return. */
  readonly stillIn?: string;
}

/** What is to change; what is absent stays. */
export interface ClusterChange {
  readonly state?: ClusterState;
  /** Empty: nobody, nothing. */
  readonly owner?: string;
  readonly note?: string;
  readonly until?: number;
  readonly endpoints?: readonly EndpointId[];
  readonly counts?: boolean;
  readonly stillIn?: string;
}

/** Longest time a difference may be accepted: nobody remembers why after a year. */
export const MAX_ACCEPTED_MS = 366 * 86_400_000;

export type Marked =
  | { readonly ok: true; readonly mark: ClusterMark; readonly action: string }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly hint: string };

/**
 * The mark after a change, and how the journal calls it: `cluster.accepted`, `cluster.fixed`, `cluster.reopened`, `cluster.returned`,
 * or `cluster.noted` where only owner or note change.
 */
export function changeMark(
  mark: ClusterMark | undefined,
  change: ClusterChange,
  by: { readonly actor: string; readonly reason: string; readonly at: number },
): Marked {
  const state = change.state ?? mark?.state ?? 'open';
  if (change.state === undefined && change.owner === undefined && change.note === undefined)
    return refused('There is nothing to change.', 'Give a state, an owner or a note.');
  if (change.state === 'accepted') {
    const why = whyNotAccepted(change, by);
    if (why !== undefined) return why;
  }
  const owner = change.owner ?? mark?.owner ?? (change.state === 'accepted' ? by.actor : '');
  const note = change.note ?? mark?.note ?? '';
  const { at, actor, reason } = change.state === undefined && mark !== undefined ? { ...mark } : by;
  return {
    ok: true,
    action: change.state === undefined ? 'cluster.noted' : ACTIONS[state],
    mark: {
      state,
      at,
      actor,
      reason,
      ...(owner === '' ? {} : { owner }),
      ...(note === '' ? {} : { note }),
      ...detailsOf(state, mark, change),
    },
  };
}

const ACTIONS: Readonly<Record<ClusterState, string>> = {
  open: 'cluster.reopened',
  accepted: 'cluster.accepted',
  fixed: 'cluster.fixed',
  returned: 'cluster.returned',
};

/** What belongs to one state only, and ends with it. */
function detailsOf(
  state: ClusterState,
  mark: ClusterMark | undefined,
  change: ClusterChange,
): Pick<ClusterMark, 'until' | 'endpoints' | 'counts' | 'stillIn'> {
  const { until, endpoints, counts, stillIn } = change.state === undefined ? (mark ?? {}) : change;
  if (state === 'accepted') {
    return {
      ...(until === undefined ? {} : { until }),
      ...(endpoints === undefined ? {} : { endpoints }),
      ...(counts === true ? { counts } : {}),
    };
  }
  return state === 'fixed' && stillIn !== undefined ? { stillIn } : {};
}

function whyNotAccepted(
  { until, endpoints, counts, owner }: ClusterChange,
  by: { readonly reason: string; readonly at: number },
): Marked | undefined {
  if (by.reason.trim() === '')
    return refused('Accepting a difference needs a reason.', 'Say why clients can live with it.');
  if (until === undefined || !(until > by.at) || until > by.at + MAX_ACCEPTED_MS)
    return refused('Accepting a difference needs an end in the future, at most a year away.', 'Give `until`.');
  if (endpoints === undefined || endpoints.length === 0)
    return refused('A difference is accepted at the endpoints it was seen at, and there are none.', 'Wait for one.');
  if (counts === true && (owner ?? '') === '')
    return refused('A difference that counts as a match needs an owner.', 'Give `owner`.');
  return undefined;
}

function refused(message: string, hint: string): Marked {
  return { ok: false, code: 'INPUT_INVALID', message, hint };
}

/** Whether a difference at an endpoint is accepted now. */
export function isAccepted(mark: ClusterMark | undefined, endpoint: EndpointId, now: number): mark is ClusterMark {
  return mark?.state === 'accepted' && now < (mark.until ?? 0) && mark.endpoints?.includes(endpoint) === true;
}

/** Whether being seen in a candidate version says that what was fixed is back. */
export function isReturn(mark: ClusterMark | undefined, version: string): boolean {
  return mark?.state === 'fixed' && mark.stillIn !== version;
}
