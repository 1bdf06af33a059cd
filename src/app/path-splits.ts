import type { Ledger } from '../controller/ledger.ts';
import type { EndpointCatalog } from '../core/endpoint-catalog.ts';

/** Templates looked through at once: some 3 ms of the loop that serves at most. */
const AT_ONCE = 100;

/**
 * Gives endpoints what was counted of their paths while these belonged to a template. Called when paths may have become
 * endpoints of their own: a plan lists them, or a name stands out among values. Works in steps, so that serving goes on.
 *
 * @param within Only templates whose ids begin so.
 */
export async function splitPaths(ledger: Ledger, catalog: Pick<EndpointCatalog, 'match'>, within = ''): Promise<void> {
  const templates = [...ledger.frequentPaths()].filter(({ template }) => template.startsWith(within));
  for (const [index, { template, paths }] of templates.entries()) {
    if (index > 0 && index % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    const method = template.slice(0, template.indexOf(' '));
    for (const path of paths) {
      const { endpoint, origin } = catalog.match(method, path);
      if (endpoint !== template && origin !== 'unknown') ledger.splitEndpoint(template, path, endpoint, origin);
    }
  }
}
