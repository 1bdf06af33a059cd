import { RE2JS } from 're2js';
import { z } from 'zod';
import type { TenantId } from '../core/cell.ts';
import { asTenant } from '../core/identity.ts';
import { pointerSteps } from '../core/told-version.ts';
import { parseEndpoint } from './endpoint-name.ts';
import { isHostName, parseAddress, parseNetwork, parseTarget } from './network.ts';
import type { CredentialName } from './settings.ts';
import type { Parsed } from './units.ts';
import { formatDuration, formatSize, parseDay, parseDuration, parseShare, parseSize } from './units.ts';

/** Between expectation and hint in a zod message; the loader takes them apart again. No expectation holds a line break. */
export const HINT_MARK = '\n';

/** What a field says about itself: in the reference page, in editors, and in problems. */
interface FieldInfo {
  /** The type in one or two words, for the reference page. */
  readonly title: string;
  /** What is expected, completing the sentence "expected …". */
  readonly expected: string;
  readonly examples?: readonly string[];
  /** From and to, for the reference page. */
  readonly range?: readonly [from: string, to: string];
  /** What editors check while typing; the loader checks more. */
  readonly pattern?: string;
  /** Hint for a value of another YAML type. */
  readonly hintFor?: (input: unknown) => string | undefined;
}

/** A field that is text in the file and something better inside. */
function textField<T>(info: FieldInfo, parse: (text: string) => Parsed<T>) {
  return z
    .string({ error: (issue) => message(info.expected, info.hintFor?.(issue.input) ?? quoteHint(issue.input)) })
    .transform((text, context): T => {
      const parsed = parse(text);
      if (parsed.ok) return parsed.value;
      context.addIssue({ code: 'custom', message: message(parsed.expected ?? info.expected, parsed.hint) });
      return z.NEVER;
    })
    .meta({
      title: info.title,
      ...(info.examples === undefined ? {} : { examples: [...info.examples] }),
      ...(info.range === undefined ? {} : { 'x-range': info.range.join(' to ') }),
      ...(info.pattern === undefined ? {} : { pattern: info.pattern }),
    });
}

/** A text with a form of its own; `parse` gives undefined for any other. */
export function textOf<T>(title: string, expected: string, parse: (text: string) => T | undefined) {
  return textField({ title, expected }, (text): Parsed<T> => {
    const value = parse(text.trim());
    return value === undefined ? { ok: false } : { ok: true, value };
  });
}

/** Joins expectation and hint into one zod message. */
export function message(expected: string, hint?: string): string {
  return hint === undefined || hint === '' ? expected : `${expected}${HINT_MARK}${hint}`;
}

function quoteHint(input: unknown): string | undefined {
  const isScalar = typeof input === 'number' || typeof input === 'boolean';
  return isScalar ? `Put it in quotes: "${input}".` : undefined;
}

/** `5%`; parts per million inside. */
export function share() {
  return textField(
    {
      title: 'share',
      pattern: '^\\d{1,3}(\\.\\d{1,4})? ?%$',
      expected: 'a share from 0% to 100% such as 5%',
      examples: ['5%', '0.1%'],
      hintFor: (input) => (typeof input === 'number' ? `Write "${input}%".` : undefined),
    },
    parseShare,
  );
}

const TIMER_LIMIT_MS = 24 * 3_600_000;

/** `30s`; milliseconds inside. From `min` (default 1 ms: zero would fail everything at once) to `max` (default a day). */
export function duration(min = 1, max: number = TIMER_LIMIT_MS) {
  const examples = examplesWithin(['250ms', '30s', '5m', '7d'], (text) => within(parseDuration(text), min, max));
  const expected = `a duration from ${formatDuration(min)} to ${formatDuration(max)} such as ${examples.join(', ')}`;
  return textField(
    {
      title: 'duration',
      range: [formatDuration(min), formatDuration(max)],
      pattern: '^\\d+(\\.\\d{1,3})? ?(ms|s|m|h|d)$',
      expected,
      examples,
      hintFor: (input) => (typeof input === 'number' ? `Write the unit, for example "${input}s".` : undefined),
    },
    (text) => within(parseDuration(text), min, max),
  );
}

