import { parseCredentialName } from './fields.ts';
import type { Finding } from './problem.ts';
import { memberOf } from './problem.ts';

/**
 * Names that stand twice on one side of `candidate.credentials.map`: what one of them gets would depend on the order.
 * @param data The file as written, so that one wrong entry does not hide what is wrong with the others.
 */
export function credentialFindings(data: unknown): Finding[] {
  const map = memberOf(memberOf(memberOf(data, 'candidate'), 'credentials'), 'map');
  if (!Array.isArray(map)) return [];
  return (['from', 'to'] as const).flatMap((end) => duplicateFindings(map, end));
}

function duplicateFindings(map: readonly unknown[], end: 'from' | 'to'): Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<string, number>();
  for (const [index, entry] of map.entries()) {
    const text = memberOf(entry, end);
    const parsed = typeof text === 'string' ? parseCredentialName(text) : { ok: false as const };
    if (!parsed.ok) continue;
    const name = `${parsed.value.kind}:${parsed.value.name}`;
    const first = seen.get(name);
    if (first === undefined) {
      seen.set(name, index);
      continue;
    }
    const path = ['candidate', 'credentials', 'map', index, end];
    const what = `is ${name}, which is also \`${end}\` of candidate.credentials.map[${first}]`;
    findings.push({ path, what, expected: `each credential once as \`${end}\`` });
  }
  return findings;
}
