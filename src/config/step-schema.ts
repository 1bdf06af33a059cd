import { z } from 'zod';
import { MAX_APPROVALS } from '../core/gate.ts';
import type { RampStep } from '../core/ramp.ts';
import { count, duration, message, name, oneOf, prose, share, tenant } from './fields.ts';
import { list } from './shapes.ts';

const DAY_MS = 24 * 3_600_000;
/** A ladder longer than this is no plan that anybody follows. */
const MAX_STEPS = 50;
/** Tenants that one step names; more are a cohort. */
const MAX_TENANTS = 100;

const STEP = 'mirror, {dial: 5%}, {dial: 50%, cohort: beta}, {wait: 1h}, {gate: release}, {verify: reverse} or retire';

/** What makes a step; exactly one is given, and these go along with it. */
const KINDS = ['dial', 'wait', 'gate', 'verify', 'retire'] as const;
type Kind = (typeof KINDS)[number];
const ALONG: Readonly<Record<Kind, readonly string[]>> = {
  dial: ['cohort', 'tenants'],
  wait: [],
  gate: ['approvers', 'approvals', 'expires'],
  verify: ['for'],
  retire: [],
};

const fields = z.strictObject(
  {
    dial: share()
      .exactOptional()
      .meta({ description: 'Sets the dial; done when nothing spoke against it for `dwell`.' }),
    cohort: name('a cohort').exactOptional().meta({ description: 'With `dial`: of this cohort only.' }),
    tenants: list(tenant(), MAX_TENANTS, 1)
      .exactOptional()
      .meta({ description: 'With `dial`: of these tenants only.' }),
    wait: duration(1_000, 30 * DAY_MS)
      .exactOptional()
      .meta({ description: 'Waits, whatever the evidence says for it. What speaks against still counts.' }),
    gate: name('a gate').exactOptional().meta({
      description:
        'Stops until somebody approves (`cutover approve`). What speaks against the candidate is taken back all the same, and then the gate is shut again.',
    }),
    approvers: list(prose(64), 100, 1).exactOptional().meta({
      description: 'With `gate`: who may approve, by name, such as `ann` for `cli:ann`. Absent: everybody.',
    }),
    approvals: count(1, MAX_APPROVALS).exactOptional().meta({
      description: 'With `gate`: how many different people must approve. Two makes it a two-person rule. Absent: one.',
    }),
    expires: duration(1_000, 30 * DAY_MS)
      .exactOptional()
      .meta({
        description:
          'With `gate`: how long an approval counts while the ramp cannot go on. Absent: as long as the gate waits.',
      }),
    verify: oneOf(['reverse']).exactOptional().meta({
      description: 'Verifies against the control as long as the candidate serves; the last step unless it has `for`.',
    }),
    for: duration(1_000, 365 * DAY_MS)
      .exactOptional()
      .meta({
        description: 'With `verify`: done after this time, when the comparisons pass.',
      }),
    retire: oneOf(['person', 'auto']).exactOptional().meta({
      description:
        'The last step: the control is no longer needed. `person` (the same as the word `retire`) waits for `cutover retire`; `auto` retires by itself.',
    }),
  },
  { error: STEP },
);
type Fields = z.output<typeof fields>;

const namedStep = fields.transform((given, context): RampStep => {
  const kinds = KINDS.filter((kind) => given[kind] !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) return refuse(context, 'Give exactly one; several are several steps.');
  const stray = Object.keys(given).find((key) => key !== kind && !ALONG[kind].includes(key));
  if (stray !== undefined) return refuse(context, `A ${kind} step has no ${stray}.`);
  if (given.cohort !== undefined && given.tenants !== undefined) {
    return refuse(context, 'Give a cohort or tenants; both are two steps.');
  }
  const { approvers = [], approvals = 1 } = given;
  if (approvers.length > 0 && approvals > new Set(approvers).size) {
    return refuse(context, `Only ${new Set(approvers).size} can approve, and it takes ${approvals}.`);
  }
  return stepOf(kind, given);
});

function refuse(context: z.core.$RefinementCtx, hint: string): never {
  context.addIssue({ code: 'custom', message: message(STEP, hint) });
  return z.NEVER;
}

function stepOf(kind: Kind, given: Fields): RampStep {
  const { dial = 0, wait = 0, gate = '', cohort, tenants, expires, retire = 'person' } = given;
  switch (kind) {
    case 'dial':
      return {
        kind,
        dialPpm: dial,
        ...(cohort === undefined ? {} : { cohort }),
        ...(tenants === undefined ? {} : { tenants }),
      };
    case 'wait':
      return { kind, ms: wait };
    case 'gate':
      return {
        kind,
        name: gate,
        approvals: given.approvals ?? 1,
        approvers: given.approvers ?? [],
        ...(expires === undefined ? {} : { expiresMs: expires }),
      };
    case 'verify':
      return { kind, direction: 'reverse', ...(given.for === undefined ? {} : { ms: given.for }) };
    case 'retire':
      return { kind, by: retire };
  }
}

/** The ladder a dial climbs. */
export function steps() {
  const word = z
    .enum(['mirror', 'retire'], { error: STEP })
    .transform((given): RampStep => (given === 'mirror' ? { kind: 'mirror' } : { kind: 'retire', by: 'person' }));
  const step = z.union([word, namedStep], { error: STEP }).meta({ title: 'step' });
  return list(step, MAX_STEPS, 1).exactOptional();
}
