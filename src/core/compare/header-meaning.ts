/** Headers that are lists of words in which order, case and repetition mean nothing. */
const WORD_LISTS: ReadonlySet<string> = new Set([
  'cache-control',
  'vary',
  'allow',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'content-language',
  'permissions-policy',
  'clear-site-data',
  'accept-ranges',
]);

/** Headers whose words may be written in any case. */
const CASELESS: ReadonlySet<string> = new Set([
  'x-frame-options',
  'x-content-type-options',
  'referrer-policy',
  'access-control-allow-credentials',
  'cross-origin-opener-policy',
  'cross-origin-embedder-policy',
  'cross-origin-resource-policy',
]);

/** A header's value as it means: equal for values that every client takes alike. `host` is what the client asked for. */
export function meaning(name: string, value: string, host: string): string {
  if (WORD_LISTS.has(name)) return words(value, ',').join(', ');
  switch (name) {
    case 'content-type':
      return contentType(value);
    case 'location':
    case 'content-location':
      return withoutHost(value, host);
    case 'refresh':
      return value
        .replace(/\s+/g, '')
        .replace(/^([\d.]*)[;,](?:url=)?["']?(.*?)["']?$/i, (_, seconds: string, target: string) => {
          return `${seconds};${withoutHost(target, host)}`;
        });
    case 'link':
      return value
        .replace(/<([^>]*)>/g, (_, target: string) => `<${withoutHost(target, host)}>`)
        .replace(/\s*([;,])\s*/g, '$1');
    case 'strict-transport-security':
      return words(value, ';').join('; ');
    case 'expires':
      // Anything that is no date means already expired (RFC 9111 section 5.3).
      return /^[A-Za-z]{3,9},/.test(value.trim()) ? value.trim() : '0';
    default: {
      const text = value.replace(/\s+/g, ' ').trim();
      return CASELESS.has(name) ? text.toLowerCase() : text;
    }
  }
}

function words(value: string, separator: string): string[] {
  const each = value.split(separator).map((word) =>
    word
      .trim()
      .toLowerCase()
      .replace(/\s*=\s*/, '=')
      .replaceAll('"', ''),
  );
  return [...new Set(each.filter((word) => word !== ''))].sort();
}

/** Type and parameters: names and charset in any case, quotes and white space as one likes (RFC 9110 section 8.3). */
function contentType(value: string): string {
  const [type = '', ...all] = value.split(';');
  // A boundary is made anew for every body.
  const isMultipart = /^\s*multipart\//i.test(type);
  const parameters = isMultipart ? all.filter((parameter) => !/^\s*boundary\s*=/i.test(parameter)) : all;
  const shown = parameters.map((parameter) => {
    const [key = '', ...rest] = parameter.split('=');
    return `${key.trim().toLowerCase()}=${rest.join('=').trim().replaceAll('"', '').toLowerCase()}`;
  });
  return [type.trim().toLowerCase(), ...shown.filter((parameter) => parameter !== '=').sort()].join(';');
}

/** A reference to the host the client asked for is the same as one without a host. */
function withoutHost(reference: string, host: string): string {
  const match = /^https?:\/\/([^/?#]*)(.*)$/i.exec(reference.trim());
  if (match === null) return reference.trim();
  const [, authority = '', rest = ''] = match;
  if (authority.toLowerCase().replace(/:(80|443)$/, '') !== host.replace(/:(80|443)$/, '')) return reference.trim();
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** The directives of one content security policy: name to its sources, sorted; the first of a name counts (CSP 3, 2.2.1). */
export function policyDirectives(policy: string): Map<string, string> {
  const directives = new Map<string, string>();
  for (const directive of policy.split(';')) {
    const [name = '', ...sources] = directive.trim().split(/\s+/);
    const key = name.toLowerCase();
    if (key !== '' && !directives.has(key)) directives.set(key, [...new Set(sources)].sort().join(' '));
  }
  return directives;
}

/** A directive's nonces, in order, and the rest of it. */
export function splitNonces(sources: string): { readonly rest: string; readonly nonces: readonly string[] } {
  const nonces = [...sources.matchAll(/'nonce-([\w+/=-]+)'/g)].map(([, nonce]) => nonce ?? '');
  return {
    rest: sources
      .replace(/'nonce-[\w+/=-]+'/g, '')
      .replace(/ +/g, ' ')
      .trim(),
    nonces,
  };
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Milliseconds of `Wed, 21 Oct 2026 07:28:00 GMT` or the same with dashes, counted in days from a fixed one; NaN for anything else. */
export function httpDate(text: string): number {
  const match = /^[A-Za-z]{3,9}, (\d{1,2})[ -]([A-Za-z]{3})[ -](\d{2,4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (match === null) return Number.NaN;
  const [day, year, hour, minute, second] = [match[1], match[3], match[4], match[5], match[6]].map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ]; // the groups are digits
  const month = MONTHS.indexOf((match[2] ?? '').toLowerCase());
  // Days of the civil calendar: years counted from March, so that a leap day is the last day of one.
  const from = month < 2 ? year - 1 : year;
  const days =
    365 * from +
    Math.floor(from / 4) -
    Math.floor(from / 100) +
    Math.floor(from / 400) +
    Math.floor((153 * ((month + 10) % 12) + 2) / 5) +
    day;
  return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000;
}
