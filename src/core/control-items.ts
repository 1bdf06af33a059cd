import type { Canary } from './canary.ts';
import type { CellKey, CellState, EndpointId, Side, TenantId } from './cell.ts';
import { CELL_STATES, SIDES } from './cell.ts';
import { CellStates } from './cell-states.ts';
import { CLUSTER_STATES, type ClusterMark } from './cluster/mark.ts';
import type { Announced, ControlState, DialOrder, HeldLatch } from './control-model.ts';
import { CutoverError } from './errors.ts';
import type { FreezeOrder } from './freeze.ts';
import type { Approval, GateRecord } from './gate.ts';
import { PLAN_SOURCES, type PlanMark } from './plan/plan-mark.ts';
import type { Latch, Pin, Scope } from './routing.ts';
import { PPM } from './routing.ts';
import { scopeKey } from './scope.ts';

/** What `control-model.ts` keeps in the store, read back and checked. Keys: `revision`, `latch:`, `pin:`, `dial:`, `cell:`, `hold:`, `version:`, `cluster:`, `gate:`, `retired:`, `freeze:`, `canary`, `plan`. */
export function readItems(items: ReadonlyMap<string, unknown>): Omit<ControlState, 'base' | 'stale'> {
  const latches = new Map<string, HeldLatch>();
  const pins = new Map<string, Pin>();
  const dials = new Map<string, DialOrder>();
  const cells: [CellKey, CellState][] = [];
  const holds = new Map<string, Latch>();
  const versions = new Map<Side, Announced>();
  const marks = new Map<string, ClusterMark>();
  const gates = new Map<EndpointId, GateRecord>();
  const retired = new Map<EndpointId, Approval>();
  const freezes = new Map<string, FreezeOrder>();
  for (const [key, value] of items) {
    const name = key.slice(key.indexOf(':') + 1);
    if (key.startsWith('latch:')) latches.set(name, readLatch(name, at(key, value)));
    else if (key.startsWith('pin:')) pins.set(name, readPin(at(key, value)));
    else if (key.startsWith('dial:')) dials.set(name, readDial(name, at(key, value)));
    else if (key.startsWith('hold:')) holds.set(name, readLatch(name, at(key, value)));
    else if (key.startsWith('version:')) versions.set(readSide(key, name), readVersion(at(key, value)));
    else if (key.startsWith('cluster:')) marks.set(name, readMark(at(key, value)));
    else if (key.startsWith('gate:'))
      gates.set(name as EndpointId, readGate(at(key, value))); // written from one
    else if (key.startsWith('retired:'))
      retired.set(name as EndpointId, readOrder(at(key, value))); // written from one
    else if (key.startsWith('freeze:')) freezes.set(name, readFreeze(at(key, value)));
    else if (key.startsWith('cell:')) cells.push([name as CellKey, readCell(key, value)]); // written from a CellKey
  }
  const known = items.get('revision');
  const { revision, madeAt } = known === undefined ? { revision: 0, madeAt: 0 } : readRevision(at('revision', known));
  const mark = items.get('plan');
  const plan = mark === undefined ? undefined : readPlan(at('plan', mark));
  const kept = items.get('canary');
  const canary = kept === undefined ? undefined : readCanary(at('canary', kept));
  return {
    revision,
    madeAt,
    plan,
    canary,
    latches,
    pins,
    dials,
    cells: CellStates.of(cells),
    holds,
    versions,
    marks,
    gates,
    retired,
    freezes,
  };
}

