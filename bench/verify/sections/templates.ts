import { EndpointCatalog } from '../../../src/core/endpoint-catalog.ts';
import { type ApiTemplate, apiTemplates, kindsOf, pathOf, WORDS, word } from '../corpus/api-templates.ts';
import { Random } from '../random.ts';
import { type BenchSection, percent, type Row, type SectionOptions, type Table } from '../section.ts';

const MAX_FOUND = 2_000;
const MEMORY_MIB = 50;
/** Share of a template's requests that must be under one endpoint for it to count as found. */
const WHOLE = 0.95;

/** How well endpoints are found from paths alone, and what hostile paths cost. */
export const templates: BenchSection = {
  name: 'templates',
  run({ seed, quick, progress }: SectionOptions) {
    const all = apiTemplates();
    progress(`${all.length} templates`);
    const learned = learn(all, { seed, requests: 100_000 });
    const score = scoreOf(learned, () => true);
    const slugs = scoreOf(learned, (template) => kindsOf(template).some((kind) => WORDS.has(kind)));
    progress('hostile paths');
    const hostile = hostilePaths(seed, quick ? 100_000 : 1_000_000);
    const rows: Row[] = [
      {
        figure: 'templates of the API; requests, each with values of its own',
        value: `${all.length}; ${learned.requests.length}`,
      },
      { figure: 'templates found, F1', value: score.f1.toFixed(4), target: '≥ 0.98', met: score.f1 >= 0.98 },
      { figure: 'precision; recall', value: `${score.precision.toFixed(4)}; ${score.recall.toFixed(4)}` },
      {
        figure: 'those with values that look like words, F1',
        value: slugs.f1.toFixed(4),
        target: '≥ 0.95',
        met: slugs.f1 >= 0.95,
      },
      {
        figure: 'requests that were called by their last name, merges followed, when they came',
        value: percent(learned.steady, learned.requests.length),
      },
      {
        figure: 'requests whose count is under no endpoint or under two, merges followed',
        value: String(learned.lost),
        target: '0',
        met: learned.lost === 0,
      },
      {
        figure: `endpoints after ${hostile.paths} hostile paths`,
        value: String(hostile.endpoints),
        target: `≤ ${MAX_FOUND}`,
        met: hostile.endpoints <= MAX_FOUND,
      },
      {
        figure: 'heap they take, after collection',
        value: hostile.memory,
        target: `≤ ${MEMORY_MIB} MiB`,
        ...(hostile.isMet === undefined ? {} : { met: hostile.isMet }),
      },
      {
        figure: 'hostile paths a second of processor time; slowest single one',
        value: `${Math.round(hostile.perSecond)}; ${hostile.slowestMs.toFixed(1)} ms`,
      },
    ];
    return Promise.resolve({
      title: 'Endpoints found live',
      rows,
      tables: [missedTable(learned), mixedTable(learned)],
    });
  },
};

interface Learned {
  readonly templates: readonly ApiTemplate[];
  /** What each request was made from and what it is called in the end. */
  readonly requests: readonly { readonly template: ApiTemplate; readonly endpoint: string }[];
  readonly found: readonly string[];
  readonly steady: number;
  readonly lost: number;
}

/** Sends requests, popular templates more often, and asks once more what each is called when all have come. */
function learn(templates: readonly ApiTemplate[], { seed, requests }: { seed: number; requests: number }): Learned {
  const random = new Random('templates', seed);
  const counts = new Map<string, number>();
  const names = new Map<string, string>();
  const catalog = new EndpointCatalog({
    listed: [],
    maxFound: MAX_FOUND,
    onMerge: (from, into) => {
      for (const old of from) {
        names.set(old, into);
        counts.set(into, (counts.get(into) ?? 0) + (counts.get(old) ?? 0));
        counts.delete(old);
      }
    },
  });
  const order = random.shuffled(templates);
  const weights = order.map((_, rank) => 1 / (rank + 20));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const sent = Array.from({ length: requests }, () => {
    const template = order[pickWeighted(weights, random.next() * total)] as ApiTemplate; // an index of the same list
    const path = pathOf(template, random);
    const { endpoint } = catalog.match(template.method, path);
    names.delete(endpoint); // a name that was merged away may come again
    counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
    return { template, path, endpoint: endpoint as string };
  });
  const last = (name: string): string => {
    let at = name;
    for (let hop = names.get(at); hop !== undefined && hop !== at; hop = names.get(at)) at = hop;
    return at;
  };
  const told = sent.map(({ template, path, endpoint }) => {
    const now = catalog.match(template.method, path).endpoint as string;
    return { template, endpoint: now, wasSteady: last(endpoint) === now };
  });
  const kept = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const known = new Set<string>(catalog.found());
  const homeless = [...counts].filter(([name]) => !known.has(name)).reduce((sum, [, count]) => sum + count, 0);
  return {
    templates,
    requests: told,
    found: catalog.found(),
    steady: told.filter(({ wasSteady }) => wasSteady).length,
    lost: Math.abs(requests - kept) + homeless,
  };
}

