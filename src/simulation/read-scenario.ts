import { basename, dirname, resolve } from 'node:path';
import type { EndpointName } from '../config/endpoint-name.ts';
import { endpointShape } from '../config/endpoint-name.ts';
import { closestHint } from '../config/fields.ts';
import { readSmallFile, type Surroundings } from '../config/files.ts';
import { schemaFindings, textFindings } from '../config/findings.ts';
import { type ConfigProblem, checkPart, inOrder, problemAt, type Settings } from '../config/load.ts';
import type { Finding, Path } from '../config/problem.ts';
import { memberOf } from '../config/problem.ts';
import { readYaml } from '../config/yaml-source.ts';
import type { TenantId } from '../core/cell.ts';
import { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { endOf, type PlannedEndpoint, type PlantedDifference, type Scenario } from './scenario.ts';
import { EVENT_KINDS, EVENTS, type EventFile, isEventKind } from './scenario-events.ts';
import { type ScenarioFile, scenarioFrame } from './scenario-schema.ts';

export interface ReadOptions extends Surroundings {
  /** How the file is called in problems. */
  readonly file: string;
}

export type ReadScenario =
  | { readonly ok: true; readonly scenario: Scenario }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Largest file. */
export const MAX_SCENARIO_BYTES = 1_048_576;
const BOUNDS = { bytes: MAX_SCENARIO_BYTES, depth: 20, name: 'a scenario file with keys such as duration and traffic' };
/** Requests that one simulation goes through at most: at 50 µs each, the better part of an hour. */
const MAX_REQUESTS = 50_000_000;
/** Cells at most: evidence of each is kept in memory. */
const MAX_CELLS = 1_000_000;

/**
 * The world that a scenario file describes, or everything that is wrong with it at once, in the order of the file.
 * Never throws. The plan is read by the configuration's own code.
 */
export function readScenario(text: string, options: ReadOptions): ReadScenario {
  const source = readYaml(text, BOUNDS);
  const problemOf = (finding: Finding): ConfigProblem =>
    problemAt(options.file, finding, finding.place ?? source.locate(finding.path, finding.part ?? 'value'));
  if (source.data === undefined) return { ok: false, problems: inOrder(source.findings.map(problemOf)) };
  const read = readData(source.data, options);
  const findings = [...source.findings, ...('findings' in read ? read.findings : [])];
  if ('scenario' in read && findings.length === 0) return { ok: true, scenario: read.scenario };
  return { ok: false, problems: inOrder(findings.map(problemOf)) };
}

/**
 * The same from what a YAML file would hold, for whoever makes scenarios; findings have paths and no lines.
 * `plan`: what `planOf` has read of it before, where the same plan comes again and again.
 */
export function readData(
  data: unknown,
  options: ReadOptions,
  plan: ReadPlan = planOf(data, options),
): { scenario: Scenario } | { findings: Finding[] } {
  const events = readEvents(memberOf(data, 'events'));
  const parsed = scenarioFrame.safeParse(data);
  const findings = [
    ...textFindings({ ...(data as object), plan: undefined }), // a mapping: the reader saw to that
    ...(parsed.success ? [] : schemaFindings(scenarioFrame, data)),
    ...events.findings,
    ...plan.findings,
  ];
  if (!parsed.success || plan.settings === undefined || findings.length > 0) return { findings };
  const file = parsed.data;
  const world = new Names(file, plan.settings);
  const scenario = build(file, { world, events: events.events, settings: plan.settings, file: options.file });
  const crossed = [...world.findings, ...crossFindings(scenario)];
  return crossed.length > 0
    ? { findings: crossed }
    : { scenario: { ...scenario, notes: [...plan.notes, ...scenario.notes] } };
}

/** Each event by the rules of its kind: a union of all would tell everybody's problems. */
function readEvents(given: unknown): { readonly events: readonly EventFile[]; readonly findings: readonly Finding[] } {
  if (!Array.isArray(given)) return { events: [], findings: [] };
  const findings: Finding[] = [];
  const events: EventFile[] = [];
  for (const [index, event] of given.entries()) {
    const path: Path = ['events', index];
    const kind = memberOf(event, 'kind');
    if (!isEventKind(kind)) {
      findings.push(kindFinding(path, event, kind));
      continue;
    }
    const parsed = EVENTS[kind].safeParse(event);
    if (parsed.success) events.push(parsed.data);
    else
      findings.push(
        ...schemaFindings(EVENTS[kind], event).map((finding) => ({ ...finding, path: [...path, ...finding.path] })),
      );
    if (memberOf(event, 'for') !== undefined && memberOf(event, 'until') !== undefined)
      findings.push({ path: [...path, 'until'], part: 'key', what: 'is there besides `for`', expected: 'one of both' });
  }
  return { events, findings };
}

function kindFinding(path: Path, event: unknown, kind: unknown): Finding {
  const expected = `one of ${EVENT_KINDS.join(', ')}`;
  if (typeof event !== 'object' || event === null || Array.isArray(event))
    return { path, what: 'is no mapping', expected: 'an event such as {at: 10m, kind: deploy, version: v2}' };
  if (kind === undefined) return { path: [...path, 'kind'], part: 'key', what: 'is missing', expected };
  const hint = closestHint(kind, EVENT_KINDS);
  const what = typeof kind === 'string' ? `is ${JSON.stringify(kind.slice(0, 80))}` : 'is no text';
  return { path: [...path, 'kind'], what, expected, ...(hint === undefined ? {} : { hint }) };
}

/** What a plan comes to. */
export interface ReadPlan {
  readonly settings: Settings | undefined;
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
}

/** Where the plan says neither a dial nor steps, whatever opens moves: a simulation in which nothing may move shows nothing. */
export function planOf(data: unknown, around: Surroundings): ReadPlan {
  const given = memberOf(data, 'plan') ?? {};
  if (typeof given === 'string') return planFile(given, around);
  const inPlan = (finding: Finding): Finding => ({ ...finding, path: ['plan', ...finding.path] });
  return readPlan(given, around, inPlan);
}

/** A plan in a file of its own; what is wrong with it is told with its lines. */
function planFile(name: string, { env, baseDir }: Surroundings): ReadPlan {
  const path = resolve(baseDir, name);
  const refused = (findings: readonly Finding[]): ReadPlan => ({ settings: undefined, findings, notes: [] });
  const text = readSmallFile(path, MAX_SCENARIO_BYTES);
  if ('problem' in text) {
    const expected = 'a file such as cutover.yaml, or what it would hold';
    return refused([{ path: ['plan'], what: `names a file that ${text.problem}`, expected }]);
  }
  const source = readYaml(text.value);
  const inFile = (finding: Finding): Finding => {
    const place = finding.place ?? source.locate(finding.path, finding.part ?? 'value');
    return { ...finding, place, file: finding.file ?? name };
  };
  if (source.data === undefined || source.findings.length > 0) return refused(source.findings.map(inFile));
  return readPlan(source.data, { env, baseDir: dirname(path) }, inFile);
}

function readPlan(given: unknown, around: Surroundings, placed: (finding: Finding) => Finding): ReadPlan {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return { settings: undefined, findings: [], notes: [] };
  const part = given as Readonly<Record<string, unknown>>; // a mapping, looked at by the configuration's code
  const isSilent = !movesSomething(part);
  const defaults = memberOf(part, 'defaults');
  const isMapping = typeof defaults === 'object' && defaults !== null && !Array.isArray(defaults);
  const whole =
    isSilent && (defaults === undefined || isMapping)
      ? { ...part, defaults: { ...(defaults ?? {}), dial: '100%' } }
      : part;
  const checked = checkPart(whole, around);
  if ('findings' in checked) return { settings: undefined, findings: checked.findings.map(placed), notes: [] };
  const notes = isSilent ? ['The plan names neither a dial nor steps: what opens moves wholly (dial 100%).'] : [];
  return { settings: checked.settings, findings: [], notes };
}

function movesSomething(plan: Readonly<Record<string, unknown>>): boolean {
  const defaults = plan['defaults'];
  const endpoints = plan['endpoints'];
  const all = [defaults, ...(Array.isArray(endpoints) ? (endpoints as unknown[]) : [])];
  return all.some((one) => memberOf(one, 'dial') !== undefined || memberOf(one, 'steps') !== undefined);
}

interface Parts {
  readonly world: Names;
  readonly events: readonly EventFile[];
  readonly settings: Settings;
  readonly file: string;
}

function build(file: ScenarioFile, { world, events, settings, file: path }: Parts): Scenario {
  const { traffic, control, candidate } = file;
  const late = events.filter(({ at }) => at > file.duration).length;
  return {
    name: file.name ?? basename(path).replace(/\.ya?ml$/, ''),
    durationMs: file.duration,
    proxies: file.proxies,
    storeLatencyMs: file.storeLatency,
    traffic: {
      perSecond: traffic.rps,
      daily: traffic.daily,
      peakAt: traffic.peakAt,
      tenants: world.tenants,
      zipf: traffic.zipf,
      subjects: traffic.subjects,
      requests: traffic.requests,
      endpoints: world.endpoints,
    },
    control: {
      version: control.version,
      errorRate: control.errorRate,
      latency: control.latencyMs,
      noise: control.noise,
    },
    candidate: {
      version: candidate.version,
      errorRate: candidate.errorRate,
      latency: candidate.latencyMs,
      differences: candidate.differences.map((one, index) => world.difference(one, index)),
    },
    events: events.map((event, index) => world.event(event, index)).toSorted((one, other) => one.at - other.at),
    settings,
    notes: late === 0 ? [] : [`${late} ${late === 1 ? 'event comes' : 'events come'} after the end.`],
  };
}

/** The names of a file: what is called by a name that is not there is found here. */
class Names {
  readonly tenants: readonly TenantId[];
  readonly endpoints: readonly PlannedEndpoint[];
  readonly findings: Finding[] = [];
  readonly #catalog: EndpointCatalog;
  readonly #tenantIndex: ReadonlyMap<string, number>;
  readonly #endpointIndex: ReadonlyMap<string, number>;

  readonly #proxies: number;

  constructor({ traffic, proxies }: ScenarioFile, settings: Settings) {
    this.#proxies = proxies;
    this.#catalog = new EndpointCatalog({ listed: [...settings.endpoints, ...settings.templates], maxFound: 10_000 });
    this.tenants =
      typeof traffic.tenants === 'number'
        ? Array.from({ length: traffic.tenants }, (_, at) => `t${at + 1}` as TenantId) // as identification would name it
        : traffic.tenants;
    this.#tenantIndex = new Map(this.tenants.map((tenant, at) => [tenant, at]));
    this.endpoints = traffic.endpoints.map((given, index) => {
      if ('id' in given) return this.#planned(given, 1);
      const path: Path = ['traffic', 'endpoints', index];
      const name = given.endpoint ?? given.match;
      if (name === undefined || (given.endpoint !== undefined && given.match !== undefined)) {
        this.findings.push({ path, what: 'names its endpoint not once', expected: 'endpoint, or match' });
      }
      return this.#planned(name ?? { id: 'GET /', method: 'GET', template: '/' }, given.weight);
    });
    this.#endpointIndex = new Map(this.endpoints.map(({ id }, at) => [id, at]));
    this.#twice(this.tenants, ['traffic', 'tenants']);
    this.#twice(
      this.endpoints.map(({ id }) => id),
      ['traffic', 'endpoints'],
    );
  }

  #twice(names: readonly string[], path: Path): void {
    const seen = new Set<string>();
    for (const [index, one] of names.entries()) {
      if (seen.has(one))
        this.findings.push({
          path: [...path, index],
          what: `is ${one}, which is there already`,
          expected: 'each once',
        });
      seen.add(one);
    }
  }

  /** Under the name that the plan gives it, where it lists it. */
  #planned(
    name: Pick<EndpointName, 'id' | 'method' | 'template'> | { id: string; method: string; template: string },
    weight: number,
  ): PlannedEndpoint {
    const method = name.method === '*' ? 'GET' : name.method;
    const sample = name.template.replace(/\{[^}]*\}/g, '1');
    const found = this.#catalog.match(method, sample);
    const isListed = found.origin === 'listed';
    return {
      id: isListed ? found.endpoint : (`${method} ${name.template}` as PlannedEndpoint['id']), // the form of the catalogue
      method,
      origin: isListed ? 'listed' : 'found',
      weight,
    };
  }

  endpoint(name: EndpointName, path: Path): number | undefined {
    const id = this.#planned(name, 1).id;
    const at =
      this.#endpointIndex.get(id) ??
      this.endpoints.findIndex((one) => endpointShape(shapeOf(one)) === endpointShape(name));
    if (at >= 0) return at;
    const hint = closestHint(
      name.id,
      this.endpoints.map((one) => one.id),
    );
    const what = `is ${name.id}, which gets no traffic`;
    this.findings.push({
      path,
      what,
      expected: 'an endpoint of `traffic.endpoints`',
      ...(hint === undefined ? {} : { hint }),
    });
    return undefined;
  }

  tenant(name: TenantId, path: Path): number | undefined {
    const at = this.#tenantIndex.get(name);
    if (at !== undefined) return at;
    const hint = this.tenants.length > 1_000 ? undefined : closestHint(name, this.tenants);
    const what = `is ${name}, who sends nothing`;
    this.findings.push({
      path,
      what,
      expected: 'a tenant of `traffic.tenants`',
      ...(hint === undefined ? {} : { hint }),
    });
    return undefined;
  }

  difference(given: ScenarioFile['candidate']['differences'][number], index: number): PlantedDifference {
    const path: Path = ['candidate', 'differences', index];
    const all = (length: number): number[] => Array.from({ length }, (_, at) => at);
    const isSet = (at: number | undefined): at is number => at !== undefined;
    const { endpoint, tenants, from, until = Number.POSITIVE_INFINITY } = given;
    if (until <= from)
      this.findings.push({ path: [...path, 'until'], what: 'is not after `from`', expected: 'a later moment' });
    const endpoints = endpoint?.map((one) => this.endpoint(one, [...path, 'endpoint'])).filter(isSet);
    const who =
      typeof tenants === 'number'
        ? all(Math.min(tenants, this.tenants.length))
        : tenants?.map((one) => this.tenant(one, [...path, 'tenants'])).filter(isSet);
    return {
      name: given.name ?? `difference ${index + 1}`,
      endpoints: endpoints ?? all(this.endpoints.length),
      tenants: who ?? all(this.tenants.length),
      share: given.share,
      from,
      until,
      version: given.version,
    };
  }

  /** Names its endpoint as the traffic does. */
  event(event: EventFile, index: number): EventFile {
    const path: Path = ['events', index];
    if (endOf(event) <= event.at)
      this.findings.push({ path, what: 'ends before it begins', expected: 'a later moment' });
    if ('proxy' in event && event.proxy > this.#proxies) {
      const what = `is ${event.proxy}, and there ${this.#proxies === 1 ? 'is' : 'are'} ${this.#proxies}`;
      this.findings.push({ path: [...path, 'proxy'], what, expected: 'a proxy that is there; see `proxies`' });
    }
    if ('tenant' in event && event.tenant !== undefined) this.tenant(event.tenant, [...path, 'tenant']);
    if (!('endpoint' in event) || event.endpoint === undefined) return event;
    const at = this.endpoint(event.endpoint, [...path, 'endpoint']);
    const id = at === undefined ? undefined : this.endpoints[at]?.id;
    return id === undefined ? event : { ...event, endpoint: { ...event.endpoint, id } };
  }
}

