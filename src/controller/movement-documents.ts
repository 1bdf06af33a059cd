import { CELL_STATES, type CellKey, cellOfKey, type EndpointId, type TenantId } from '../core/cell.ts';
import { type CellRecord, PROOF_OVER, type Proof } from '../core/cell-machine.ts';
import { MAX_CLASSES } from '../core/class-order.ts';
import { failuresOf } from '../core/evidence.ts';
import type { Approval, PassedGate } from '../core/gate.ts';
import type { Ramp, RampDial } from '../core/ramp.ts';
import { answersOf } from '../core/status-coverage.ts';
import { newCohortPool } from './cohort-pools.ts';
import type { CellTrack, EndpointTrack, MovementBook } from './movement-book.ts';

/** Cohorts that a plan may pool by themselves. */
const MAX_COHORTS = 10;

/** A document of the kind `movement`. Keys: `epoch`, `cell …`, `endpoint …`. */
export interface MovementDocument {
  readonly key: string;
  readonly value: unknown;
}

export type Documented = { readonly track: CellTrack; readonly record: CellRecord } | { readonly home: EndpointTrack };

export function documentsOf(items: readonly Documented[]): MovementDocument[] {
  return items.map((item) => {
    if ('home' in item) {
      const { id, pooled, ramp, dialSeenAt, classes, answers, cohorts } = item.home;
      const pools = [...cohorts].map(([name, { evidence }]) => [name, evidence.toJSON()] as const);
      const shared = pools.length === 0 ? {} : { cohorts: Object.fromEntries(pools) };
      const stand = classes.size === 0 ? {} : { classes: Object.fromEntries(classes) };
      return {
        key: `endpoint ${id}`,
        value: { pooled: pooled.toJSON(), ramp: ramp ?? null, dialSeenAt, answers, ...stand, ...shared },
      };
    }
    const { track, record } = item;
    const { evidence, isAside, given, servedSavedAt } = track;
    const seen = servedSavedAt === 0 ? {} : { servedAt: servedSavedAt };
    return {
      key: `cell ${track.key}`,
      value: { record, evidence: evidence?.toJSON() ?? null, isAside, given, ...seen },
    };
  });
}

/** Fills a book with what was saved; what is not of its form is left out, and so is never served (I4). */
export function restoreBook(book: MovementBook, saved: ReadonlyMap<string, unknown>): void {
  for (const [key, value] of saved) {
    const fields = asFields(value);
    if (fields === undefined) continue;
    if (key.startsWith('endpoint '))
      restoreEndpoint(book, key.slice('endpoint '.length) as EndpointId, fields); // written from one
    else if (key.startsWith('cell ')) restoreCell(book, key.slice('cell '.length) as CellKey, fields); // written from one
  }
  book.unsaved.clear();
}

type Fields = Readonly<Record<string, unknown>>;

function restoreEndpoint(book: MovementBook, id: EndpointId, fields: Fields): void {
  const home = book.home(id);
  if (home === undefined) return;
  home.pooled.restore(fields['pooled']);
  home.ramp = rampOf(asFields(fields['ramp']));
  home.dialSeenAt = numberOf(fields['dialSeenAt']) ?? 0;
  home.answers = answersOf(fields['answers']);
  for (const [name, evidence] of Object.entries(asFields(fields['cohorts']) ?? {}).slice(0, MAX_COHORTS)) {
    const pool = newCohortPool();
    pool.evidence.restore(evidence);
    home.cohorts.set(name, pool);
  }
  for (const [name, value] of Object.entries(asFields(fields['classes']) ?? {}).slice(0, MAX_CLASSES + 2)) {
    const clock = asFields(value);
    const since = numberOf(clock?.['since']);
    // What cannot be read begins anew.
    if (since !== undefined) home.classes.set(name, { since, isEmpty: clock?.['isEmpty'] !== false });
  }
}

/** Since when it is saved which cells have traffic; 0: from the beginning, or for ever unknown where nothing was saved at all. */
export function watchedSince(epoch: unknown, now: number): number {
  const fields = asFields(epoch);
  return fields === undefined ? 0 : (numberOf(fields['watchedSince']) ?? now);
}

