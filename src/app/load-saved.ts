import type { EndpointId, Side } from '../core/cell.ts';
import { isCutoverError } from '../core/errors.ts';
import type { Log, Store } from '../core/ports.ts';
import { everyCluster } from './create-clusters.ts';

/**
 * What earlier runs left in the store; nothing where it is in trouble: it is counted and learned anew then.
 * The store adds what is counted to what it has, so nothing stored is lost by that.
 */
export async function loadSaved(store: Store, log: Log, keysSince: number) {
  try {
    const [counts, clusters, strikes, noise, catalog, keys] = await Promise.all([
      store.loadCounts(),
      everyCluster(store),
      store.loadDocuments('clusters'),
      store.loadDocuments('noise'),
      store.loadDocuments('catalog'),
      store.loadKeys(keysSince),
    ]);
    // Documents of this kind are saved under the endpoint they belong to.
    const learned = noise as ReadonlyMap<EndpointId, unknown>;
    return { counts, clusters, strikes, noise: learned, catalog: catalog.get('endpoints'), keys };
  } catch (error) {
    if (!isCutoverError(error)) throw error;
    log.error('store.unread', { code: error.code, message: error.message });
    const noise = new Map<EndpointId, unknown>();
    return {
      counts: [],
      clusters: [],
      strikes: new Map<string, unknown>(),
      noise,
      catalog: undefined,
      keys: new Map<string, Side>(),
    };
  }
}
