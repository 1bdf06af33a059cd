import type { Side } from '../core/cell.ts';
import { SIDES } from '../core/cell.ts';
import { breakerFindings } from './breaker-checks.ts';
import { credentialFindings } from './credential-checks.ts';
import type { EndpointName } from './endpoint-name.ts';
import { endpointShape, parseEndpoint } from './endpoint-name.ts';
import { closestHint } from './fields.ts';
import { movementFindings } from './movement-checks.ts';
import { listedShapes, otherNameFindings } from './named-endpoint.ts';
import type { Target } from './network.ts';
import { isLoopback, reaches, sameHost } from './network.ts';
import { notifyFindings } from './notify-checks.ts';
import { peopleFindings } from './people.ts';
import type { Finding, Path } from './problem.ts';
import { memberOf } from './problem.ts';
import { ruleFindings, slownessFindings } from './rule-checks.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';
import { proxyProtocolFindings } from './tls-files.ts';
import { formatShare } from './units.ts';

type File = Salvaged<ConfigFile>;
type SideFile = NonNullable<File['candidate']>;

/**
 * What is wrong between fields. Works on what is right by itself, so that every problem is found in one round.
 * @param data The file as written: only there a wrong value and an absent one are told apart.
 */
export function crossFindings(file: File, data: unknown, described: readonly EndpointName[]): Finding[] {
  return [
    ...targetFindings(data),
    ...sideFindings(file),
    ...credentialFindings(data),
    ...loopFindings(file),
    ...apiFindings(file),
    ...peopleFindings(file),
    ...dialFindings(file, data),
    ...duplicateEndpointFindings(file),
    ...journeyFindings(file, data),
    ...mirrorWritesFindings(file),
    ...forceFindings(file, described),
    ...lockFindings(file, data, described),
    ...movementFindings(file),
    ...ruleFindings(file, data, described),
    ...slownessFindings(file),
    ...notifyFindings(file),
    ...breakerFindings(file),
    ...proxyProtocolFindings(file),
  ];
}

/** Targets with their places; a target that is wrong by itself is left out. */
function targetsOf(side: SideFile | undefined, name: Side): { readonly target: Target; readonly path: Path }[] {
  const found: { target: Target; path: Path }[] = [];
  if (side?.url !== undefined) found.push({ target: side.url, path: [name, 'url'] });
  for (const [index, target] of (side?.targets ?? []).entries()) {
    if (target !== undefined) found.push({ target, path: [name, 'targets', index] });
  }
  return found;
}

function isSame(a: Target, b: Target): boolean {
  return a.url === b.url || (a.port !== 0 && a.port === b.port && sameHost(a.host, b.host));
}

function sideFindings(file: File): Finding[] {
  const findings: Finding[] = [];
  const control = targetsOf(file.control, 'control');
  for (const { target, path } of targetsOf(file.candidate, 'candidate')) {
    const twin = control.find((other) => isSame(other.target, target));
    if (twin === undefined) continue;
    findings.push({
      path,
      what: `is ${target.url}, which is also a target of the control`,
      expected: 'another server than the control',
      hint: 'A service compared with itself always matches.',
    });
  }
  for (const side of SIDES) {
    const targets = targetsOf(file[side], side);
    for (const [index, { target, path }] of targets.entries()) {
      if (!targets.slice(0, index).some((other) => isSame(other.target, target))) continue;
      findings.push({ path, what: `is ${target.url}, which is there already`, expected: 'each target once' });
    }
  }
  return findings;
}

/** Sides without any server, or with both ways to name them; a wrong URL is still one. */
function targetFindings(data: unknown): Finding[] {
  const findings: Finding[] = [];
  for (const side of SIDES) {
    const given = memberOf(data, side);
    if (typeof given !== 'object' || given === null || Array.isArray(given)) continue;
    const [hasUrl, hasTargets] = [Object.hasOwn(given, 'url'), Object.hasOwn(given, 'targets')];
    if (hasUrl !== hasTargets) continue;
    const what = hasUrl ? 'has both url and targets' : 'names no server';
    const expected = 'either url or targets';
    const hint = hasUrl ? {} : { hint: 'Write url: http://host:port.' };
    findings.push({ path: [side], part: 'key', what, expected, ...hint });
  }
  return findings;
}

