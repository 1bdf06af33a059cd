import type { ClusterDesk } from '../controller/cluster-desk.ts';
import type { Controller } from '../controller/controller.ts';
import type { PurgeDone } from '../controller/handlers.ts';
import type { Ledger } from '../controller/ledger.ts';
import { cellOfKey, type TenantId } from '../core/cell.ts';
import type { JournalEntry, Store } from '../core/ports.ts';
import type { Verifier } from '../verifier/verifier.ts';
import type { Recorder } from './recorder.ts';

export interface PurgeSources {
  readonly store: Pick<Store, 'purge' | 'loadDocuments' | 'saveDocuments' | 'journal'>;
  readonly verifier: Pick<Verifier, 'examplesGone'>;
  readonly recorder: Pick<Recorder, 'flush'>;
  readonly desk: Pick<ClusterDesk, 'forgetTenant'>;
  readonly ledger: Pick<Ledger, 'endpoints'>;
  readonly controller: Pick<Controller, 'state'>;
}

/** Kind of the documents that hold which clusters strike which cell, by cell. */
const STRIKES = 'clusters';
const PAGE = 1_000;
/** Newest journal entries that are looked through for the tenant's name. */
const MOST_ENTRIES = 100_000;

/**
 * Deletes what was kept of a tenant's traffic: in the store, on its way there, in the examples of clusters, and which
 * clusters strike its cells. Says what stays, because evidence, orders and a chained journal cannot lose it.
 */
export async function purgeTenant(tenant: TenantId, sources: PurgeSources): Promise<PurgeDone> {
  const { store, verifier, recorder, desk } = sources;
  desk.forgetTenant(tenant);
  const first = await store.purge(tenant);
  verifier.examplesGone(first.clusters);
  // What waited may bring some of it back, with clusters as they were. A write under way took only what was there before.
  await recorder.flush();
  await recorder.flush();
  const second = await store.purge(tenant);
  verifier.examplesGone(second.clusters);
  const struckCells = await deleteStrikes(tenant, store);
  return {
    mismatches: first.mismatches + second.mismatches,
    recordings: first.recordings + second.recordings,
    struckCells,
    kept: await keptOf(tenant, sources),
  };
}

/** Also those saved under other rules, which no desk has read. */
async function deleteStrikes(tenant: TenantId, store: PurgeSources['store']): Promise<number> {
  const saved = await store.loadDocuments(STRIKES);
  const keys = [...saved.keys()].filter((key) => key.startsWith(`${tenant} `));
  if (keys.length > 0)
    await store.saveDocuments(
      STRIKES,
      keys.map((key) => ({ key, value: undefined })),
    );
  return keys.length;
}

/** What still names the tenant. */
async function keptOf(tenant: TenantId, { ledger, controller, store }: PurgeSources): Promise<PurgeDone['kept']> {
  const { pins, dials, holds, latches, cells } = controller.state;
  const counted = [...ledger.endpoints.values()].flatMap(({ id, cells }) => (cells.has(tenant) ? [id] : []));
  const moved = [...cells].map(([key]) => cellOfKey(key)).filter((cell) => cell.tenant === tenant);
  const orders = [...pins.values(), ...dials.values(), ...holds.values(), ...latches.values()];
  return {
    cells: new Set([...counted, ...moved.map(({ endpoint }) => endpoint)]).size,
    orders: orders.filter(({ scope }) => scope.tenant === tenant).length,
    journalEntries: await journalEntriesOf(tenant, store),
  };
}

async function journalEntriesOf(tenant: TenantId, store: PurgeSources['store']): Promise<number> {
  const names = namesAsWord(tenant);
  let [found, seen] = [0, 0];
  let cursor: string | undefined;
  do {
    const page = await store.journal({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    found += page.items.filter((entry) => names(entry)).length;
    seen += page.items.length;
    cursor = page.next;
  } while (cursor !== undefined && seen < MOST_ENTRIES);
  return found;
}

/** Whether an entry says the name, and not only a longer one that holds it: `acme` is not in `acme.example`. */
function namesAsWord(tenant: TenantId): (entry: JournalEntry) => boolean {
  const name = tenant.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const word = new RegExp(`(?<![\\p{L}\\p{N}_.:-])${name}(?![\\p{L}\\p{N}_:-]|\\.[\\p{L}\\p{N}])`, 'u');
  return ({ scope, reason, evidence }) => word.test(`${scope}\n${reason}\n${JSON.stringify(evidence ?? null)}`);
}
