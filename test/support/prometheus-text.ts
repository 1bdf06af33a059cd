/** One sample line of the Prometheus text format. */
export interface PrometheusSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface PrometheusFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly PrometheusSample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/;
const VALUE = /^(?:[+-]?Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;

/**
 * Parses an exposition strictly by the text of the format 0.0.4 and throws on the first line that breaks it:
 * HELP and TYPE before the samples, once per metric; samples of one metric together; no sample twice;
 * histograms cumulative, with +Inf equal to the count; a line feed at the end.
 */
export function parsePrometheusText(text: string): ReadonlyMap<string, PrometheusFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed');
  const families = new Map<string, PrometheusFamily & { samples: PrometheusSample[] }>();
  const seen = new Set<string>();
  let present: (PrometheusFamily & { samples: PrometheusSample[] }) | undefined;
  let help: { name: string; text: string } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line.startsWith('# HELP ')) {
      const name = NAME.exec(line.slice(7))?.[0] ?? fail(line);
      help = { name, text: unescaped(line.slice(8 + name.length), false) };
    } else if (line.startsWith('# TYPE ')) {
      const [name = '', type = ''] = line.slice(7).split(' ');
      if (help?.name !== name || families.has(name)) fail(line);
      if (!['counter', 'gauge', 'histogram'].includes(type)) fail(line);
      present = { name, help: help?.text ?? '', type, samples: [] };
      families.set(name, present);
    } else {
      const sample = parseSample(line);
      const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (present === undefined || !belongs(sample.name, present) || seen.has(key)) fail(line);
      seen.add(key);
      present?.samples.push(sample);
    }
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

function fail(line: string): never {
  throw new Error(`not in the text format: ${line}`);
}

function belongs(sample: string, family: PrometheusFamily): boolean {
  if (family.type !== 'histogram') return sample === family.name;
  return ['_bucket', '_sum', '_count'].some((suffix) => sample === family.name + suffix);
}

function parseSample(line: string): PrometheusSample {
  const name = NAME.exec(line)?.[0] ?? fail(line);
  let rest = line.slice(name.length);
  const labels: Record<string, string> = {};
  if (rest.startsWith('{')) {
    rest = rest.slice(1);
    while (!rest.startsWith('}')) {
      const label = LABEL.exec(rest)?.[0] ?? fail(line);
      const quoted = /^="((?:[^"\\\n]|\\["\\n])*)"/.exec(rest.slice(label.length)) ?? fail(line);
      if (label in labels) fail(line);
      labels[label] = unescaped(quoted[1] ?? '', true);
      rest = rest.slice(label.length + quoted[0].length);
      if (rest.startsWith(',')) rest = rest.slice(1);
      else if (!rest.startsWith('}')) fail(line);
    }
    rest = rest.slice(1);
  }
  const value = rest.slice(1);
  if (!rest.startsWith(' ') || !VALUE.test(value)) fail(line);
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function unescaped(text: string, quotes: boolean): string {
  return text.replace(/\\(.)/g, (whole, escaped: string) => {
    if (escaped === 'n') return '\n';
    if (escaped === '\\' || (quotes && escaped === '"')) return escaped;
    throw new Error(`unknown escape ${whole}`);
  });
}

function checkHistogram(family: PrometheusFamily): void {
  const series = new Map<string, { last: number; bound: number; inf?: number }>();
  for (const { name, labels, value } of family.samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    const so = series.get(key) ?? { last: 0, bound: Number.NEGATIVE_INFINITY };
    series.set(key, so);
    if (name.endsWith('_bucket')) {
      const bound = Number((le ?? fail(name)).replace('Inf', 'Infinity'));
      if (value < so.last || bound <= so.bound) fail(`${name} ${key}: buckets do not grow`);
      Object.assign(so, { last: value, bound, ...(bound === Number.POSITIVE_INFINITY ? { inf: value } : {}) });
    } else if (name.endsWith('_count') && value !== so.inf) fail(`${name} ${key}: the count is not the last bucket`);
  }
}