/** `64KiB`; bytes inside. */
export function size(min: number, max: number) {
  const examples = examplesWithin(['64KiB', '1MiB', '1GiB'], (text) => within(parseSize(text), min, max));
  const expected = `a size from ${formatSize(min)} to ${formatSize(max)} such as ${examples.join(', ')}`;
  return textField(
    {
      title: 'size',
      range: [formatSize(min), formatSize(max)],
      pattern: '^\\d+(\\.\\d{1,3})? ?(B|KiB|MiB|GiB)$',
      expected,
      examples,
      hintFor: (input) => (typeof input === 'number' ? `For bytes write "${formatSize(input)}".` : undefined),
    },
    (text) => within(parseSize(text), min, max),
  );
}

function examplesWithin(examples: readonly string[], parse: (text: string) => Parsed<number>): readonly string[] {
  return examples.filter((example) => parse(example).ok);
}

function within(parsed: Parsed<number>, min: number, max: number): Parsed<number> {
  return parsed.ok && (parsed.value < min || parsed.value > max) ? { ok: false } : parsed;
}

/** A whole number in a range. */
export function count(min: number, max: number) {
  return z
    .int({ error: `a whole number from ${min} to ${max}` })
    .min(min, { error: `a whole number from ${min} to ${max}` })
    .max(max, { error: `a whole number from ${min} to ${max}` })
    .meta({ title: 'whole number' });
}

export function flag() {
  return z.boolean({ error: 'true or false' }).meta({ title: 'true or false' });
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z
    .enum(values, { error: (issue) => message(`one of ${values.join(', ')}`, closestHint(issue.input, values)) })
    .meta({ title: values.join(' or ') });
}

/** `127.0.0.1:8080`. */
export function address() {
  return textField(
    {
      title: 'host:port',
      expected: 'an address such as 127.0.0.1:8080',
      examples: ['127.0.0.1:8080', '[::1]:8080'],
      hintFor: (input) => (typeof input === 'number' ? `Write the host as well: 127.0.0.1:${input}.` : undefined),
    },
    parseAddress,
  );
}

/** `http://10.0.0.5:3000`. */
export function target() {
  return textField(
    { title: 'URL', expected: 'a server such as http://10.0.0.5:3000', examples: ['http://10.0.0.5:3000'] },
    parseTarget,
  );
}

/** `10.0.0.0/8`. */
export function network() {
  return textField({ title: 'CIDR range', expected: 'a range of addresses such as 10.0.0.0/8' }, parseNetwork);
}

/** `GET /orders/{id}`: an endpoint that is listed (`listed`), or that is named, listed or found live (`any`). */
export function endpoint(kind: 'listed' | 'any') {
  return textField(
    {
      title: 'endpoint',
      expected: 'a method and a path such as GET /orders/{id}',
      examples: ['GET /orders/{id}', 'GET /files/{rest*}'],
    },
    (text) => parseEndpoint(text, kind),
  );
}

export function tenant() {
  return textField({ title: 'tenant', expected: 'a tenant: 1 to 128 characters without white space' }, (text) => {
    const name: TenantId | undefined = asTenant(text);
    return name === undefined ? { ok: false } : { ok: true, value: name };
  });
}

/** A name of our own making: a cohort, a rule, a journey. */
export function name(what: string) {
  const expected = `${what}: 1 to 64 letters, digits, ".", "_" and "-", beginning with a letter or digit`;
  return textField({ title: 'name', expected }, (text) =>
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text) ? { ok: true, value: text } : { ok: false },
  );
}

