import type { EndpointId, Side, TenantId } from './cell.ts';

/** Requests of one path under a template, of one tenant. */
export interface PathCounts {
  readonly tenant: TenantId;
  readonly served: Readonly<Record<Side, number>>;
}

/** Paths told apart under one template. */
const MAX_PATHS = 16;
/** Tenants told apart under one path. */
const MAX_TENANTS = 64;
/** Counts in all: with paths of 40 characters some 6 MiB. */
const MAX_COUNTS = 40_000;
/** Longer paths are not told apart. */
const MAX_PATH_CHARS = 256;

interface Kept {
  /** At least how often it came, and at most so much more as the least frequent one had when it came in its place. */
  weight: number;
  /** What was counted since it is kept: never more than came. */
  readonly counts: Map<TenantId, Record<Side, number>>;
}

/**
 * What came under templates by path, as far as paths are frequent: so that a path which turns out to be an endpoint of its
 * own gets what was counted of it. In memory only, for paths may name people.
 *
 * Space saving (Metwally, Agrawal, El Abbadi 2005): a new path takes the place of the least frequent one and its weight, so
 * that whatever makes up more than a sixteenth of a template's requests is kept. What is told of a path was counted while it
 * was kept, which is a lower bound: the rest stays with the template.
 */
export class TemplateSketch {
  readonly #templates = new Map<EndpointId, Map<string, Kept>>();
  #counts = 0;

  /** Templates of which something is known. */
  get templates(): readonly EndpointId[] {
    return [...this.#templates.keys()];
  }

  paths(template: EndpointId): readonly string[] {
    return [...(this.#templates.get(template)?.keys() ?? [])];
  }

  add(template: EndpointId, path: string, tenant: TenantId, side: Side): void {
    const counts = this.#countsOf(template, path, { tenant, weight: 1 });
    if (counts !== undefined) counts[side] += 1;
  }

  /** An endpoint became part of a template: what was counted under its path. */
  addAll(template: EndpointId, path: string, { tenant, served }: PathCounts): void {
    const counts = this.#countsOf(template, path, { tenant, weight: served.control + served.candidate });
    if (counts === undefined) return;
    counts.control += served.control;
    counts.candidate += served.candidate;
  }

  /** One template became part of another. */
  merge(from: EndpointId, into: EndpointId): void {
    if (from === into) return;
    for (const path of this.paths(from)) for (const counts of this.take(from, path)) this.addAll(into, path, counts);
  }

  /** What is known of a path, which is then forgotten here. */
  take(template: EndpointId, path: string): readonly PathCounts[] {
    const kept = this.#templates.get(template);
    const found = kept?.get(path);
    if (kept === undefined || found === undefined) return [];
    this.#drop(kept, path, found);
    if (kept.size === 0) this.#templates.delete(template);
    return [...found.counts].map(([tenant, served]) => ({ tenant, served }));
  }

  #countsOf(
    template: EndpointId,
    path: string,
    { tenant, weight }: { readonly tenant: TenantId; readonly weight: number },
  ): Record<Side, number> | undefined {
    if (path.length > MAX_PATH_CHARS) return undefined;
    let kept = this.#templates.get(template);
    if (kept === undefined) {
      kept = new Map();
      this.#templates.set(template, kept);
    }
    const found = kept.get(path) ?? this.#open(kept, path);
    found.weight += weight;
    const known = found.counts.get(tenant);
    if (known !== undefined) return known;
    if (found.counts.size >= MAX_TENANTS || this.#counts >= MAX_COUNTS) return undefined;
    const counts = { control: 0, candidate: 0 };
    found.counts.set(tenant, counts);
    this.#counts += 1;
    return counts;
  }

  #open(kept: Map<string, Kept>, path: string): Kept {
    let weight = 0;
    if (kept.size >= MAX_PATHS) {
      const [rarest, least] = [...kept].reduce((a, b) => (b[1].weight < a[1].weight ? b : a));
      this.#drop(kept, rarest, least);
      weight = least.weight;
    }
    const made: Kept = { weight, counts: new Map() };
    kept.set(path, made);
    return made;
  }

  #drop(kept: Map<string, Kept>, path: string, { counts }: Kept): void {
    kept.delete(path);
    this.#counts -= counts.size;
  }
}

/** A path that belongs to a found endpoint without values, as a client may send it: ids hold characters decoded. */
export function pathOfId(id: EndpointId): string {
  return id.slice(id.indexOf(' ') + 1).replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}
