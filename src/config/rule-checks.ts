import type { EndpointName } from './endpoint-name.ts';
import { listedShapes, otherNameFindings } from './named-endpoint.ts';
import type { Finding, Path } from './problem.ts';
import { memberOf } from './problem.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';

type Rule = NonNullable<NonNullable<NonNullable<Salvaged<ConfigFile>['compare']>['rules']>[number]>;

const KINDS = ['ignore', 'normalise', 'unordered', 'tolerance'] as const;

/** One slow answer proves nothing, so whoever compares times must let Cutover ask again. */
export function slownessFindings({ compare }: Salvaged<ConfigFile>): Finding[] {
  if (compare?.slowerThan === undefined || compare.confirm !== false) return [];
  const what = 'cannot be proved while compare.confirm is false';
  return [{ path: ['compare', 'slowerThan'], part: 'key', what, expected: 'no slowerThan, or confirm: true' }];
}

/** What is wrong within and between comparison rules; see `crossFindings` for the parameters. */
export function ruleFindings(file: Salvaged<ConfigFile>, data: unknown, described: readonly EndpointName[]): Finding[] {
  const rules = file.compare?.rules ?? [];
  const listed = listedShapes(file, described);
  const names = new Map<string, number>();
  const written = writtenRules(data);
  return rules.flatMap((rule, index) => {
    if (rule === undefined) return [];
    const path = ['compare', 'rules', index];
    const findings = [
      ...ignoreOnlyFindings(rule, path),
      ...writtenFindings(written[index], path),
      ...otherNameFindings([...path, 'endpoint'], rule.endpoint, listed),
    ];
    const before = rule.name === undefined ? undefined : names.get(rule.name);
    if (before !== undefined) {
      const what = `is ${rule.name}, which is also the name of compare.rules[${before}]`;
      findings.push({ path: [...path, 'name'], what, expected: 'a name of its own' });
    } else if (rule.name !== undefined) {
      names.set(rule.name, index);
    }
    return findings;
  });
}

function writtenRules(data: unknown): readonly unknown[] {
  const rules = memberOf(memberOf(data, 'compare'), 'rules');
  return Array.isArray(rules) ? rules : [];
}

/** What a rule lacks or has twice, as written: a kind with a wrong path is still one. */
function writtenFindings(rule: unknown, path: Path): Finding[] {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) return [];
  const found = KINDS.filter((kind) => Object.hasOwn(rule, kind));
  if (found.length !== 1) {
    const what = found.length === 0 ? 'says nothing to do' : `has ${found.join(' and ')}`;
    return [{ path, what, expected: `exactly one of ${KINDS.join(', ')}` }];
  }
  return [...countsFindings(rule, path), ...toleranceFindings(rule, path)];
}

function ignoreOnlyFindings(rule: Rule, path: Path): Finding[] {
  const kind = KINDS.find((name) => rule[name] !== undefined);
  if (kind === undefined || kind === 'ignore') return [];
  const given = (['owner', 'until'] as const).filter((key) => rule[key] !== undefined);
  const keys = rule.counts === true ? (['counts', ...given] as const) : given;
  return keys.map((key) => ({
    path: [...path, key],
    part: 'key' as const,
    what: `belongs to ignore rules, and this one is ${kind}`,
    expected: 'no such key here',
    hint: 'The other kinds check what they let pass, so their matches count by themselves and do not end.',
  }));
}

function countsFindings(rule: object, path: Path): Finding[] {
  if (memberOf(rule, 'counts') !== true || !Object.hasOwn(rule, 'ignore')) return [];
  const missing = ['owner', 'until'].filter((key) => !Object.hasOwn(rule, key));
  if (missing.length === 0) return [];
  return [
    {
      path: [...path, 'counts'],
      what: `is true without ${missing.join(' and ')}`,
      expected: 'an owner and a last day',
      hint: 'What is ignored and counts as evidence needs somebody who answers for it, for a limited time.',
    },
  ];
}

function toleranceFindings(rule: object, path: Path): Finding[] {
  const tolerance = memberOf(rule, 'tolerance');
  if (typeof tolerance !== 'object' || tolerance === null) return [];
  const hasAbsolute = Object.hasOwn(tolerance, 'absolute');
  if (hasAbsolute !== Object.hasOwn(tolerance, 'relative')) return [];
  const what = hasAbsolute ? 'has both absolute and relative' : 'says no amount';
  return [{ path: [...path, 'tolerance'], what, expected: 'either absolute or relative' }];
}
