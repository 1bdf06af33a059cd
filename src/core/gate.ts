/** A step of a ramp that people open. */
export interface GateStep {
  readonly kind: 'gate';
  readonly name: string;
  /** Different people who must approve. */
  readonly approvals: number;
  /** Who may approve, by name (`ann` of `cli:ann`); empty: everybody. */
  readonly approvers: readonly string[];
  /** How long an approval counts; absent: as long as the gate waits. */
  readonly expiresMs?: number;
}

/** One person's word, as the journal has it. */
export interface Approval {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

/** What people said while a ramp waits at a gate; kept by the endpoint that leads the ramp. */
export interface GateRecord {
  readonly gate: string;
  /** When the ramp came there, by its own time: approvals of an earlier wait never count for a later one. */
  readonly since: number;
  readonly approvals: readonly Approval[];
}

/** A gate that a ramp has passed. */
export interface PassedGate {
  readonly gate: string;
  readonly at: number;
  readonly approvals: readonly Approval[];
}

/** Most different people that a gate may ask for. */
export const MAX_APPROVALS = 20;

/** The approvals that count now, for a ramp that waits at the gate since `since`. */
export function approvalsThatCount(
  gate: GateStep,
  record: GateRecord | undefined,
  when: { readonly since: number; readonly now: number },
): readonly Approval[] {
  if (record === undefined || record.gate !== gate.name || record.since !== when.since) return [];
  const { expiresMs } = gate;
  return record.approvals.filter(
    ({ actor, at }) => mayApprove(gate, actor) && (expiresMs === undefined || when.now - at < expiresMs),
  );
}

/** The name after the door: `ann` of `cli:ann`. Undefined where no name is told, as from the page. */
export function personOf(actor: string): string | undefined {
  const colon = actor.indexOf(':');
  return colon < 0 || colon === actor.length - 1 ? undefined : actor.slice(colon + 1);
}

/** Whether an actor's word opens the gate. Where names matter, somebody without one has none. */
export function mayApprove(gate: GateStep, actor: string): boolean {
  const person = personOf(actor);
  if (gate.approvers.length > 0) return person !== undefined && gate.approvers.includes(person);
  return gate.approvals === 1 || person !== undefined;
}

/** `approved at gate release by cli:ann, cli:ben`. */
export function approvedText({ gate, approvals }: Pick<PassedGate, 'gate' | 'approvals'>): string {
  return `approved at gate ${gate} by ${approvals.map(({ actor }) => actor).join(', ')}`;
}