function shapeOf({ id }: PlannedEndpoint): { readonly method: string; readonly template: string } {
  const space = id.indexOf(' ');
  return { method: id.slice(0, space), template: id.slice(space + 1) };
}

function crossFindings({ traffic, durationMs, events }: Scenario): Finding[] {
  const findings: Finding[] = [];
  const requests = (traffic.perSecond * busyMs(durationMs, events)) / 1_000;
  if (requests > MAX_REQUESTS) {
    const what = `makes ${requests < 1e15 ? Math.ceil(requests / 1e6) : 'very many'} million requests in all`;
    findings.push({
      path: ['traffic', 'rps'],
      what,
      expected: `at most ${MAX_REQUESTS / 1e6} million, events of traffic counted: a shorter time, or fewer`,
    });
  }
  if (traffic.tenants.length * traffic.endpoints.length > MAX_CELLS)
    findings.push({
      path: ['traffic', 'tenants'],
      what: 'makes more than a million cells',
      expected: 'fewer tenants or endpoints',
    });
  return findings;
}

/** How long it would take at the usual rate to make all requests: events of traffic multiply it, and each other. */
function busyMs(durationMs: number, events: readonly EventFile[]): number {
  const turns = events
    .flatMap((event) =>
      event.kind === 'traffic'
        ? [
            { at: event.at, by: Math.log(event.factor) },
            { at: endOf(event), by: -Math.log(event.factor) },
          ]
        : [],
    )
    .filter(({ at }) => at < durationMs)
    .toSorted((one, other) => one.at - other.at);
  let [sum, since, power] = [0, 0, 0];
  for (const { at, by } of [...turns, { at: durationMs, by: 0 }]) {
    if (at > since) sum += (at - since) * Math.exp(power); // a rate beyond all bounds, for no time, is none
    since = at;
    power += by;
  }
  return sum;
}
