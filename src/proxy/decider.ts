import { createHash } from 'node:crypto';
import type { Settings } from '../config/settings.ts';
import type { EndpointId, Side, TenantId } from '../core/cell.ts';
import type { TokenFault } from '../core/claim.ts';
import { ClaimMemory } from '../core/claim-memory.ts';
import { decide } from '../core/decide.ts';
import type { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { asTenant, cookieValue, identify, type RequestNames } from '../core/identity.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Decision, RequestFacts } from '../core/routing.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import type { RoutingTable } from '../core/table.ts';
import { isForced } from '../core/tripwire.ts';
import { decodeBase64Url } from './base64url.ts';
import type { CandidateBreakers, HeldBack } from './breakers.ts';
import type { Decided } from './forward.ts';
import { type Peer, pushForwarding, type TrustedNetworks } from './forwarded.ts';
import type { Mirrors } from './mirror.ts';
import { isProbeable, type MirrorCandidate } from './mirror-candidate.ts';
import type { Problem } from './problem.ts';
import type { RequestHead } from './request-guard.ts';

/** A force token's claims, checked. */
export interface ForceClaims {
  readonly side: Side;
  readonly tenant?: string;
  readonly endpoint?: string;
}

export interface DeciderDeps {
  readonly settings: Settings;
  readonly catalog: EndpointCatalog;
  readonly clock: Clock;
  readonly log: Log;
  readonly mirrors: Mirrors;
  readonly networks: TrustedNetworks;
  readonly breakers: CandidateBreakers | undefined;
  readonly verifyToken: (token: string) => ForceClaims | undefined;
  readonly keyedSide: (hash: string) => Side | undefined;
  readonly onTokenFault?: (fault: TokenFault) => void;
}

/** What a request is known by. */
export interface Known {
  readonly facts: RequestFacts;
  readonly address: string;
  /** Present where an idempotency key binds the request: unsafe, on an endpoint that may move. */
  readonly keyHash: string | undefined;
}

/** Turns request heads into facts, and facts into decisions. Its own faults lead to the control. */
export class Decider {
  table: RoutingTable;
  readonly #deps: DeciderDeps;
  /** For HTTP/1.0 requests without a Host: HTTP/1.1 upstreams demand one. */
  readonly #defaultHost: string;
  readonly #claims: ClaimMemory;

  constructor(deps: DeciderDeps, table: RoutingTable) {
    this.#deps = deps;
    this.table = table;
    this.#claims = new ClaimMemory({ decode: decodeBase64Url, onFault: (fault) => deps.onTokenFault?.(fault) });
    this.#defaultHost = new URL(deps.settings.sides.control.targets[0] ?? 'http://localhost').host || 'localhost';
  }

  /** Completes `head.headers` with the forwarding headers, then reads names from the very list that is forwarded. */
  know(head: RequestHead, peer: Peer): Known {
    const address = pushForwarding(head.headers, peer, { ...head, networks: this.#deps.networks });
    if (head.host === '') head.headers.unshift('Host', this.#defaultHost);
    try {
      return this.#factsOf(head, peer, address);
    } catch (error) {
      this.#deps.log.error('proxy.decision-fault', { message: String(error) });
      return { facts: unknownFacts(head.method), address, keyHash: undefined };
    }
  }

  /** The decision with what serving needs to know, `keyedSide` given later by the store included. */
  decide(head: RequestHead, known: Known, keyedSide?: Side): Decided {
    const { clock } = this.#deps;
    const at = clock.now();
    const facts = keyedSide === undefined ? known.facts : { ...known.facts, keyedSide };
    const chosen = this.#decide(facts, at);
    const { decision, refusal, isHeldBack } = this.#pastBreakers(chosen);
    const policy = this.table.policyOf(facts.endpoint);
    const tenant = facts.tenant;
    const mirrorCandidate: MirrorCandidate = {
      head,
      cell: tenant === undefined ? undefined : { tenant, endpoint: facts.endpoint },
      origin: facts.origin,
      policy,
      subject: facts.subject,
      isRepeatable: isSafeMethod(head.method) && !policy.acts && facts.acts !== true,
      isForced: isForced(chosen),
      isWatched: decision.reason === 'dial' && policy.proof !== 'none',
      ...(isHeldBack === true ? { isHeldBack } : {}),
      at,
    };
    const { breakers, settings } = this.#deps;
    return {
      head,
      decision,
      ...(refusal === undefined ? {} : { refusal }),
      origin: facts.origin,
      policy,
      tenant,
      mirrorCandidate,
      isProbeable: breakers !== undefined && decision.side === 'candidate' && isProbeable(mirrorCandidate, settings),
      isKeyed: known.keyHash !== undefined,
      at,
      arrivedAt: clock.monotonic(),
    };
  }

  /** WebSockets cannot be compared: the dial alone moves them, so only where no proof is demanded. */
  decideTunnel(head: RequestHead, known: Known): Decided {
    const decided = this.decide(head, known);
    const { decision, policy } = decided;
    if (decision.reason !== 'dial' || decision.side === 'control' || policy.proof === 'none') return decided;
    const kept: Decision = { ...decision, side: 'control', reason: 'no-proof', rule: 'WebSocket without proof: none' };
    return { ...decided, decision: kept };
  }

  /** What a breaker makes of a decision: the control serves; where it cannot, the client is told when to come again. */
  #pastBreakers(chosen: Decision): PastBreakers {
    const held = chosen.side === 'candidate' ? this.#deps.breakers?.look(chosen.endpoint) : undefined;
    if (held === undefined) return { decision: chosen };
    const kept = { ...chosen, reason: 'breaker', rule: held.rule } as const;
    if (chosen.reason !== 'retired' && chosen.reason !== 'idempotency-key') {
      return { decision: { ...kept, side: 'control' }, ...(held.rule === 'bulkhead' ? {} : { isHeldBack: true }) };
    }
    // Where no probe is to be had, refusing for ever would be the outage.
    return held.isUnprobed ? { decision: chosen } : { decision: kept, refusal: refusalOf(held) };
  }

  #decide(facts: RequestFacts, now: number): Decision {
    try {
      return decide(facts, this.table, now);
    } catch (error) {
      this.#deps.log.error('proxy.decision-fault', { message: String(error) });
      return { ...FAULT_DECISION, endpoint: facts.endpoint, revision: this.table.data.revision };
    }
  }

  #factsOf(head: RequestHead, peer: Peer, address: string): Known {
    const { settings, catalog, mirrors, keyedSide } = this.#deps;
    const { endpoint, origin } = catalog.match(head.method, head.path);
    const names = new HeadNames(head, address, this.#claims);
    const tenant = asTenant(identify(settings.identity.tenant, names));
    const subject = identify(settings.identity.subject, names);
    const isSafe = isSafeMethod(head.method);
    const policy = this.table.policyOf(endpoint);
    const forced = this.#forced(head, peer, { tenant, endpoint });
    const keyHash =
      !isSafe && policy.writes && head.idempotencyKey !== undefined
        ? hashKey(tenant, endpoint, head.idempotencyKey)
        : undefined;
    const keyed = keyHash === undefined ? undefined : keyedSide(keyHash);
    const facts: RequestFacts = {
      method: head.method,
      endpoint,
      origin,
      ...(tenant === undefined ? {} : { tenant }),
      ...(subject === undefined ? {} : { subject }),
      ...(keyed === undefined ? {} : { keyedSide: keyed }),
      ...(forced === undefined ? {} : { forced }),
      // An unsafe request with a condition would become unconditional if the condition were taken away.
      hasRange: head.range || (!isSafe && head.conditional),
      acts: isSafe && mirrors.acts(head.method, head.target),
    };
    return { facts, address, keyHash };
  }

  #forced(
    head: RequestHead,
    peer: Peer,
    cell: { readonly tenant: TenantId | undefined; readonly endpoint: EndpointId },
  ): RequestFacts['forced'] {
    if (head.forceToken !== undefined) {
      const claims = this.#deps.verifyToken(head.forceToken);
      const fits =
        claims !== undefined &&
        (claims.tenant === undefined || claims.tenant === cell.tenant) &&
        (claims.endpoint === undefined || claims.endpoint === cell.endpoint);
      if (fits) return { side: claims.side, by: 'token' };
    }
    return head.forceSide !== undefined && peer.trusted ? { side: head.forceSide, by: 'network' } : undefined;
  }
}

interface PastBreakers {
  readonly decision: Decision;
  readonly refusal?: Problem;
  readonly isHeldBack?: true;
}

function refusalOf({ dueInMs }: HeldBack): Problem {
  return {
    status: 503,
    code: 'CANDIDATE_UNREACHABLE',
    detail: 'The service that alone can answer this is not reachable at present.',
    headers: ['Retry-After', String(Math.max(1, Math.ceil(dueInMs / 1_000)))],
  };
}

const FAULT_DECISION: Pick<Decision, 'side' | 'reason' | 'rule' | 'bucket' | 'dialPpm'> = {
  side: 'control',
  reason: 'unknown-endpoint',
  rule: 'fault',
  bucket: -1,
  dialPpm: -1,
};

function unknownFacts(method: string): RequestFacts {
  // The name the catalogue gives to what it cannot place.
  return { method, endpoint: 'unknown' as EndpointId, origin: 'unknown', hasRange: false };
}

/** Names a cell and a key in one string; the draft's quoted form and the bare one real clients send are the same key. */
function hashKey(tenant: TenantId | undefined, endpoint: EndpointId, key: string): string {
  const bare = key.trim().replace(/^"(.*)"$/s, '$1');
  return createHash('sha256')
    .update(`${tenant ?? ''}\n${endpoint}\n${bare}`)
    .digest('hex');
}

/** Names read from the headers that are forwarded. */
class HeadNames implements RequestNames {
  readonly host: string;
  readonly path: string;
  readonly address: string;
  readonly #headers: readonly string[];
  readonly #claims: ClaimMemory;

  constructor(head: RequestHead, address: string, claims: ClaimMemory) {
    this.#claims = claims;
    this.host = head.host;
    this.path = head.path;
    this.address = address;
    this.#headers = head.headers;
  }

  header(lowerName: string): string | null | undefined {
    let found: string | undefined;
    for (let at = 0; at + 1 < this.#headers.length; at += 2) {
      const name = this.#headers[at] as string; // the bounds were checked
      if (name.length !== lowerName.length || name.toLowerCase() !== lowerName) continue;
      const value = this.#headers[at + 1] as string;
      if (found !== undefined && found !== value) return null;
      found = value;
    }
    return found;
  }

  cookie(name: string): string | null | undefined {
    let all: string | undefined;
    for (let at = 0; at + 1 < this.#headers.length; at += 2) {
      const key = this.#headers[at] as string; // the bounds were checked
      if (key.length !== 6 || key.toLowerCase() !== 'cookie') continue;
      all = all === undefined ? (this.#headers[at + 1] as string) : `${all}; ${this.#headers[at + 1]}`;
    }
    return cookieValue(all, name);
  }

  claim(value: string, claim: string): string | null | undefined {
    return this.#claims.claimOf(value, claim);
  }
}
