import { bucketOf } from './bucket.ts';
import type { Side } from './cell.ts';
import { isOpen } from './cell.ts';
import type { Decision, Reason, RequestFacts } from './routing.ts';
import { isSafeMethod } from './safe-request.ts';
import type { RoutingTable } from './table.ts';

/**
 * Which side serves a request, and why. Total and pure: any facts and any table give a decision, and the same ones the same.
 * The first step that applies wins; `explain` tells what each of them said.
 * @param now Milliseconds since the epoch; only expiring pins look at it.
 */
export function decide(facts: RequestFacts, table: RoutingTable, now: number): Decision {
  return (
    byKey(facts, table) ??
    byRetirement(facts, table) ??
    byLatch(facts, table, now) ??
    byExclusion(facts, table, now) ??
    byImmobility(facts, table) ??
    byInclusion(facts, table, now) ??
    byProof(facts, table) ??
    byDial(facts, table)
  );
}

/** 1. Whoever saw the idempotency key first has perhaps acted on it already; only that side can tell. */
function byKey(facts: RequestFacts, table: RoutingTable): Decision | undefined {
  if (facts.keyedSide === undefined) return undefined;
  return made(facts, table, { side: facts.keyedSide, reason: 'idempotency-key', rule: 'idempotency key' });
}

/** The control no longer serves a retired endpoint: a rollback or an exclusion would send clients into a wall. */
function byRetirement(facts: RequestFacts, table: RoutingTable): Decision | undefined {
  if (!table.policyOf(facts.endpoint).retired) return undefined;
  return made(facts, table, { side: 'candidate', reason: 'retired', rule: `retired ${facts.endpoint}` });
}

/** 2. A rollback stays until a person lifts it. */
function byLatch(facts: RequestFacts, table: RoutingTable, now: number): Decision | undefined {
  const latch = table.latches.find(facts.endpoint, facts.tenant, now);
  return latch && made(facts, table, { side: 'control', reason: 'latch', rule: latch.rule });
}

/** 3. Exclusion wins over inclusion. */
function byExclusion(facts: RequestFacts, table: RoutingTable, now: number): Decision | undefined {
  return forced(facts, table, { side: 'control', now });
}

/** 4. What may not move, whoever asks for it. */
function byImmobility(facts: RequestFacts, table: RoutingTable): Decision | undefined {
  const reason = immobility(facts, table);
  return reason && made(facts, table, { side: 'control', reason: reason[0], rule: reason[1] });
}

/** 5. Inclusion, even without proof. */
function byInclusion(facts: RequestFacts, table: RoutingTable, now: number): Decision | undefined {
  return forced(facts, table, { side: 'candidate', now });
}

/** 6. Where proof is demanded, only an open cell goes on to the dial. */
function byProof(facts: RequestFacts, table: RoutingTable): Decision | undefined {
  const { proof } = table.policyOf(facts.endpoint);
  if (proof === 'none' || isOpen(table.stateOf(facts.endpoint, facts.tenant))) return undefined;
  return made(facts, table, { side: 'control', reason: 'no-proof', rule: `proof ${proof}` });
}

/** 7 and 8. The dial: candidate below it, else control. */
function byDial(facts: RequestFacts, table: RoutingTable): Decision {
  const dial = table.dialFor(facts.endpoint, facts.tenant);
  const policy = table.policyOf(facts.endpoint);
  const bucket = bucketOf(facts.subject ?? '', policy.salt);
  const dialPpm = Math.min(dial.dialPpm, policy.maxPpm);
  return {
    side: bucket < dialPpm ? 'candidate' : 'control',
    reason: 'dial',
    endpoint: facts.endpoint,
    rule: dial.rule,
    bucket,
    dialPpm,
    revision: table.data.revision,
  };
}

