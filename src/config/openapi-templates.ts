import { resolve } from 'node:path';
import type { EndpointName } from './endpoint-name.ts';
import { endpointShape, parseEndpoint } from './endpoint-name.ts';
import { readSmallFile, type Surroundings } from './files.ts';
import type { Finding, Path } from './problem.ts';
import { memberOf } from './problem.ts';
import { readYaml, type YamlBounds, type YamlSource } from './yaml-source.ts';

/** What an OpenAPI description says of endpoints, and what is wrong with it. Findings name the file they are in. */
export interface OpenapiTemplates {
  readonly templates: readonly EndpointName[];
  readonly findings: readonly Finding[];
  /** Paths that are no templates of ours: they are found live, as if they were not described. */
  readonly warnings: readonly Finding[];
}

/** Largest description; those of the largest public APIs take some MiB. */
const BOUNDS: YamlBounds = { bytes: 16 * 1_048_576, depth: 64, name: 'an OpenAPI description' };
/** As many as endpoints may be listed. */
const MAX_TEMPLATES = 10_000;
/** Base paths of the servers in a description. */
const MAX_BASES = 8;

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;

export const NO_TEMPLATES: OpenapiTemplates = { templates: [], findings: [], warnings: [] };

/** Reads the templates of an OpenAPI 3 description, YAML or JSON; `given` is relative to the configuration. */
export function fetchOpenapi(given: string, path: Path, around: Surroundings): OpenapiTemplates {
  const text = readSmallFile(resolve(around.baseDir, given), BOUNDS.bytes);
  if ('problem' in text) {
    const what = `is ${JSON.stringify(given)}, which ${text.problem}`;
    return { ...NO_TEMPLATES, findings: [{ path, what, expected: 'an OpenAPI 3 description, YAML or JSON' }] };
  }
  const source = readYaml(text.value, BOUNDS);
  const read = source.data === undefined ? NO_TEMPLATES : readTemplates(source.data);
  const placed = (finding: Finding) => placedIn(given, source, finding);
  return {
    templates: read.templates,
    findings: [...source.findings, ...read.findings].map(placed),
    warnings: read.warnings.map(placed),
  };
}

function placedIn(file: string, source: YamlSource, finding: Finding): Finding {
  return { ...finding, file, place: finding.place ?? source.locate(finding.path, finding.part ?? 'value') };
}

function readTemplates(data: unknown): OpenapiTemplates {
  const version = versionFinding(data);
  if (version !== undefined) return { ...NO_TEMPLATES, findings: [version] };
  const paths = memberOf(data, 'paths');
  if (!isMapping(paths)) {
    const what = paths === undefined ? 'is missing' : 'is no mapping';
    return { ...NO_TEMPLATES, findings: [{ path: ['paths'], what, expected: 'a mapping of paths' }] };
  }
  const bases = basesOf(memberOf(data, 'servers'));
  const templates = new Map<string, EndpointName>();
  const findings: Finding[] = [];
  const warnings: Finding[] = [];
  for (const [template, given] of Object.entries(paths)) {
    if (template.startsWith('x-')) continue;
    const item = resolved(data, given);
    if (item === undefined) {
      findings.push(itemFinding(['paths', template], given));
      continue;
    }
    for (const method of METHODS.filter((name) => memberOf(item, name) !== undefined)) {
      for (const base of bases) {
        const parsed = parseEndpoint(`${method.toUpperCase()} ${base}${plain(template)}`);
        if (parsed.ok) templates.set(endpointShape(parsed.value), parsed.value);
        else warnings.push(templateWarning(template, parsed.hint));
      }
    }
  }
  if (templates.size > MAX_TEMPLATES) {
    const what = `describes ${templates.size} endpoints`;
    findings.push({ path: ['paths'], part: 'key', what, expected: `at most ${MAX_TEMPLATES}` });
  }
  return { templates: [...templates.values()], findings, warnings: once(warnings) };
}

function versionFinding(data: unknown): Finding | undefined {
  const version = memberOf(data, 'openapi');
  if (typeof version === 'string' && /^3\.\d+(\.\d+)?/.test(version)) return undefined;
  const expected = 'openapi: 3.0.x or 3.1.x';
  if (memberOf(data, 'swagger') !== undefined)
    return { path: ['swagger'], what: 'is a description of version 2', expected, hint: 'Convert it to OpenAPI 3.' };
  const what = version === undefined ? 'is missing' : 'is no version 3';
  return { path: ['openapi'], what, expected };
}

/** A path item, through one reference inside the file; undefined for anything else. */
function resolved(data: unknown, item: unknown): object | undefined {
  const reference = memberOf(item, '$ref');
  if (typeof reference !== 'string') return isMapping(item) ? item : undefined;
  if (!reference.startsWith('#/')) return undefined;
  const steps = reference.slice(2).split('/');
  const target = steps.reduce<unknown>(
    (at, step) => memberOf(at, step.replaceAll('~1', '/').replaceAll('~0', '~')),
    data,
  );
  return isMapping(target) && memberOf(target, '$ref') === undefined ? target : undefined;
}

function itemFinding(path: Path, item: unknown): Finding {
  const isReference = memberOf(item, '$ref') !== undefined;
  const what = isReference ? 'leads out of the file, or nowhere' : 'is no mapping of methods';
  return { path: isReference ? [...path, '$ref'] : path, what, expected: 'the methods of this path' };
}

function templateWarning(template: string, hint: string | undefined): Finding {
  const what = 'is no template that can be listed; its requests are found live';
  return { path: ['paths', template], part: 'key', what, expected: '', ...(hint === undefined ? {} : { hint }) };
}

/** One warning for each path, whatever its methods. */
function once(warnings: readonly Finding[]): Finding[] {
  return [...new Map(warnings.map((warning) => [String(warning.path.at(-1)), warning])).values()];
}

/** The paths before all others: of the servers' URLs, with their variables' defaults. */
function basesOf(servers: unknown): string[] {
  const bases = (Array.isArray(servers) ? (servers as unknown[]) : []).slice(0, MAX_BASES).map((server) => {
    const url = memberOf(server, 'url');
    if (typeof url !== 'string') return '';
    const filled = url.replace(/\{([^{}]*)\}/g, (_, name: string) => {
      const value = memberOf(memberOf(memberOf(server, 'variables'), name), 'default');
      return typeof value === 'string' ? value : '';
    });
    // Only the path: the names of the hosts are the control's and the candidate's.
    return filled
      .replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
      .replace(/[?#].*$/, '')
      .replace(/\/+$/, '');
  });
  return bases.length === 0
    ? ['']
    : [...new Set(bases.map((base) => (base === '' || base.startsWith('/') ? base : `/${base}`)))];
}

/** Names of parameters as ours may be: `{user-id}` is `{user_id}`. */
function plain(template: string): string {
  return template.replace(/\{([^{}*]+)\}/g, (_, name: string) => {
    const word = name.replace(/[^A-Za-z0-9_]/g, '_').slice(0, 64);
    return `{${/^[A-Za-z_]/.test(word) ? word : `_${word}`.slice(0, 64)}}`;
  });
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