function restoreCell(book: MovementBook, key: CellKey, fields: Fields): void {
  const record = recordOf(asFields(fields['record']));
  const track = record === undefined ? undefined : book.track(cellOfKey(key));
  if (track === undefined || record === undefined) return;
  book.setRecord(track, record);
  if (asFields(fields['evidence']) !== undefined) {
    book.evidenceOf(track).restore(fields['evidence']);
  }
  track.servedAt = track.servedSavedAt = numberOf(fields['servedAt']) ?? 0;
  book.markAside(track, fields['isAside'] === true);
  const given = asFields(fields['given']);
  track.given = {
    matches: numberOf(given?.['matches']) ?? 0,
    wrong: numberOf(given?.['wrong']) ?? 0,
    failures: failuresOf(given?.['failures']),
    inconclusive: numberOf(given?.['inconclusive']) ?? 0,
    ignored: numberOf(given?.['ignored']) ?? 0,
  };
}

function recordOf(fields: Fields | undefined): CellRecord | undefined {
  const state = CELL_STATES.find((known) => known === fields?.['state']);
  const since = numberOf(fields?.['since']);
  if (fields === undefined || state === undefined || since === undefined) return undefined;
  const proof = proofOf(asFields(fields['proof']));
  const renewBy = numberOf(fields['renewBy']);
  const coolUntil = numberOf(fields['coolUntil']);
  const returnedAt = numberOf(fields['returnedAt']);
  return {
    state,
    since,
    reason: textOf(fields['reason']),
    ...(proof === undefined ? {} : { proof }),
    ...(renewBy === undefined ? {} : { renewBy }),
    ...(coolUntil === undefined ? {} : { coolUntil }),
    closures: numberOf(fields['closures']) ?? 0,
    ...(returnedAt === undefined ? {} : { returnedAt }),
  };
}

/** A proof counts only with all of its parts; its assessment is shown as it was saved. */
function proofOf(fields: Fields | undefined): Proof | undefined {
  const epoch = asFields(fields?.['epoch']);
  const isWhole =
    numberOf(fields?.['at']) !== undefined &&
    fields !== undefined &&
    PROOF_OVER.some((over) => over === fields?.['over']) &&
    typeof epoch?.['candidateVersion'] === 'string' &&
    typeof epoch['rules'] === 'string' &&
    asFields(fields['assessment']) !== undefined &&
    asFields(fields['own']) !== undefined;
  return isWhole ? (fields as unknown as Proof) : undefined; // its parts were looked at
}

function rampOf(fields: Fields | undefined): Ramp | undefined {
  const [step, since, dialPpm] = [
    numberOf(fields?.['step']),
    numberOf(fields?.['since']),
    numberOf(fields?.['dialPpm']),
  ];
  if (fields === undefined || step === undefined || since === undefined || dialPpm === undefined) return undefined;
  const restAt = numberOf(fields['restAt']);
  const falls = numberOf(fields['falls']);
  const returnedAt = numberOf(fields['returnedAt']);
  const scoped = listOf(fields['scoped'], scopedDial);
  const passed = listOf(fields['passed'], passedGate);
  return {
    step,
    since,
    state: fields['state'] === 'held' ? 'held' : 'running',
    reason: textOf(fields['reason']),
    dialPpm,
    ...(scoped === undefined ? {} : { scoped }),
    ...(passed === undefined ? {} : { passed }),
    ...(restAt === undefined ? {} : { restAt }),
    ...(falls === undefined ? {} : { falls }),
    ...(returnedAt === undefined ? {} : { returnedAt }),
  };
}

function scopedDial(fields: Fields): RampDial | undefined {
  const { cohort, tenant } = fields;
  const dialPpm = numberOf(fields['dialPpm']);
  if (dialPpm === undefined) return undefined;
  if (typeof cohort === 'string') return { dialPpm, cohort };
  return typeof tenant === 'string' ? { dialPpm, tenant: tenant as TenantId } : undefined; // written from one
}

function passedGate(fields: Fields): PassedGate | undefined {
  const at = numberOf(fields['at']);
  if (at === undefined || typeof fields['gate'] !== 'string') return undefined;
  return { gate: fields['gate'], at, approvals: listOf(fields['approvals'], approval) ?? [] };
}

function approval(fields: Fields): Approval | undefined {
  const at = numberOf(fields['at']);
  return at === undefined ? undefined : { at, actor: textOf(fields['actor']), reason: textOf(fields['reason']) };
}

/** What is readable of a list; undefined where there is none. */
function listOf<T>(value: unknown, read: (fields: Fields) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((one: unknown) => {
    const fields = asFields(one);
    const item = fields === undefined ? undefined : read(fields);
    return item === undefined ? [] : [item];
  });
}

function asFields(value: unknown): Fields | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : undefined; // checked here
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
