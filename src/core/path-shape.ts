/** More segments than any route has; longer paths are not learned. */
export const MAX_SEGMENTS = 32;
/** A longer segment is a value, not a name; it also bounds what a learned name costs. */
const MAX_NAME = 64;

/**
 * The percent-decoded segments of a path, without query and without an empty last one (`/users/1/` is as `/users/1`).
 * Undefined for a path that two servers may read differently: doubled slashes, dot segments, `;`, backslashes,
 * encoded slashes, dots, controls, double encoding, broken or non-UTF-8 encodings, raw controls or non-ASCII.
 * Such paths are how requests slip past routing rules (RFC 3986, sections 3.3, 5.2.4 and 7.3), so nothing is learned from them.
 */
export function pathSegments(path: string): string[] | undefined {
  const query = path.indexOf('?');
  const bare = query < 0 ? path : path.slice(0, query);
  if (!bare.startsWith('/') || UNUSUAL.test(bare)) return undefined;
  const segments = bare.slice(1).split('/');
  if (segments.at(-1) === '') segments.pop();
  for (const [i, segment] of segments.entries()) {
    const decoded = segment.includes('%') ? decodeSegment(segment) : segment;
    if (decoded === undefined || decoded === '.' || decoded === '..') return undefined;
    segments[i] = decoded;
  }
  return segments;
}

const UNUSUAL = /\/\/|[;\\#]|[^\x21-\x7e]|%(?![0-9a-f]{2})|%(?:2f|5c|[01][0-9a-f]|7f)|%25(?:2e|2f|5c|00|25)/i;

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/**
 * What a segment is called in a learned endpoint: `{id}` for values, `{id}.ext` for files named by one, else the name itself.
 * Names that would look like a placeholder or hide something are percent-encoded.
 */
export function segmentLabel(segment: string, isLast: boolean): string {
  if (isValue(segment)) return '{id}';
  const extension = isLast ? extensionOf(segment) : '';
  if (extension !== '' && holdsValue(segment.slice(0, -extension.length))) return `{id}${extension}`;
  return ODD.test(segment) ? encodeURIComponent(segment) : segment;
}

const ODD = /[\s{}%?#/\p{C}\p{Z}]/u;

/** The label of a name once its siblings have been merged: `{name}`, or `{name}.css` for a file. */
export function mergedLabel(name: string, isLast: boolean): string {
  return `{name}${isLast ? extensionOf(name) : ''}`;
}

/** Whether a label is a name as it came, not a placeholder. */
export function isLiteral(label: string): boolean {
  return !label.startsWith('{');
}

/** Decimal, uuid, hex of 8 and more, ulid, date, e-mail address, and long mixed tokens; also whatever is too long for a name. */
export function isValue(segment: string): boolean {
  return segment.length > MAX_NAME || segment.includes('@') || VALUE.test(segment) || isToken(segment);
}

const VALUE = new RegExp(
  [
    String.raw`^-?\d+(?:\.\d+)?$`,
    '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
    '^[0-9a-f]{8,}$',
    // ULID: 26 characters of Crockford's base 32, the first at most 7.
    '^[0-7][0-9a-hjkmnp-tv-z]{25}$',
    // ISO 8601: a day or a month, perhaps with a time.
    String.raw`^\d{4}-\d{2}(?:-\d{2})?(?:t[\d:.,+z-]*)?$`,
    // A numbered thing: ORD-12345, inv_2024.
    String.raw`^[a-z]{1,10}[-_]?\d{4,}$`,
  ].join('|'),
  'i',
);

/** Base64url, nanoid, prefixed ids (`cus_9s6XKzkNRiz8i3`): digits strewn in, or mixed case with a digit. */
function isToken(text: string): boolean {
  if (text.length < 10 || !/^[\w-]+={0,2}$/.test(text)) return false;
  const digits = text.length - text.replace(/\d/g, '').length;
  if (digits === 0) return false;
  if (digits >= 3 && /\d[a-z_-]+\d/i.test(text) && !isSlug(text)) return true;
  return text.length >= 16 && /[a-z]/.test(text) && /[A-Z]/.test(text) && !isSlug(text);
}

/** Lower-case words and numbers joined by hyphens or underscores: a title, perhaps `top-10-of-2024`. */
function isSlug(text: string): boolean {
  return /^(?:[a-z]+|\d{1,4})(?:[-_](?:[a-z]+|\d{1,4}))+$/.test(text);
}

/** `main-3f2a9c1b` and `app.8c1d2e3f.chunk` are named by a hash. */
function holdsValue(stem: string): boolean {
  return isValue(stem) || stem.split(/[-._]/).some((part) => part.length >= 8 && /\d/.test(part) && isValue(part));
}

/** The extension with its dot where the name is one of a file that is served, else empty. A closed list bounds what is learned. */
function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  if (dot <= 0) return '';
  const extension = name.slice(dot + 1);
  return EXTENSIONS.has(extension) ? `.${extension}` : '';
}

const EXTENSIONS: ReadonlySet<string> = new Set(
  (
    'css js mjs cjs map json xml html htm xhtml txt csv pdf png jpg jpeg gif svg webp avif ico bmp woff woff2 ttf otf eot ' +
    'mp3 mp4 webm ogg wav zip gz tar wasm php asp aspx jsp do action cgi rss atom webmanifest md doc docx xls xlsx ics'
  ).split(' '),
);
