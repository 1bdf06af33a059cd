import type { TenantId } from '../core/cell.ts';
import type { Store } from '../core/ports.ts';
import type { Verifier } from '../verifier/verifier.ts';
import type { Recorder } from './recorder.ts';

export interface PurgeSources {
  readonly store: Pick<Store, 'purge'>;
  readonly verifier: Pick<Verifier, 'examplesGone'>;
  readonly recorder: Pick<Recorder, 'flush'>;
}

/** Deletes what was kept of a tenant's traffic: in the store, on its way there, and in the examples of clusters. */
export async function purgeTenant(
  tenant: TenantId,
  { store, verifier, recorder }: PurgeSources,
): Promise<{ readonly mismatches: number; readonly recordings: number }> {
  const first = await store.purge(tenant);
  verifier.examplesGone(first.clusters);
  // What waited may bring some of it back, with clusters as they were. A write under way took only what was there before.
  await recorder.flush();
  await recorder.flush();
  const second = await store.purge(tenant);
  verifier.examplesGone(second.clusters);
  return { mismatches: first.mismatches + second.mismatches, recordings: first.recordings + second.recordings };
}
