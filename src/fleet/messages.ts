import type { OpenBreaker } from '../core/breaker.ts';
import type { Cell, EndpointId, Side } from '../core/cell.ts';
import type { WrittenCells } from '../core/cell-states.ts';
import type { NoisePath, ServedRecord, UnverifiedReason, VerifiedExchange } from '../core/ports.ts';
import type { Latch, TableData } from '../core/routing.ts';
import type { Needs } from '../core/spending/need-book.ts';
import type { TableDelta } from '../core/table-delta.ts';

/*
 * What the members of a fleet and its controllers tell each other: one JSON object a line, both ways, over one connection
 * that a member opens by an HTTP upgrade. All of one version: members of another one are refused with a sentence.
 */

export const PROTOCOL = 'cutover-fleet/1';
export const LINK_PATH = '/fleet/v1/link';
export const TABLE_PATH = '/fleet/v1/table';
/** How often either end says that it is there, and after how long a silent one is taken for gone. */
export const ALIVE_MS = 500;
export const SILENT_MS = 3_000;
/** Longest line: a table with a million cells has some 60 MB, a report far less. */
export const MAX_LINE_BYTES = 256 * 1_024 * 1_024;

export interface Hello {
  readonly t: 'hello';
  /** How people call it; two of one name are told apart by `id`. */
  readonly name: string;
  /** Of this process. */
  readonly id: string;
  readonly role: 'proxy';
  readonly version: string;
  readonly startedAt: number;
  /** Address of its own door, for a rollback where no controller can be reached. */
  readonly door: string;
  readonly term: number;
  readonly revision: number;
}

export interface Alive {
  readonly t: 'alive';
  readonly term: number;
  readonly revision: number;
  /** Served records and comparisons that wait to be told, and those lost for good since it started. */
  readonly waiting: number;
  readonly lost: number;
  readonly outstanding: Readonly<Record<Side, number>>;
  /** By which plan it goes, and why not by that of the fleet; empty: it does. */
  readonly plan: PlanStanding;
  /** Longest lifetime that caches may give to answers of the candidate, seconds. */
  readonly cachedForSeconds: number;
  /** Its breakers that are not closed, at most 20; absent: none is. */
  readonly breakers?: readonly OpenBreaker[];
}

/** A plan as the leader has it in force. */
export interface ToldPlan {
  /** SHA-256 of its text as somebody wrote it; the text told may lack addresses that only a controller needs. */
  readonly hash: string;
  readonly text: string;
}

export interface PlanStanding {
  readonly hash: string;
  readonly trouble: string;
}

/** The member obeys a table; with what is in flight at that moment, which no table takes back. */
export interface Ack {
  readonly t: 'ack';
  readonly term: number;
  readonly revision: number;
  readonly outstanding: Readonly<Record<Side, number>>;
}

/** What was served and compared. Told again under the same number until it is taken. */
export interface Report {
  readonly t: 'report';
  readonly number: number;
  readonly served: readonly ServedRecord[];
  readonly verified: readonly VerifiedExchange[];
  readonly unverified: readonly (readonly [Cell, UnverifiedReason])[];
  readonly merged: readonly (readonly [readonly EndpointId[], EndpointId])[];
  readonly noise: readonly LearnedNoise[];
}

export interface LearnedNoise {
  readonly endpoint: EndpointId;
  readonly paths: readonly NoisePath[];
  readonly snapshot: unknown;
}

export interface KeyAsked {
  readonly hash: string;
  readonly side: Side;
  readonly at: number;
}

/** From a member to a controller. */
export type Up =
  | Hello
  | Alive
  | Report
  | Ack
  /** A rollback that the member took without a controller. */
  | { readonly t: 'latch'; readonly latch: Latch }
  | { readonly t: 'keys'; readonly number: number; readonly keys: readonly KeyAsked[] }
  /** The delta did not fit: the whole table is needed. */
  | { readonly t: 'whole' }
  | { readonly t: 'bye' };

/** A table as JSON: its cells are written by endpoint. */
export type WrittenTable = Omit<TableData, 'cells'> & { readonly cells: WrittenCells };

/** Whose a table is. */
interface OfLeader {
  readonly term: number;
  readonly began: number;
  /** Hash of the plan that belongs to it; empty: the leader was started without one. */
  readonly plan: string;
  /** Latches of it that the leader's store does not have yet, by `scopeKey`; told as `latched` once it has. */
  readonly unstored: readonly string[];
}

/** From a controller to a member. */
export type Down =
  /** `run` names the controller's process and leadership: reports that another one has not taken may have been counted. */
  | { readonly t: 'welcome'; readonly run: string; readonly leads: boolean; readonly term: number }
  | { readonly t: 'alive'; readonly run: string; readonly leads: boolean; readonly term: number }
  /** Comes into force with the table that names it. */
  | ({ readonly t: 'plan' } & ToldPlan)
  | ({ readonly t: 'table'; readonly table: WrittenTable } & OfLeader)
  | ({ readonly t: 'delta'; readonly delta: TableDelta } & OfLeader)
  | { readonly t: 'needs'; readonly needs: Needs }
  | { readonly t: 'taken'; readonly number: number }
  | { readonly t: 'keys'; readonly number: number; readonly sides: readonly Side[] | null }
  /** By `scopeKey`. */
  | { readonly t: 'latched'; readonly key: string };

export function writtenTable(table: TableData): WrittenTable {
  return { ...table, cells: table.cells.toJSON() };
}
