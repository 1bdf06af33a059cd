import type { Surroundings } from './files.ts';
import { fetchSecret, fetchText } from './files.ts';
import { parseNoticeUrl } from './network.ts';
import type { Finding, Path } from './problem.ts';
import type { SecretReference } from './references.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';

/** What the references of `notify` led to, by place in the list. */
export interface NotifyOutside {
  readonly url: string | undefined;
  readonly secret: string | undefined;
}

/** Names that stand twice, and secrets nothing would be signed with. */
export function notifyFindings({ notify = [] }: Salvaged<ConfigFile>): Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<string, number>();
  for (const [index, target] of notify.entries()) {
    const first = target?.name === undefined ? undefined : seen.get(target.name);
    if (first !== undefined) {
      const what = `is ${target?.name}, which is also that of notify[${first}]`;
      findings.push({ path: ['notify', index, 'name'], what, expected: 'each name once' });
    } else if (target?.name !== undefined) seen.set(target.name, index);
    if (target?.format === 'slack' && target.secret !== undefined) {
      findings.push({
        path: ['notify', index, 'secret'],
        what: 'is given, while the format is slack, whose messages are not signed',
        expected: 'no secret, or format: webhook',
      });
    }
  }
  return findings;
}

/** Follows the references of every target. */
export function fetchNotify(
  { notify = [] }: Salvaged<ConfigFile>,
  around: Surroundings,
): { readonly targets: readonly NotifyOutside[]; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const targets = notify.map((target, index): NotifyOutside => {
    // Both are salvaged as a whole or not at all: their schemas have a transform.
    const url = target?.url as ConfigFile['notify'][number]['url'] | undefined;
    const secret = target?.secret as SecretReference | undefined;
    const key = secret === undefined ? undefined : fetchSecret(secret, ['notify', index, 'secret'], around);
    if (key !== undefined && 'finding' in key) findings.push(key.finding);
    const address = url === undefined ? undefined : fetchUrl(url, ['notify', index, 'url'], around);
    if (address !== undefined && 'finding' in address) findings.push(address.finding);
    return {
      url: address !== undefined && 'value' in address ? address.value : undefined,
      secret: key !== undefined && 'value' in key ? key.value : undefined,
    };
  });
  return { targets, findings };
}

function fetchUrl(
  given: { readonly url: string } | SecretReference,
  path: Path,
  around: Surroundings,
): { readonly value: string } | { readonly finding: Finding } {
  if ('url' in given) return { value: given.url };
  const expected = 'a URL such as https://hooks.example/cutover';
  const text = fetchText(given, path, { around, expected });
  if ('finding' in text) return text;
  const parsed = parseNoticeUrl(text.value.trim());
  if (parsed.ok) return { value: parsed.value.url };
  // What is there is a secret, and so is not repeated.
  const at = [...path, given.env === undefined ? 'file' : 'env'];
  const hint = parsed.hint === undefined ? {} : { hint: parsed.hint };
  return { finding: { path: at, what: 'leads to something else', expected: parsed.expected ?? expected, ...hint } };
}