/** Header, then the configuration's lists, then a person's pins: the same three for either side. */
function forced(
  facts: RequestFacts,
  table: RoutingTable,
  by: { readonly side: Side; readonly now: number },
): Decision | undefined {
  const reason: Reason = by.side === 'control' ? 'excluded' : 'included';
  if (facts.forced?.side === by.side) {
    return made(facts, table, { side: by.side, reason, rule: `header (${facts.forced.by})` });
  }
  const lists = table.force[by.side];
  if (facts.tenant !== undefined && lists.tenants.has(facts.tenant)) {
    return made(facts, table, { side: by.side, reason, rule: `force.${by.side}.tenants` });
  }
  if (lists.endpoints.has(facts.endpoint)) {
    return made(facts, table, { side: by.side, reason, rule: `force.${by.side}.endpoints` });
  }
  const pin = table.pins[by.side].find(facts.endpoint, facts.tenant, by.now);
  return pin && made(facts, table, { side: by.side, reason: 'pinned', rule: pin.rule });
}

/** Why a request may not move, with the name of the rule. */
function immobility(facts: RequestFacts, table: RoutingTable): readonly [reason: Reason, rule: string] | undefined {
  const policy = table.policyOf(facts.endpoint);
  if (facts.origin === 'unknown') return UNKNOWN;
  if (!policy.writes && !isSafeMethod(facts.method)) return WRITE;
  if (!policy.writes && (policy.acts || facts.acts === true)) return ACTS;
  if (facts.tenant === undefined && (policy.proof !== 'none' || table.asksForTenant)) return NO_TENANT;
  if (facts.subject === undefined) return NO_SUBJECT;
  if (facts.hasRange && !policy.sharedValidators) return RANGE;
  return undefined;
}

const UNKNOWN = ['unknown-endpoint', 'unknown endpoint'] as const;
const WRITE = ['write', 'unsafe method without writes'] as const;
const ACTS = ['acts', 'safe request that acts, without writes'] as const;
const NO_TENANT = ['no-tenant', 'no tenant'] as const;
const NO_SUBJECT = ['no-subject', 'no subject'] as const;
const RANGE = ['range', 'Range without shared validators'] as const;

/** A decision that needed neither bucket nor dial. */
function made(
  facts: RequestFacts,
  table: RoutingTable,
  what: { readonly side: Side; readonly reason: Reason; readonly rule: string },
): Decision {
  return {
    side: what.side,
    reason: what.reason,
    endpoint: facts.endpoint,
    rule: what.rule,
    bucket: -1,
    dialPpm: -1,
    revision: table.data.revision,
  };
}

/** One step of the decision order, as people read it. */
export interface ExplainStep {
  /** `idempotency-key`, `retired`, `latch`, `excluded`, `may-move`, `included`, `proof`, `dial`, `otherwise`. */
  readonly step: string;
  /** True for the one step that decided. */
  readonly applies: boolean;
  /** One sentence; after the step that decided it says what the step would have said. */
  readonly detail: string;
}

/** The decision together with what every step of the order says to it. */
export function explain(
  facts: RequestFacts,
  table: RoutingTable,
  now: number,
): { decision: Decision; chain: ExplainStep[] } {
  const decision = decide(facts, table, now);
  let decided = false;
  const chain = STEPS.map(({ step, says }): ExplainStep => {
    const { applies, detail } = says(facts, table, now);
    const reached = !decided;
    decided ||= applies;
    return { step, applies: applies && reached, detail: reached ? detail : `Not reached: ${lowerFirst(detail)}` };
  });
  return { decision, chain };
}

interface Said {
  readonly applies: boolean;
  readonly detail: string;
}
type Says = (facts: RequestFacts, table: RoutingTable, now: number) => Said;