/** Text for people, trimmed, on one or several lines. */
export function prose(max: number) {
  return textField({ title: 'text', expected: `a text of 1 to ${max} characters` }, (text) => {
    const trimmed = text.trim();
    return trimmed !== '' && trimmed.length <= max ? { ok: true, value: trimmed } : { ok: false };
  });
}

/** The name of a header (RFC 9110, section 5.1), lower case inside. */
export function headerName() {
  return textField({ title: 'header name', expected: 'the name of a header such as x-shop' }, (text) =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(text)
      ? { ok: true, value: text.toLowerCase() }
      : { ok: false, ...(text.endsWith(':') ? { hint: 'Leave out the colon.' } : {}) },
  );
}

/** The name of a cookie (RFC 6265, section 4.1.1); its case counts. */
export function cookieName() {
  return textField({ title: 'cookie name', expected: 'the name of a cookie such as shop' }, (text) =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(text) ? { ok: true, value: text } : { ok: false },
  );
}

/** The name of a claim (RFC 7519, section 4), or a way to a nested one by dots. */
export function claimName() {
  const expected = 'the name of a claim such as tenant or org.id';
  return textField({ title: 'claim', expected, examples: ['tenant', 'org.id'] }, (text) =>
    /^[!-~]{1,256}$/.test(text) ? { ok: true, value: text } : { ok: false },
  );
}

/** Headers that are no credentials: framing, routing, and what Cutover itself reads, writes or leaves out. */
const NO_CREDENTIAL =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|http2-settings|host|content-.*|cookie2?|set-cookie2?|expect|range|if-.*|idempotency-key|traceparent|forwarded|x-forwarded-.*|x-real-ip|(?:x-)?cutover-.*)$/;

/** `cookie:sid` or `header:authorization`. */
export function credentialName() {
  return textField(
    {
      title: 'credential',
      expected: 'a credential such as cookie:sid or header:authorization',
      examples: ['cookie:sid', 'header:authorization'],
      pattern: "^(cookie|header):[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$",
      hintFor: (input) => (typeof input === 'object' ? 'Write it as one text: "cookie:sid".' : undefined),
    },
    parseCredentialName,
  );
}

/** Takes `cookie:sid` apart; headers become lower case (RFC 9110, section 5.1), cookies keep theirs. */
export function parseCredentialName(text: string): Parsed<CredentialName> {
  const [, kind, name = ''] = /^(cookie|header):([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})$/.exec(text) ?? [];
  if (kind === 'cookie') return { ok: true, value: { kind, name } };
  if (kind !== 'header') return { ok: false };
  const lower = name.toLowerCase();
  if (lower === 'cookie') return { ok: false, hint: 'Name the cookie itself: cookie:sid.' };
  if (!NO_CREDENTIAL.test(lower)) return { ok: true, value: { kind, name: lower } };
  return { ok: false, hint: `The header ${lower} frames or routes the message; it is no credential.` };
}

/** A host name or IP address without port. */
export function hostName() {
  return textField({ title: 'host name', expected: 'a host name without scheme and port' }, (text) =>
    isHostName(text) || /^[\d.]{7,15}$/.test(text) ? { ok: true, value: text.toLowerCase() } : { ok: false },
  );
}