function loopFindings(file: File): Finding[] {
  const findings: Finding[] = [];
  const own = [
    { name: 'listen', address: file.listen },
    { name: 'api.listen', address: file.api?.listen },
  ];
  for (const { target, path } of SIDES.flatMap((side) => targetsOf(file[side], side))) {
    for (const { name, address } of own) {
      if (address === undefined || !reaches(target, address)) continue;
      const hint = 'Requests would run in circles.';
      const what = `is ${target.url}, where Cutover itself listens (${name})`;
      findings.push({ path, what, expected: 'another server', hint });
    }
  }
  return findings;
}

function apiFindings(file: File): Finding[] {
  const findings: Finding[] = [];
  const { listen, api } = file;
  if (listen !== undefined && api?.listen !== undefined && reaches(api.listen, listen)) {
    const what = `is port ${api.listen.port}, which is also that of listen`;
    const hint = 'The control API never shares a port with clients.';
    findings.push({ path: ['api', 'listen'], what, expected: 'another port', hint });
  }
  if (api?.listen !== undefined && !isLoopback(api.listen.host) && api.hosts?.length === 0) {
    findings.push({
      path: ['api', 'listen'],
      what: `is ${api.listen.host}, which others can reach, while api.hosts is empty`,
      expected: 'a loopback address, or the names the API answers to in api.hosts',
      hint: 'Write hosts: [cutover.internal] for http://cutover.internal.',
    });
  }
  return findings;
}

function dialFindings(file: File, data: unknown): Finding[] {
  const findings: Finding[] = [];
  const { defaults, endpoints = [] } = file;
  if (defaults?.dial !== undefined && defaults.max !== undefined && defaults.dial > defaults.max) {
    findings.push(aboveMax(['defaults', 'dial'], defaults.dial, defaults.max));
  }
  for (const [index, endpoint] of endpoints.entries()) {
    const dial = endpoint?.dial ?? defaults?.dial;
    const max = endpoint?.max ?? defaults?.max;
    const isOwn = endpoint?.dial !== undefined || endpoint?.max !== undefined;
    if (
      hasWrong(endpoint, ['endpoints', index], data) ||
      !isOwn ||
      dial === undefined ||
      max === undefined ||
      dial <= max
    )
      continue;
    const key = endpoint.dial === undefined ? 'max' : 'dial';
    findings.push(key === 'dial' ? aboveMax(['endpoints', index, key], dial, max) : belowDial(index, dial, max));
  }
  return findings;
}

function aboveMax(path: Path, dial: number, max: number): Finding {
  const what = `is ${formatShare(dial)}, which is above max (${formatShare(max)})`;
  return { path, what, expected: `a dial of at most ${formatShare(max)}` };
}

function belowDial(index: number, dial: number, max: number): Finding {
  return {
    path: ['endpoints', index, 'max'],
    what: `is ${formatShare(max)}, which is below defaults.dial (${formatShare(dial)})`,
    expected: `at least ${formatShare(dial)}, or a dial of its own`,
  };
}

function duplicateEndpointFindings(file: File): Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<string, { readonly index: number; readonly id: string }>();
  for (const [index, endpoint] of (file.endpoints ?? []).entries()) {
    if (endpoint?.match === undefined) continue;
    const shape = endpointShape(endpoint.match);
    const first = seen.get(shape);
    if (first === undefined) seen.set(shape, { index, id: endpoint.match.id });
    else {
      const what = `is ${endpoint.match.id}, which matches the same requests as endpoints[${first.index}] (${first.id})`;
      findings.push({ path: ['endpoints', index, 'match'], what, expected: 'each endpoint once' });
    }
  }
  return findings;
}

