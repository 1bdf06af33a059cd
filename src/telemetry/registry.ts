/**
 * A small metrics registry: counters, gauges and histograms with fixed buckets, written in the Prometheus text
 * format 0.0.4. Children are bound once per set of label values, so that counting is an addition and allocates nothing.
 */

/** Values of a label: a fixed list, or `open` ones (endpoint names), which are bounded by the registry. */
export type LabelValues = readonly string[] | 'open';

export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence: what is counted, in which unit. */
  readonly help: string;
  readonly unit: 'requests' | 'seconds' | 'ratio' | 'bytes' | 'count' | 'boolean';
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Upper bounds, ascending, without +Inf; for histograms. */
  readonly buckets?: readonly number[];
}

/** What stands for a label value that came after the bound was reached, or that is not in the label's list. */
export const OTHER = '_other';

/** Sets of label values of one metric; a scrape stays below a few megabytes. */
const DEFAULT_MAX_CHILDREN = 5_000;
/** Distinct values of one open label; the endpoint catalogue is bounded below this by default. */
const DEFAULT_MAX_OPEN_VALUES = 500;
/** Longer label values are cut: an endpoint template is at most 512 characters. */
const MAX_LABEL_LENGTH = 512;

export interface RegistryLimits {
  readonly maxChildren?: number;
  readonly maxOpenValues?: number;
}

/** One number that goes up, or (a gauge) is set. */
export class ValueChild {
  value = 0;
  inc(by = 1): void {
    this.value += by;
  }
  set(value: number): void {
    this.value = value;
  }
}

/** Counts of values by bucket, their sum and how many they are. */
export class HistogramChild {
  readonly bounds: readonly number[];
  /** One more than the bounds: the last holds what is above all of them. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Anything that is not a number of at least 0 is not counted: a clock that went back must not spoil the sum. */
  observe(value: number): void {
    if (!(value >= 0)) return;
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] ?? 0)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }
}

/** One metric with its children. */
export class Metric<Child extends ValueChild | HistogramChild> {
  readonly definition: MetricDefinition;
  readonly #make: () => Child;
  readonly #limits: Required<RegistryLimits>;
  readonly #children = new Map<string, { readonly values: readonly string[]; readonly child: Child }>();
  readonly #open = new Map<string, Set<string>>();

  constructor(definition: MetricDefinition, limits: Required<RegistryLimits>, make: () => Child) {
    this.definition = definition;
    this.#limits = limits;
    this.#make = make;
    // A metric without labels is there from the start, as 0: an alert on its absence means something then.
    if (Object.keys(definition.labels).length === 0) this.labels({});
  }

  /** The child of these label values; the same object each time. Call once and keep it where it is counted often. */
  labels(values: Readonly<Record<string, string>>): Child {
    const entries = Object.entries(this.definition.labels);
    const own = entries.map(([name, allowed]) => this.#bounded(name, allowed, values[name] ?? ''));
    const found = this.#children.get(own.join('\0'));
    if (found !== undefined) return found.child;
    const isFull = this.#children.size >= this.#limits.maxChildren;
    const kept = isFull ? entries.map(([, allowed], index) => (allowed === 'open' ? OTHER : (own[index] ?? ''))) : own;
    const key = kept.join('\0');
    const present = this.#children.get(key);
    if (present !== undefined) return present.child;
    const child = this.#make();
    this.#children.set(key, { values: kept, child });
    return child;
  }

  #bounded(name: string, allowed: LabelValues, value: string): string {
    if (allowed !== 'open') return allowed.includes(value) ? value : OTHER;
    const cut = value.slice(0, MAX_LABEL_LENGTH);
    let seen = this.#open.get(name);
    if (seen === undefined) {
      seen = new Set();
      this.#open.set(name, seen);
    }
    if (seen.has(cut)) return cut;
    if (seen.size >= this.#limits.maxOpenValues) return OTHER;
    seen.add(cut);
    return cut;
  }

  /** Forgets all children; for gauges that are filled anew at each scrape. */
  reset(): void {
    this.#children.clear();
    this.#open.clear();
  }

  render(lines: string[]): void {
    const { name, type, help, labels } = this.definition;
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    const names = Object.keys(labels);
    for (const { values, child } of this.#children.values()) {
      const pairs = names.map((label, index) => `${label}="${escapeLabel(values[index] ?? '')}"`);
      if (child instanceof ValueChild) lines.push(`${name}${braces(pairs)} ${formatNumber(child.value)}`);
      else renderHistogram(lines, name, { pairs, child });
    }
  }
}

function renderHistogram(lines: string[], name: string, series: { pairs: string[]; child: HistogramChild }): void {
  const { pairs, child } = series;
  let cumulative = 0;
  for (const [index, bound] of child.bounds.entries()) {
    cumulative += child.counts[index] ?? 0;
    lines.push(`${name}_bucket${braces([...pairs, `le="${formatNumber(bound)}"`])} ${cumulative}`);
  }
  cumulative += child.counts[child.bounds.length] ?? 0;
  lines.push(
    `${name}_bucket${braces([...pairs, 'le="+Inf"'])} ${cumulative}`,
    `${name}_sum${braces(pairs)} ${formatNumber(child.sum)}`,
    `${name}_count${braces(pairs)} ${cumulative}`,
  );
}

function braces(pairs: readonly string[]): string {
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** Text format 0.0.4: backslash and line feed in help texts, and the double quote in label values too. */
function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

/** All metrics of one process. */
export class Registry {
  readonly #limits: Required<RegistryLimits>;
  readonly #metrics = new Map<string, Metric<ValueChild | HistogramChild>>();
  readonly #collectors: (() => void)[] = [];

  constructor(limits: RegistryLimits = {}) {
    this.#limits = {
      maxChildren: limits.maxChildren ?? DEFAULT_MAX_CHILDREN,
      maxOpenValues: limits.maxOpenValues ?? DEFAULT_MAX_OPEN_VALUES,
    };
  }

  /** A counter or gauge. Each name is registered once. */
  value(definition: MetricDefinition): Metric<ValueChild> {
    return this.#add(new Metric(definition, this.#limits, () => new ValueChild()));
  }

  histogram(definition: MetricDefinition): Metric<HistogramChild> {
    const bounds = definition.buckets ?? [];
    return this.#add(new Metric(definition, this.#limits, () => new HistogramChild(bounds)));
  }

  #add<Child extends ValueChild | HistogramChild>(metric: Metric<Child>): Metric<Child> {
    const { name } = metric.definition;
    if (this.#metrics.has(name)) throw new Error(`The metric ${name} is registered twice.`);
    this.#metrics.set(name, metric);
    return metric;
  }

  /** Calls `collect` before each scrape, to set gauges that nobody pushes. */
  onScrape(collect: () => void): void {
    this.#collectors.push(collect);
  }

  /** Everything in the text format 0.0.4 (`text/plain; version=0.0.4; charset=utf-8`), with a line feed at the end. */
  render(): string {
    for (const collect of this.#collectors) collect();
    const lines: string[] = [];
    for (const metric of this.#metrics.values()) metric.render(lines);
    return `${lines.join('\n')}\n`;
  }
}