/** A stored value with the place it came from, so that an error can name it. */
interface Item {
  readonly key: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function at(key: string, value: unknown): Item {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw corrupt(key, 'is not an object');
  return { key, fields: value as Record<string, unknown> }; // a plain object: only read, each field checked
}

function readRevision(item: Item): { revision: number; madeAt: number } {
  return { revision: wholeNumber(item, 'revision'), madeAt: number(item, 'madeAt') };
}

function readPlan(item: Item): PlanMark {
  const from = PLAN_SOURCES.find((known) => known === item.fields['from']);
  if (from === undefined) throw corrupt(item.key, 'does not say where the plan came from');
  const mark = {
    revision: wholeNumber(item, 'revision'),
    hash: text(item, 'hash'),
    from,
    fileHash: text(item, 'fileHash'),
    ...readOrder(item),
  };
  return item.fields['of'] === undefined ? mark : { ...mark, of: wholeNumber(item, 'of') };
}

function readLatch(name: string, item: Item): HeldLatch {
  const latch = { scope: readScope(item, name), ...readOrder(item) };
  const { members } = item.fields;
  if (members === undefined) return latch;
  if (!Array.isArray(members) || !members.every((member) => typeof member === 'string')) {
    throw corrupt(item.key, 'has members that are not names');
  }
  return { ...latch, members: members as TenantId[] }; // written from tenants
}

function readPin(item: Item): Pin {
  const { side, until } = item.fields;
  if (!SIDES.includes(side as Side)) throw corrupt(item.key, 'names no side');
  const pin = { scope: readScope(item), side: side as Side, ...readOrder(item) }; // checked on the line above
  return until === undefined ? pin : { ...pin, until: number(item, 'until') };
}

function readDial(name: string, item: Item): DialOrder {
  const dialPpm = wholeNumber(item, 'dialPpm');
  const configPpm = item.fields.configPpm === null ? null : wholeNumber(item, 'configPpm');
  if (dialPpm > PPM) throw corrupt(item.key, `has a dial of ${dialPpm}`);
  return { scope: readScope(item, name), dialPpm, configPpm, ...readOrder(item) };
}

function readSide(key: string, name: string): Side {
  const side = SIDES.find((known) => known === name);
  if (side === undefined) throw corrupt(key, 'names no side');
  return side;
}

function readVersion(item: Item): Announced {
  const version = { version: text(item, 'version'), ...readOrder(item) };
  return item.fields['polled'] === undefined ? version : { ...version, polled: text(item, 'polled') };
}

function readMark(item: Item): ClusterMark {
  const state = CLUSTER_STATES.find((known) => known === item.fields['state']);
  if (state === undefined) throw corrupt(item.key, 'is no state of a cluster');
  const { owner, note, until, endpoints, counts, stillIn } = item.fields;
  const isList = Array.isArray(endpoints) && endpoints.every((one) => typeof one === 'string');
  if (endpoints !== undefined && !isList) throw corrupt(item.key, 'has endpoints that are not names');
  return {
    state,
    ...readOrder(item),
    ...(owner === undefined ? {} : { owner: text(item, 'owner') }),
    ...(note === undefined ? {} : { note: text(item, 'note') }),
    ...(until === undefined ? {} : { until: number(item, 'until') }),
    ...(isList ? { endpoints: endpoints as EndpointId[] } : {}), // written from endpoints
    ...(counts === true ? { counts } : {}),
    ...(stillIn === undefined ? {} : { stillIn: text(item, 'stillIn') }),
  };
}

function readGate(item: Item): GateRecord {
  const { approvals } = item.fields;
  if (!Array.isArray(approvals)) throw corrupt(item.key, 'has no list of approvals');
  return {
    gate: text(item, 'gate'),
    since: number(item, 'since'),
    approvals: approvals.map((one) => readOrder(at(item.key, one))),
  };
}

function readFreeze(item: Item): FreezeOrder {
  const { kind } = item.fields;
  if (kind !== 'freeze' && kind !== 'thaw') throw corrupt(item.key, 'neither freezes nor thaws');
  return { kind, until: number(item, 'until'), ...readOrder(item) };
}

function readCanary(item: Item): Canary {
  const { state } = item.fields;
  if (state !== 'running' && state !== 'failed') throw corrupt(item.key, 'neither runs nor has failed');
  return {
    version: text(item, 'version'),
    sharePpm: wholeNumber(item, 'sharePpm'),
    durationMs: number(item, 'durationMs'),
    requests: wholeNumber(item, 'requests'),
    state,
    ...readOrder(item),
  };
}

function readCell(key: string, value: unknown): CellState {
  const state = CELL_STATES.find((known) => known === value);
  if (state === undefined || !key.includes(' ')) throw corrupt(key, 'is no state of a cell');
  return state;
}

function readOrder(item: Item): { at: number; actor: string; reason: string } {
  return { at: number(item, 'at'), actor: text(item, 'actor'), reason: text(item, 'reason') };
}

function readScope(item: Item, name?: string): Scope {
  const { scope } = item.fields;
  const { fields } = at(`${item.key} (scope)`, scope);
  const known: Record<string, string> = {};
  for (const part of ['tenant', 'endpoint', 'cohort']) {
    if (fields[part] !== undefined) known[part] = text({ key: item.key, fields }, part);
  }
  const read = known as { tenant?: TenantId; endpoint?: EndpointId; cohort?: string }; // written from a Scope
  if (name !== undefined && scopeKey(read) !== name) throw corrupt(item.key, 'holds another scope than its key says');
  return read;
}

function text(item: Item, field: string): string {
  const value = item.fields[field];
  if (typeof value !== 'string') throw corrupt(item.key, `has no text in ${field}`);
  return value;
}

function number(item: Item, field: string): number {
  const value = item.fields[field];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw corrupt(item.key, `has no number in ${field}`);
  return value;
}

function wholeNumber(item: Item, field: string): number {
  const value = number(item, field);
  if (!Number.isSafeInteger(value) || value < 0) throw corrupt(item.key, `has ${value} in ${field}`);
  return value;
}

function corrupt(key: string, what: string): CutoverError {
  return new CutoverError('STORE_CORRUPT', `The stored item ${key} ${what}.`, {
    hint: 'Restore the state folder from a copy, or move it away to begin anew; the journal tells what was in force.',
  });
}