/** Endpoints of one journey move together, so what moves them has to be the same. */
function journeyFindings(file: File, data: unknown): Finding[] {
  const findings: Finding[] = [];
  const first = new Map<string, { readonly index: number; readonly dial: number; readonly proof: string }>();
  const { defaults } = file;
  for (const [index, endpoint] of (file.endpoints ?? []).entries()) {
    const dial = endpoint?.dial ?? defaults?.dial;
    const proof = endpoint?.proof ?? defaults?.proof;
    if (hasWrong(endpoint, ['endpoints', index], data)) continue;
    if (endpoint?.journey === undefined || dial === undefined || proof === undefined) continue;
    const before = first.get(endpoint.journey);
    if (before === undefined) {
      first.set(endpoint.journey, { index, dial, proof });
      continue;
    }
    if (before.dial === dial && before.proof === proof) continue;
    const mine = `dial ${formatShare(dial)} and proof ${proof}`;
    const theirs = `dial ${formatShare(before.dial)} and proof ${before.proof}`;
    findings.push({
      path: ['endpoints', index, 'journey'],
      what: `is ${endpoint.journey}, with ${mine}, while endpoints[${before.index}] of the same journey has ${theirs}`,
      expected: 'one dial and one proof for all endpoints of a journey',
    });
  }
  return findings;
}

/** Writes that are copied take effect twice, unless the candidate has nothing to do with the control's data. */
function mirrorWritesFindings(file: File): Finding[] {
  if (file.candidate?.data !== 'shared') return [];
  return (file.endpoints ?? []).flatMap((endpoint, index): Finding[] =>
    endpoint?.mirrorWrites === true
      ? [
          {
            path: ['endpoints', index, 'mirrorWrites'],
            what: 'is true, while candidate.data is shared',
            expected: 'candidate.data: own',
            hint: 'Copied writes take effect a second time. Say `data: own` only if nobody but the candidate sees what it writes.',
          },
        ]
      : [],
  );
}

function forceFindings(file: File, described: readonly EndpointName[]): Finding[] {
  const findings: Finding[] = [];
  const known = Object.keys(file.cohorts ?? {});
  const listed = listedShapes(file, described);
  for (const side of SIDES) {
    for (const [index, cohort] of (file.force?.[side]?.cohorts ?? []).entries()) {
      if (cohort === undefined || file.cohorts === undefined || known.includes(cohort)) continue;
      const expected = known.length === 0 ? 'a cohort listed in cohorts' : `one of ${known.slice(0, 20).join(', ')}`;
      const hint = closestHint(cohort, known);
      const path = ['force', side, 'cohorts', index];
      findings.push({ path, what: `is ${cohort}, which is not in cohorts`, expected, ...(hint ? { hint } : {}) });
    }
    for (const [index, endpoint] of (file.force?.[side]?.endpoints ?? []).entries()) {
      findings.push(...otherNameFindings(['force', side, 'endpoints', index], endpoint, listed));
    }
  }
  return findings;
}

/** A lock that names nothing there is would lock nothing. */
function lockFindings(file: File, data: unknown, described: readonly EndpointName[]): Finding[] {
  const known = Object.keys(file.cohorts ?? {});
  const listed = listedShapes(file, described);
  const given = memberOf(data, 'locked');
  return (Array.isArray(given) ? given : []).flatMap((one: unknown, index): Finding[] => {
    const [cohort, endpoint] = [memberOf(one, 'cohort'), memberOf(one, 'endpoint')];
    const parsed = typeof endpoint === 'string' ? parseEndpoint(endpoint, 'any') : undefined;
    const other = otherNameFindings(
      ['locked', index, 'endpoint'],
      parsed?.ok === true ? parsed.value : undefined,
      listed,
    );
    if (typeof cohort !== 'string' || file.cohorts === undefined || known.includes(cohort)) return other;
    const expected = known.length === 0 ? 'a cohort listed in cohorts' : `one of ${known.slice(0, 20).join(', ')}`;
    return [...other, { path: ['locked', index, 'cohort'], what: `is ${cohort}, which is not in cohorts`, expected }];
  });
}

/** Whether a field of an endpoint was given and is wrong: what follows from it cannot be judged. */
function hasWrong(endpoint: object | undefined, path: Path, data: unknown): boolean {
  const given = path.reduce(memberOf, data);
  const known = endpoint === undefined ? [] : Object.entries(endpoint);
  return known.some(([key, value]) => value === undefined && memberOf(given, key) !== undefined);
}