/** A path asked with GET, such as /healthz, and its query. */
export function requestPath(example: string) {
  return textField({ title: 'path', expected: `a path such as ${example}` }, (text) =>
    /^\/[!-"$-~]{0,1023}$/.test(text) ? { ok: true, value: text } : { ok: false },
  );
}

/** A JSON pointer (RFC 6901); its steps inside. */
export function jsonPointer() {
  const expected = 'a JSON pointer such as /build/id';
  return textField({ title: 'JSON pointer', expected, examples: ['/version', '/build/id'] }, (text) => {
    const steps = text.length <= 1_024 ? pointerSteps(text) : undefined;
    if (steps !== undefined) return { ok: true, value: steps };
    return /^[\w.]+$/.test(text) ? { ok: false, hint: `Write /${text.replaceAll('.', '/')}.` } : { ok: false };
  });
}

/** A path of this machine, relative to the configuration file. */
export function filePath() {
  return textField({ title: 'path', expected: 'a path of this machine' }, (text) =>
    text.trim() !== '' && text.length <= 1_024 ? { ok: true, value: text } : { ok: false },
  );
}

/** Longest pattern; RE2 programs grow with the pattern, and nobody reads longer ones. */
const MAX_PATTERN = 1_024;

/** A pattern in RE2 syntax: linear time, whatever the text. */
export function pattern() {
  return textField({ title: 'RE2 pattern', expected: 'a pattern in RE2 syntax' }, (text) => {
    if (text === '' || text.length > MAX_PATTERN) return { ok: false, hint: `1 to ${MAX_PATTERN} characters.` };
    try {
      RE2JS.compile(text);
      return { ok: true, value: text };
    } catch (error) {
      return { ok: false, hint: patternHint(text, error) };
    }
  });
}

function patternHint(text: string, error: unknown): string {
  if (/\(\?<?[=!]/.test(text)) return 'RE2 has no look-ahead and no look-behind.';
  if (/\\[1-9]/.test(text)) return 'RE2 has no back references.';
  return error instanceof Error ? `The pattern cannot be compiled: ${error.message.slice(0, 200)}.` : '';
}

/** Where a difference is: `status`, `header:etag`, `body/items/*` + `/id`. */
export function differencePath() {
  return textField(
    {
      title: 'difference path',
      expected: 'a difference path such as status, header:etag or body/items/*/id',
      examples: ['header:x-request-id', 'body/items/*/updatedAt', 'body/**/time'],
    },
    parseDifferencePath,
  );
}

function parseDifferencePath(text: string): Parsed<string> {
  if (text.length > 512) return { ok: false, hint: 'At most 512 characters.' };
  if (text === 'status' || text === 'timing' || text === 'body') return { ok: true, value: text };
  const header = /^header:([!#$%&'*+.^_`|~0-9a-z-]+)$/i.exec(text)?.[1];
  if (header !== undefined) return { ok: true, value: `header:${header.toLowerCase()}` };
  if (text.startsWith('body/') && !text.includes('//') && !text.endsWith('/')) return { ok: true, value: text };
  if (text.startsWith('$')) return { ok: false, hint: 'Paths are written as in the reports: body/items/*/id.' };
  if (text.startsWith('/')) return { ok: false, hint: `Write body${text.replace(/\/$/, '')}` };
  return { ok: false };
}

/** `2027-01-31`; the end of that day (UTC) in milliseconds inside. */
export function day() {
  return textField({ title: 'date', expected: 'a date such as 2027-01-31', examples: ['2027-01-31'] }, parseDay);
}

/** `"x" is close to one of the names`: a hint, or undefined where nothing is close. */
export function closestHint(input: unknown, names: readonly string[]): string | undefined {
  const close = typeof input === 'string' ? closest(input, names) : undefined;
  return close === undefined ? undefined : `Did you mean ${close}?`;
}

/**
 * The name that needs the fewest edits, at most a third of its length (but at least two), or that only goes on or stops
 * earlier; undefined where none is near.
 */
export function closest(input: string, names: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_ ]/g, '');
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of names) {
    const distance = editDistance(plain(input).slice(0, 64), plain(candidate));
    const limit = Math.max(2, Math.floor(candidate.length / 3));
    // A word of three letters is two edits away from every other one.
    const isNear = distance <= limit && distance < candidate.length;
    if (!isNear && !isBeginning(plain(input), plain(candidate))) continue;
    if (best === undefined || distance < best.distance) best = { name: candidate, distance };
  }
  return best?.name;
}

function isBeginning(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a));
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other (restricted Damerau-Levenshtein). */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + change);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
