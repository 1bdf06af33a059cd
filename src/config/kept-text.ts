import { isMap, isScalar, isSeq, parseDocument } from 'yaml';

/** Stands in a kept text where an address was that may be a secret. It is no URL, so that nothing is sent to it. */
export const NOT_KEPT = '⟦not kept⟧';

/**
 * The text of a configuration as it may be stored. Secrets are references already; what is left are addresses of notices
 * that were written into it with a path or a query: whoever knows that of a chat channel can write to it.
 */
export function keptText(text: string): string {
  const document = parseDocument(text, { stringKeys: true, logLevel: 'silent' });
  const targets = document.get('notify');
  if (!isSeq(targets)) return text;
  const spots: { readonly from: number; readonly to: number }[] = [];
  for (const target of targets.items) {
    const url = isMap(target) ? target.get('url', true) : undefined;
    if (!isScalar(url) || typeof url.value !== 'string' || !url.range || isPlain(url.value)) continue;
    spots.push({ from: url.range[0], to: url.range[1] });
  }
  let kept = text;
  for (const { from, to } of spots.sort((a, b) => b.from - a.from))
    kept = `${kept.slice(0, from)}"${NOT_KEPT}"${kept.slice(to)}`;
  return kept;
}

/** Nothing but a host and a port: nobody can write to a channel by knowing that. */
function isPlain(url: string): boolean {
  try {
    const { pathname, search, username, password } = new URL(url);
    return pathname === '/' && search === '' && username === '' && password === '';
  } catch {
    return false;
  }
}
