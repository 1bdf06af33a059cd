import type { PlanPreview } from '../api/plan-types.ts';
import { describeProblem } from '../config/load.ts';
import { restartFindings } from '../config/restart.ts';
import type { Settings } from '../config/settings.ts';
import { tableBase } from '../config/table-base.ts';
import type { Controller } from '../controller/controller.ts';
import { type CellEntry, type Ledger, NO_TENANT } from '../controller/ledger.ts';
import type { MovementView } from '../controller/movement-views.ts';
import type { PlanRefusal } from '../controller/plan-door.ts';
import { missingForCell } from '../controller/proof-missing.ts';
import { cellOfKey, type EndpointId, isOpen } from '../core/cell.ts';
import { CellStates } from '../core/cell-states.ts';
import { applyCommand, tableOf } from '../core/control-state.ts';
import { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { planRefusal } from '../core/plan/guard.ts';
import type { LoadCommand } from '../core/plan/load-plan.ts';
import { type Movement, MovementSum, type SeenCell, type Unproven } from '../core/plan/preview.ts';
import { tableChanges } from '../core/plan/table-changes.ts';
import type { Clock } from '../core/ports.ts';
import { compileTable, type RoutingTable } from '../core/table.ts';
import { guardOf, type PlanOrigin, type PlanText } from './plan-keeper.ts';
import { changedSections, differAtAll, differIn } from './plan-sections.ts';
import { rulesFingerprint } from './start-mover.ts';
import { listing } from './start-plan.ts';

export interface PreviewSources {
  readonly origin: Pick<PlanOrigin, 'parse'>;
  /** The settings in force. */
  readonly settings: Settings;
  readonly controller: Pick<Controller, 'state' | 'table'>;
  readonly ledger: Pick<Ledger, 'cellsAfter' | 'endpoints'>;
  readonly movement: Pick<MovementView, 'missingForCell'>;
  readonly catalog: Pick<EndpointCatalog, 'snapshot'>;
  readonly clock: Clock;
  /** What is frozen now, as people read it. */
  readonly frozen: () => string | undefined;
}

/** Cells looked at before other work gets its turn. */
const CELLS_AT_ONCE = 1_000;
/** Changes that a preview spells out; `changed` counts all. */
const MAX_CHANGES = 200;
const MAX_LINES = 100;

/** What a text would change if it came into force now, or what is wrong with it. Changes nothing. */
export async function previewPlan(plan: PlanText, sources: PreviewSources): Promise<PlanPreview | PlanRefusal> {
  const { origin, controller, settings, clock } = sources;
  const parsed = origin.parse(plan);
  if (!parsed.ok) {
    const { length } = parsed.problems;
    const message = `${plan.name} has ${length === 1 ? '1 problem' : `${length} problems`}.`;
    const lines = parsed.problems.slice(0, MAX_LINES).map(describeProblem);
    return { ok: false, code: 'CONFIG_INVALID', message, hint: 'Nothing was changed.', lines };
  }
  // What runs may change while cells are counted: everything is compared with what was in force now.
  const [state, before, present] = [controller.state, controller.table, { ...settings }];
  const next = parsed.settings;
  const command = { kind: 'config.load', base: tableBase(next) } as const;
  const applied = applyCommand(state, command, { actor: 'preview', reason: '', at: clock.now() });
  if (!applied.ok) return { ...applied, lines: [] };
  const table = tableOf(applied.state);
  const isRenamed = differIn(present, next, ({ identity }) => identity.tenant);
  // No cell that is known now is met again, so nothing that they proved counts.
  const after = compileTable(isRenamed ? { ...table, cells: CellStates.EMPTY } : table);
  const changes = tableChanges(before.data, after.data);
  const sections = changedSections(present, next);
  const becomes = renamed(present, next, sources);
  const newEpoch = rulesFingerprint(present) !== rulesFingerprint(next);
  const { unproven, ...movement } = await movementOf({ before, after, becomes }, sources);
  return {
    differs: differAtAll(present, next) || changes.length > 0,
    revision: state.plan?.revision ?? 0,
    tableRevision: state.revision,
    refusal: refusalOf(state, { ...command, guard: guardOf(present, next, sources.frozen()) }),
    restart: restartFindings(present, next).map(parsed.problemOf).map(describeProblem),
    changes: changes.slice(0, MAX_CHANGES),
    changed: changes.length,
    sections,
    newEpoch,
    proofs: proofsUnder(state, { becomes, isRenamed, newEpoch }),
    heldBack: heldBack(applied.journal.evidence),
    movement: { ...movement, endpoints: [...movement.endpoints] },
    unproven: { cells: unproven.cells, first: unproven.first.map((one) => told(one, after, sources)) },
    notes: notesOf(present, next, sections),
  };
}

/** Why the plan would not be taken now; for an applied one also where the file itself would be. */
function refusalOf(state: Controller['state'], command: LoadCommand): PlanPreview['refusal'] {
  const file = planRefusal(state, command);
  const applied = file ?? planRefusal(state, { ...command, plan: { hash: '', from: 'apply', fileHash: '' } });
  return applied === undefined ? null : { message: applied.message, hint: applied.hint, ofFile: file !== undefined };
}

/** How many cells are open, and what becomes of their proofs. */
function proofsUnder(
  { cells }: Pick<Controller['state'], 'cells'>,
  {
    becomes,
    isRenamed,
    newEpoch,
  }: { readonly becomes: Change['becomes']; readonly isRenamed: boolean; readonly newEpoch: boolean },
): PlanPreview['proofs'] {
  let open = 0;
  let lost = 0;
  for (const [key, cell] of cells) {
    if (!isOpen(cell)) continue;
    open += 1;
    if (isRenamed || becomes.has(cellOfKey(key).endpoint)) lost += 1;
  }
  return { open, renewed: newEpoch ? open - lost : 0, lost };
}

interface Change {
  readonly before: RoutingTable;
  readonly after: RoutingTable;
  readonly becomes: ReadonlyMap<EndpointId, EndpointId>;
}

async function movementOf({ before, after, becomes }: Change, { ledger, clock }: PreviewSources): Promise<Movement> {
  const sum = new MovementSum({ before, after, now: clock.now() });
  for (let last: number | undefined = 0; last !== undefined; ) {
    last = addSome(sum, last, { ledger, becomes });
    if (last !== undefined) await new Promise<void>((resolve) => void clock.after(0, resolve));
  }
  return sum.result();
}

/** Adds some cells; gives where to go on, or undefined after the last. */
function addSome(
  sum: MovementSum,
  from: number,
  { ledger, becomes }: Pick<PreviewSources, 'ledger'> & Pick<Change, 'becomes'>,
): number | undefined {
  let looked = 0;
  for (const entry of ledger.cellsAfter(from)) {
    sum.add(seenCell(entry, ledger, becomes));
    looked += 1;
    if (looked === CELLS_AT_ONCE) return entry.sequence;
  }
  return undefined;
}

function seenCell({ cell, total }: CellEntry, ledger: PreviewSources['ledger'], becomes: Change['becomes']): SeenCell {
  const { tenant, endpoint } = cell;
  return {
    tenant: tenant === NO_TENANT ? undefined : tenant,
    endpoint,
    origin: ledger.endpoints.get(endpoint)?.origin ?? 'unknown',
    becomes: becomes.get(endpoint),
    requests: total.servedTotal,
  };
}

/** Endpoints found live that a template of the other plan takes, by what they are called now. */
function renamed(present: Settings, next: Settings, { catalog }: PreviewSources): ReadonlyMap<EndpointId, EndpointId> {
  const becomes = new Map<EndpointId, EndpointId>();
  const listed = listing(next);
  if (JSON.stringify(listing(present)) === JSON.stringify(listed)) return becomes;
  const ids = new Set<string>(listed.map(({ method, template }) => `${method} ${template}`));
  const onMerge = (from: readonly EndpointId[], to: EndpointId): void => {
    if (ids.has(to)) for (const id of from) becomes.set(id, to);
  };
  new EndpointCatalog({ listed, maxFound: next.limits.endpoints, onMerge }).restore(catalog.snapshot());
  return becomes;
}

function told(
  { cell, closes }: Unproven,
  after: RoutingTable,
  { ledger, movement }: PreviewSources,
): PlanPreview['unproven']['first'][number] {
  const { tenant, endpoint, becomes } = cell;
  const name = { tenant: tenant ?? '', endpoint: becomes ?? endpoint, closes };
  if (becomes !== undefined) return { ...name, missing: `everything: ${endpoint} begins anew by this name` };
  const entry = ledger.endpoints.get(endpoint);
  const own = tenant === undefined ? undefined : entry?.cells.get(tenant);
  if (tenant === undefined || entry === undefined || own === undefined) return { ...name, missing: 'a tenant' };
  const policy = after.policyOf(endpoint);
  const kept = movement.missingForCell({ tenant, endpoint }, policy.proof);
  const missing = kept ?? missingForCell(own.total, { endpoint: entry.total, policy, state: 'observing' });
  return { ...name, missing: missing === '' ? 'nothing: it opens within seconds' : missing };
}

function notesOf(before: Settings, after: Settings, sections: readonly string[]): string[] {
  const notes: string[] = [];
  if (differIn(before, after, ({ identity }) => identity.tenant))
    notes.push(
      'Tenants get other names: every cell begins anew, and what is set for single tenants by name may not meet them.',
    );
  if (differIn(before, after, ({ identity }) => identity.subject))
    notes.push('Subjects get other names: who is on the candidate changes, though not how many.');
  if (sections.includes('steps'))
    notes.push('A ramp stands at the last step whose dial is not above the present one, and its time begins anew.');
  if (sections.includes('evidence')) notes.push('What is missing is told by the evidence settings in force now.');
  return notes;
}

function heldBack(evidence: unknown): string[] {
  const scopes = typeof evidence === 'object' && evidence !== null && 'heldBack' in evidence ? evidence.heldBack : [];
  return Array.isArray(scopes) ? scopes.filter((one): one is string => typeof one === 'string') : [];
}
