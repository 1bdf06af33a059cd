import { join, resolve } from 'node:path';
import type { EndpointId, Side, TenantId } from '../core/cell.ts';
import { SIDES } from '../core/cell.ts';
import type { ForceList } from '../core/routing.ts';
import { PPM } from '../core/routing.ts';
import type { Rule } from '../core/rule.ts';
import type { Burst } from '../core/tripwire.ts';
import { endpointShape } from './endpoint-name.ts';
import type { Fetched, Surroundings } from './files.ts';
import { fetchSecret } from './files.ts';
import type { Target } from './network.ts';
import { isPrivate } from './network.ts';
import { fetchNotify, type NotifyOutside } from './notify-checks.ts';
import { fetchOpenapi, NO_TEMPLATES, type OpenapiTemplates } from './openapi-templates.ts';
import { fetchPeople, signedSteps } from './people.ts';
import type { Finding } from './problem.ts';
import type { ConfigFile, RuleFile, SideFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';
import type {
  EndpointSettings,
  NotifyTarget,
  Person,
  Settings,
  SideSettings,
  VersionPollSettings,
} from './settings.ts';
import { fetchStoreUrl } from './store-url.ts';
import {
  buildServerTls,
  buildUpstreamTls,
  fetchServerTls,
  fetchUpstreamTls,
  type ServerTlsOutside,
  type UpstreamTlsOutside,
} from './tls-files.ts';

/** What lies outside the file. */
export interface Outside {
  readonly tokenSecret: string | undefined;
  readonly tls: Readonly<Record<Side, UpstreamTlsOutside>>;
  readonly serverTls: ServerTlsOutside;
  readonly openapi: OpenapiTemplates;
  readonly notify: readonly NotifyOutside[];
  readonly storeUrl: string | undefined;
  readonly people: readonly Person[];
}

/** Follows every reference; all that lead nowhere are found at once. */
export function fetchOutside(file: Salvaged<ConfigFile>, around: Surroundings): Outside & { findings: Finding[] } {
  const findings: Finding[] = [];
  const take = <T>(fetched: Fetched<T>): T | undefined => {
    if ('value' in fetched) return fetched.value;
    findings.push(fetched.finding);
    return undefined;
  };
  const tls = {
    control: fetchUpstreamTls(file, 'control', around),
    candidate: fetchUpstreamTls(file, 'candidate', around),
  };
  const serverTls = fetchServerTls(file, around);
  const reference = file.trust?.tokenSecret;
  // A reference is salvaged as a whole or not at all: its schema has a transform.
  const secret = reference as ConfigFile['trust']['tokenSecret'];
  const openapi = file.openapi === undefined ? NO_TEMPLATES : fetchOpenapi(file.openapi, ['openapi'], around);
  const notify = fetchNotify(file, around);
  const { people, findings: unfit } = fetchPeople(file, around);
  findings.push(
    ...openapi.findings,
    ...notify.findings,
    ...unfit,
    ...serverTls.findings,
    ...tls.control.findings,
    ...tls.candidate.findings,
  );
  return {
    openapi,
    notify: notify.targets,
    people,
    storeUrl: take(fetchStoreUrl(file, around)),
    tokenSecret: secret === undefined ? undefined : take(fetchSecret(secret, ['trust', 'tokenSecret'], around)),
    tls,
    serverTls,
    findings,
  };
}

/** The settings a file without problems makes. */
export function buildSettings(file: ConfigFile, outside: Outside, around: Surroundings): Settings {
  const dir = resolve(around.baseDir, file.store.dir);
  const listed = new Set(file.endpoints.map(({ match }) => endpointShape(match)));
  const tokenFile =
    file.api.tokenFile === undefined ? join(dir, 'api-token') : resolve(around.baseDir, file.api.tokenFile);
  return {
    listen: file.listen,
    ...(file.tls === undefined ? {} : { tls: buildServerTls(file.tls, outside.serverTls) }),
    api: {
      listen: file.api.listen,
      tokenFile,
      hosts: file.api.hosts,
      ...(outside.people.length === 0 ? {} : { people: outside.people }),
    },
    sides: {
      control: buildSide('control', file.control, outside),
      candidate: { ...buildSide('candidate', file.candidate, outside), ...buildBreaker(file) },
    },
    identity: file.identity,
    ...(file.sessions === undefined ? {} : { ownSessions: file.sessions.own }),
    trust: { networks: file.trust.networks, proxyProtocol: file.trust.proxyProtocol, tokenSecret: outside.tokenSecret },
    force: buildForce(file),
    cohorts: file.cohorts,
    defaults: {
      dialPpm: file.defaults.dial,
      maxPpm: file.defaults.max,
      proof: file.defaults.proof,
      mirrorPpm: file.defaults.mirror,
      steps: signedSteps(file.defaults.steps ?? [], outside.people),
      dwellMs: file.defaults.dwell,
    },
    endpoints: file.endpoints.map((endpoint) => {
      const built = buildEndpoint(endpoint, file.defaults);
      return { ...built, steps: signedSteps(built.steps, outside.people) };
    }),
    templates: outside.openapi.templates.filter((name) => !listed.has(endpointShape(name))),
    ...buildMovement(file),
    ...buildVerification(file),
    redact: { ...file.redact, names: [...file.redact.names, ...credentialHeaders(file)] },
    proxy: { fastLane: file.proxy.fastLane },
    limits: {
      headBytes: file.limits.head,
      headerCount: file.limits.headers,
      targetBytes: file.limits.target,
      headTimeoutMs: file.limits.headTimeout,
      bodyIdleTimeoutMs: file.limits.bodyIdleTimeout,
      keepAliveTimeoutMs: file.limits.keepAliveTimeout,
      connections: file.limits.connections,
      endpoints: file.limits.endpoints,
      cells: file.limits.cells,
    },
    drain: { timeoutMs: file.drain.timeout },
    store: {
      dir,
      ...(outside.storeUrl === undefined ? {} : { url: outside.storeUrl }),
      maxAgeMs: file.store.maxAge,
      maxBytes: file.store.maxSize,
    },
    notify: buildNotify(file, outside),
    log: file.log,
    tableMaxAgeMs: file.tableMaxAge,
  };
}

function buildSide(name: Side, side: SideFile, outside: Outside): SideSettings {
  const targets: readonly Target[] = side.url === undefined ? (side.targets ?? []) : [side.url];
  return {
    targets: targets.map((target) => target.url),
    hostHeader: side.hostHeader,
    ...buildCredentials(side.credentials ?? defaultCredentials(name, targets)),
    connectTimeoutMs: side.connectTimeout,
    firstByteTimeoutMs: side.firstByteTimeout,
    idleTimeoutMs: side.idleTimeout,
    maxConnections: side.maxConnections,
    tls: buildUpstreamTls(side.tls, outside.tls[name]),
    health: {
      path: side.health.path,
      intervalMs: side.health.interval,
      timeoutMs: side.health.timeout,
      unhealthyAfter: side.health.unhealthyAfter,
      healthyAfter: side.health.healthyAfter,
    },
    versionHeader: side.versionHeader,
    ...(side.version === undefined ? {} : { version: buildVersionPoll(side.version) }),
  };
}

function buildBreaker({ candidate: { breaker } }: ConfigFile): Pick<SideSettings, 'breaker'> {
  if (breaker === 'off') return {};
  const { errorTimeout, halfOpenTimeout, ...counts } = breaker;
  return { breaker: { ...counts, errorTimeoutMs: errorTimeout, halfOpenTimeoutMs: halfOpenTimeout } };
}

function buildVersionPoll({ path, every, pointer }: NonNullable<SideFile['version']>): VersionPollSettings {
  return { path, everyMs: every, ...(pointer === undefined ? {} : { pointer }) };
}

function buildCredentials(
  given: NonNullable<SideFile['credentials']>,
): Pick<SideSettings, 'credentials' | 'credentialMap'> {
  if (typeof given === 'string') return { credentials: given, credentialMap: [] };
  return { credentials: 'map', credentialMap: given.map };
}

/** Headers that the file calls credentials, or reads tokens from, are secrets wherever an exchange is stored; the values of cookies always are. */
function credentialHeaders({ candidate: { credentials }, sessions, identity }: ConfigFile): string[] {
  const tokens = [...identity.tenant, ...identity.subject].flatMap((source) =>
    source.from === 'claim' && source.header !== undefined ? [source.header.toLowerCase()] : [],
  );
  const mapped = typeof credentials === 'object' ? credentials.map.map(({ from }) => from) : [];
  const named = [...mapped, ...(sessions?.own ?? [])].flatMap(({ kind, name }) => (kind === 'header' ? [name] : []));
  return [...new Set([...named, ...tokens.filter((name) => name !== 'authorization')])];
}

/** The control gets them already. The candidate gets them only where nobody else can be listening. */
function defaultCredentials(name: Side, targets: readonly Target[]): 'forward' | 'strip' {
  return name === 'control' || targets.every((target) => isPrivate(target.host)) ? 'forward' : 'strip';
}

function buildForce(file: ConfigFile): Readonly<Record<Side, ForceList>> {
  const listOf = (side: Side): ForceList => {
    const { tenants, cohorts, endpoints } = file.force[side];
    const members = cohorts.flatMap((cohort): readonly TenantId[] => file.cohorts[cohort] ?? []);
    const ids = endpoints.map((endpoint): EndpointId => endpoint.id);
    return { tenants: [...new Set([...tenants, ...members])], endpoints: [...new Set(ids)] };
  };
  return { control: listOf(SIDES[0]), candidate: listOf(SIDES[1]) };
}

function buildEndpoint(endpoint: ConfigFile['endpoints'][number], defaults: ConfigFile['defaults']): EndpointSettings {
  return {
    method: endpoint.match.method,
    template: endpoint.match.template,
    dialPpm: endpoint.dial,
    maxPpm: endpoint.max ?? defaults.max,
    proof: endpoint.proof ?? defaults.proof,
    writes: endpoint.writes,
    acts: endpoint.acts,
    ...(endpoint.mirrorWrites ? { mirrorWrites: true } : {}),
    sharedValidators: endpoint.validators === 'shared',
    journey: endpoint.journey,
    mirrorPpm: endpoint.mirror ?? defaults.mirror,
    steps: endpoint.steps ?? defaults.steps ?? [],
    retired: endpoint.retired,
  };
}

function buildMovement(
  file: ConfigFile,
): Pick<Settings, 'evidence' | 'canary' | 'classes' | 'protectedTenants' | 'freezes' | 'locked' | 'tripwires'> {
  const { evidence, tripwires } = file;
  const { candidateFailures, hardDown, reverseMismatch, latency, limits } = tripwires;
  return {
    evidence: {
      cellLimit: evidence.cellLimit / PPM,
      pooledLimit: evidence.pooledLimit / PPM,
      confidence: evidence.confidence / PPM,
      ownMatches: evidence.ownMatches,
      minRequests: evidence.minRequests,
      minTenants: evidence.minTenants,
      ...(evidence.cohorts.length === 0
        ? {}
        : { cohorts: evidence.cohorts.map((name) => ({ name, tenants: file.cohorts[name] ?? [] })) }),
      statusShare: evidence.statusShare / PPM,
      minSpanMs: evidence.minSpan,
      maxInconclusive: evidence.maxInconclusive / PPM,
      staleAfterMs: evidence.staleAfter,
      renewWithinMs: evidence.renewWithin,
      coolDownMs: evidence.coolDown,
      returnIntervalMs: evidence.returnInterval,
      retries: evidence.retries,
      falseAlarm: evidence.falseAlarm / PPM,
      ...(evidence.power === undefined ? {} : { power: evidence.power / PPM }),
    },
    ...buildClasses(file),
    protectedTenants: file.protected,
    freezes: file.freezes,
    ...buildCanary(file),
    ...(file.locked.length === 0 ? {} : { locked: file.locked }),
    tripwires: {
      candidateFailures: candidateFailures === 'off' ? undefined : inMs(candidateFailures),
      hardDown: hardDown === 'off' ? undefined : hardDown,
      reverseMismatch: reverseMismatch === 'off' ? undefined : inMs(reverseMismatch),
      ...(latency === 'off'
        ? {}
        : { latency: { count: latency.count, warmUpMs: latency.warmUp, action: latency.action } }),
      ...(limits === 'off'
        ? {}
        : {
            limits: {
              errorRate: limits.errorRate === undefined ? undefined : limits.errorRate / PPM,
              p99Ms: limits.p99,
              withinMs: limits.within,
            },
          }),
    },
  };
}

function buildCanary({ canary }: ConfigFile): Pick<Settings, 'canary'> {
  if (canary === 'off') return {};
  const { share, duration, analysis } = canary;
  return { canary: { sharePpm: share, durationMs: duration, requests: analysis.requests } };
}

function buildClasses({ classes, cohorts: known }: ConfigFile): Pick<Settings, 'classes'> {
  if (classes.length === 0) return {};
  return {
    classes: classes.map(({ name, cohorts = [], tenants = [], others, dwell, open }) => {
      const named = [...new Set([...tenants, ...cohorts.flatMap((cohort) => known[cohort] ?? [])])];
      return { name, ...(others ? {} : { tenants: named }), dwellMs: dwell, leastOpen: open / PPM };
    }),
  };
}

function inMs({ count, within }: { readonly count: number; readonly within: number }): Burst {
  return { count, withinMs: within };
}

function buildVerification({ mirror, compare, control, candidate }: ConfigFile): Pick<Settings, 'mirror' | 'compare'> {
  return {
    mirror: {
      perSecond: mirror.perSecond,
      concurrency: mirror.concurrency,
      timeoutMs: mirror.timeout,
      maxBodyBytes: mirror.maxBody,
      maxMemoryBytes: mirror.maxMemory,
      repeatPpm: mirror.repeats.share,
      repeatsPerSecond: mirror.repeats.perSecond,
      acts: mirror.acts,
    },
    compare: {
      rules: compare.rules.map(buildRule),
      headers: compare.headers,
      keyOrder: compare.keyOrder,
      ...(compare.htmlComments === 'compare' ? { htmlComments: true } : {}),
      ...(compare.slowerThan === undefined
        ? {}
        : { slowerThan: { factor: compare.slowerThan.factor, byMs: compare.slowerThan.by } }),
      hosts: { control: ownHosts(control), candidate: ownHosts(candidate) },
      workers: compare.workers,
      queueLength: compare.queue,
      timeoutMs: compare.timeout,
      maxDecodedBytes: compare.maxDecoded,
      confirm: compare.confirm,
    },
  };
}

function buildNotify({ notify }: ConfigFile, outside: Outside): NotifyTarget[] {
  return notify.map(({ name, format, on }, index) => {
    const { url = '', secret } = outside.notify[index] ?? {};
    // Where the address could not be had there was a finding, and nothing is built.
    return { name, url, format, on: [...new Set(on)], secret };
  });
}

/** What a side may call itself in links: the names of its targets, where it is asked under them. */
function ownHosts(side: SideFile): string[] {
  if (side.hostHeader !== 'upstream') return [];
  const targets: readonly Target[] = side.url === undefined ? (side.targets ?? []) : [side.url];
  // A Unix socket has none.
  return targets.map(({ url }) => new URL(url).host.toLowerCase()).filter((host) => host !== '');
}

function buildRule(rule: RuleFile): Rule {
  const base = {
    name: rule.name,
    reason: rule.reason,
    ...(rule.endpoint === undefined ? {} : { endpoint: rule.endpoint.id }),
  };
  if (rule.normalise !== undefined) return { ...base, kind: 'normalise', ...rule.normalise };
  if (rule.unordered !== undefined) return { ...base, kind: 'unordered', ...rule.unordered };
  if (rule.tolerance !== undefined) return { ...base, kind: 'tolerance', ...rule.tolerance };
  return {
    ...base,
    kind: 'ignore',
    // The checks have made sure that exactly one kind is given, so the fourth is left.
    path: rule.ignore ?? '',
    counts: rule.counts,
    ...(rule.owner === undefined ? {} : { owner: rule.owner }),
    ...(rule.until === undefined ? {} : { until: rule.until }),
  };
}
