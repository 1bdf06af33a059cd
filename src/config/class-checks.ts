import { OTHERS, PROTECTED } from '../core/class-order.ts';
import type { Finding, Path } from './problem.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';

type File = Salvaged<ConfigFile>;
type Class = NonNullable<NonNullable<File['classes']>[number]>;

/** What is wrong with the classes of tenants: each has tenants and a name of its own, every tenant one class at most. */
export function classFindings(file: File): Finding[] {
  const { classes = [], cohorts = {} } = file;
  const seen = new Map<string, string>();
  for (const tenant of file.protected ?? []) if (tenant !== undefined) seen.set(tenant, PROTECTED);
  return classes.flatMap((one, index) => {
    if (one === undefined) return [];
    const path: Path = ['classes', index];
    const before = classes.slice(0, index);
    return [
      ...nameFindings(path, one, before),
      ...ownFindings(path, one, before),
      ...memberFindings(path, one, { cohorts, seen }),
    ];
  });
}

function nameFindings(path: Path, { name, others }: Class, before: NonNullable<File['classes']>): Finding[] {
  const at = [...path, 'name'];
  if (name === PROTECTED || before.some((other) => other?.name !== undefined && other.name === name))
    return [{ path: at, what: `is ${name}, which another class is called`, expected: 'a name of its own' }];
  if (name !== OTHERS || others === true) return [];
  return [{ path: at, what: 'is others, without `others: true`', expected: 'another name, or `others: true`' }];
}

function ownFindings(path: Path, one: Class, before: NonNullable<File['classes']>): Finding[] {
  const findings: Finding[] = [];
  const hasNames = one.cohorts !== undefined || one.tenants !== undefined;
  if (hasNames === (one.others === true)) {
    const what = hasNames ? 'has names and `others: true`' : 'has no tenants';
    findings.push({ path, what, expected: 'cohorts or tenants, or `others: true`' });
  }
  if (one.others === true && before.some((other) => other?.others === true)) {
    const what = 'is true a second time';
    findings.push({ path: [...path, 'others'], what, expected: 'one class for all others at most' });
  }
  if (one.open === 0) findings.push({ path: [...path, 'open'], what: 'is 0%', expected: 'a share above 0%' });
  return findings;
}

function memberFindings(
  path: Path,
  { name, cohorts: named = [], tenants = [] }: Class,
  { cohorts, seen }: { readonly cohorts: NonNullable<File['cohorts']>; readonly seen: Map<string, string> },
): Finding[] {
  if (name === undefined) return [];
  const findings: Finding[] = [];
  const known = Object.keys(cohorts);
  const take = (tenant: string | undefined, at: Path): void => {
    if (tenant === undefined) return;
    const other = seen.get(tenant) ?? name;
    seen.set(tenant, other);
    if (other === name) return;
    findings.push({
      path: at,
      what: `has ${tenant}, which class ${other} has too`,
      expected: 'each tenant in one class',
    });
  };
  for (const [index, tenant] of tenants.entries()) take(tenant, [...path, 'tenants', index]);
  for (const [index, cohort] of named.entries()) {
    if (cohort === undefined) continue;
    const at = [...path, 'cohorts', index];
    for (const tenant of cohorts[cohort] ?? []) take(tenant, at);
    if (known.includes(cohort)) continue;
    const expected = `one of ${known.slice(0, 20).join(', ') || 'no cohorts'}`;
    findings.push({ path: at, what: `is ${cohort}, which is not in cohorts`, expected });
  }
  return findings;
}