/** The order of `decide`, once more, with words. A test holds the two together. */
const STEPS: readonly { readonly step: string; readonly says: Says }[] = [
  {
    step: 'idempotency-key',
    says: (facts, table) =>
      said(byKey(facts, table), {
        yes: (d) => `The ${d.side} saw the idempotency key first.`,
        no: 'No idempotency key is recorded for this request.',
      }),
  },
  {
    step: 'retired',
    says: (facts, table) =>
      said(byRetirement(facts, table), {
        yes: (d) => `The control no longer serves ${d.endpoint}; the candidate always does.`,
        no: `${facts.endpoint} is not retired.`,
      }),
  },
  {
    step: 'latch',
    says: (facts, table, now) =>
      said(byLatch(facts, table, now), {
        yes: (d) => `A rollback holds everything here on the control (${d.rule}).`,
        no: 'No rollback is latched here.',
      }),
  },
  {
    step: 'excluded',
    says: (facts, table, now) =>
      said(byExclusion(facts, table, now), {
        yes: (d) => `Forced to the control by ${d.rule}.`,
        no: 'Nothing forces the control.',
      }),
  },
  {
    step: 'may-move',
    says: (facts, table) =>
      said(byImmobility(facts, table), {
        yes: (d) => `This request may not move: ${IMMOBILE[d.reason] ?? d.rule}.`,
        no: 'This request may move.',
      }),
  },
  {
    step: 'included',
    says: (facts, table, now) =>
      said(byInclusion(facts, table, now), {
        yes: (d) => `Forced to the candidate by ${d.rule}.`,
        no: 'Nothing forces the candidate.',
      }),
  },
  {
    step: 'proof',
    says: (facts, table) => {
      const decision = byProof(facts, table);
      return { applies: decision !== undefined, detail: proofSentence(facts, table, decision !== undefined) };
    },
  },
  {
    step: 'dial',
    says: (facts, table) => {
      const decision = byDial(facts, table);
      return { applies: decision.side === 'candidate', detail: dialSentence(facts, table, decision) };
    },
  },
  {
    step: 'otherwise',
    says: () => ({ applies: true, detail: 'Nothing above applies, so the control serves.' }),
  },
];

const IMMOBILE: Readonly<Partial<Record<Reason, string>>> = {
  'unknown-endpoint': 'its endpoint is unknown',
  write: 'its method is unsafe and the endpoint does not say `writes`',
  acts: 'it has effects though its method is safe, and the endpoint does not say `writes`',
  'no-tenant': 'it names no tenant, and tenants matter here',
  'no-subject': 'nothing says who must stay together (no subject)',
  range: 'it asks for a range, and the sides do not share validators',
};

function said(decision: Decision | undefined, words: { yes: (decision: Decision) => string; no: string }): Said {
  return { applies: decision !== undefined, detail: decision === undefined ? words.no : words.yes(decision) };
}

function proofSentence(facts: RequestFacts, table: RoutingTable, missing: boolean): string {
  const { proof } = table.policyOf(facts.endpoint);
  if (proof === 'none') return `${facts.endpoint} demands no proof.`;
  const state = table.stateOf(facts.endpoint, facts.tenant) ?? 'observing';
  const cell = `${facts.tenant ?? '(no tenant)'} ${facts.endpoint}`;
  return missing
    ? `${facts.endpoint} demands proof per ${proof}, and the cell ${cell} is ${state}.`
    : `The cell ${cell} is ${state}: its proof is there.`;
}

function dialSentence(facts: RequestFacts, table: RoutingTable, decision: Decision): string {
  const dial = table.dialFor(facts.endpoint, facts.tenant);
  const capped = decision.dialPpm < dial.dialPpm ? ` capped at ${percent(decision.dialPpm)} by the endpoint's max` : '';
  const what = dial.rule === 'no dial' ? 'There is no dial here, which is 0 %' : dialWords(dial.rule, dial.dialPpm);
  const below = decision.side === 'candidate' ? 'is' : 'is not';
  return `${what}${capped}; bucket ${grouped(decision.bucket)} ${below} below ${grouped(decision.dialPpm)}.`;
}

function dialWords(rule: string, dialPpm: number): string {
  return `The dial of ${rule.slice('dial '.length)} is ${percent(dialPpm)}`;
}

/** 50,000 parts per million is `5 %`. */
function percent(ppm: number): string {
  return `${ppm / 10_000} %`;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `Not reached:` goes on in lower case, unless the sentence begins with an endpoint. */
function lowerFirst(text: string): string {
  return /^[A-Z][a-z ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