function pickWeighted(weights: readonly number[], at: number): number {
  let left = at;
  for (const [i, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return i;
  }
  return weights.length - 1;
}

interface Score {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/**
 * Of templates, not of requests: an endpoint is right when all its requests are of one template and they are at least 95 % of
 * that template's. Precision counts the endpoints that are right, recall the templates that have a right one.
 */
function scoreOf(learned: Learned, isCounted: (template: ApiTemplate) => boolean): Score {
  const { found, templates } = grouped(learned);
  const endpoints = [...found.values()].filter((of) => [...of.keys()].some(isCounted));
  const wanted = [...templates].filter(([template]) => isCounted(template));
  const right = wanted.filter(([, of]) => isFound(of, found)).length;
  const precision = right / Math.max(1, endpoints.length);
  const recall = right / Math.max(1, wanted.length);
  return { precision, recall, f1: (2 * precision * recall) / Math.max(1e-9, precision + recall) };
}

type Counts<K> = ReadonlyMap<K, number>;

function grouped({ requests }: Learned) {
  const found = new Map<string, Map<ApiTemplate, number>>();
  const templates = new Map<ApiTemplate, Map<string, number>>();
  for (const { template, endpoint } of requests) {
    count(found, endpoint, template);
    count(templates, template, endpoint);
  }
  return { found, templates };
}

function count<A, B>(table: Map<A, Map<B, number>>, row: A, column: B): void {
  const counts = table.get(row) ?? new Map<B, number>();
  table.set(row, counts);
  counts.set(column, (counts.get(column) ?? 0) + 1);
}

function isFound(of: Counts<string>, found: ReadonlyMap<string, Counts<ApiTemplate>>): boolean {
  const all = [...of.values()].reduce((sum, n) => sum + n, 0);
  return [...of].some(([endpoint, n]) => n >= WHOLE * all && found.get(endpoint)?.size === 1);
}

const MOST_SHOWN = 40;

function missedTable(learned: Learned): Table {
  const { found, templates } = grouped(learned);
  const rows = [...templates]
    .filter(([, of]) => !isFound(of, found))
    .map(([{ method, template }, of]) => {
      const names = [...of].sort(([, a], [, b]) => b - a);
      const shown = names.slice(0, 4).map(([name, n]) => `${name} (${n})`);
      return [`${method} ${template}`, String(names.length), shown.join(', ')];
    });
  return {
    title: `Templates that were not found (${rows.length})`,
    columns: ['template', 'names', 'the most frequent'],
    rows: rows.slice(0, MOST_SHOWN),
  };
}

/** Endpoints that are not right: of several templates, or of a part of one. */
function mixedTable(learned: Learned): Table {
  const { found, templates } = grouped(learned);
  const right = new Set(
    [...templates].flatMap(([, of]) => {
      const [most] = [...of].sort(([, a], [, b]) => b - a);
      return most !== undefined && isFound(of, found) ? [most[0]] : [];
    }),
  );
  const rows = [...found]
    .filter(([endpoint]) => !right.has(endpoint))
    .map(([endpoint, of]) => [endpoint, [...of].map(([{ template }, n]) => `${template} (${n})`).join(', ')]);
  return {
    title: `Endpoints that are not right (${rows.length})`,
    columns: ['endpoint', 'made of'],
    rows: rows.slice(0, MOST_SHOWN),
  };
}

/** Paths that nobody serves: random, deep, long, percent-encoded, files, ids of every shape, half of them again and again new. */
function hostilePaths(seed: number, paths: number) {
  const random = new Random('hostile', seed);
  const collect = (globalThis as { gc?: () => void }).gc;
  collect?.();
  const before = process.memoryUsage().heapUsed;
  const catalog = new EndpointCatalog({ listed: [], maxFound: MAX_FOUND });
  let [slowestMs, spent, endpoints] = [0, 0, 0];
  for (let i = 0; i < paths; i++) {
    const [method, path] = [random.pick(['GET', 'GET', 'POST', 'PUT', 'DELETE']), hostilePath(random)];
    // The thread's own time: others run on the machine as well.
    const start = process.threadCpuUsage();
    catalog.match(method, path);
    const { user, system } = process.threadCpuUsage(start);
    const took = (user + system) / 1_000;
    spent += took;
    slowestMs = Math.max(slowestMs, took);
    if (i % 10_000 === 0) endpoints = Math.max(endpoints, catalog.found().length);
  }
  collect?.();
  const mebibytes = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  endpoints = Math.max(endpoints, catalog.found().length);
  return {
    paths,
    endpoints,
    memory: collect === undefined ? 'not measured: needs --expose-gc' : `${mebibytes.toFixed(1)} MiB`,
    isMet: collect === undefined ? undefined : mebibytes <= MEMORY_MIB,
    perSecond: (paths / spent) * 1_000,
    slowestMs,
  };
}

const PRINTABLE = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&()*+,=:@';

function hostilePath(random: Random): string {
  const depth = random.chance(0.05) ? random.integer(20, 40) : random.integer(1, 6);
  let path = '';
  for (let i = 0; i < depth; i++) path += `/${hostileSegment(random)}`;
  return random.chance(0.1) ? `${path}.${random.pick(['css', 'php', 'html', 'jpg'])}` : path;
}

function hostileSegment(random: Random): string {
  const shape = random.next();
  if (shape < 0.4) return word(random);
  if (shape < 0.6) return `${word(random)}-${word(random)}`;
  if (shape < 0.75) return random.text(PRINTABLE, random.integer(1, 64));
  if (shape < 0.8) return random.text('a1', random.integer(60, 200));
  if (shape < 0.9) return encodeURIComponent(String.fromCodePoint(random.integer(0xa1, 0xd7ff))) + word(random);
  return random.text('0123456789abcdef', random.integer(1, 40));
}
