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

/** Whether a label is a name as it came, not a placeholder. */
export function isLiteral(label: string): boolean {
  return !label.startsWith('{');
}

/**
 * Whether a name looks more like a value than like a word of an API: two digits (`bob42`), three words (`red-cotton-shirt`),
 * a dot inside, a capital to begin with or a muddle of cases, anything long or beyond ASCII. Versions (`v2`) and files that
 * are served (`app.css`) do not.
 */
export function looksOdd(name: string): boolean {
  const stem = name.slice(0, name.length - extensionOf(name).length);
  return stem.length > MAX_PLAIN || ODD_NAME.test(stem);
}

const MAX_PLAIN = 24;
const ODD_NAME = new RegExp(
  [
    // Two digits, but for a version.
    String.raw`^(?!v\d{1,3}$).*\d.*\d`,
    '^[^-_]+[-_][^-_]+[-_]',
    String.raw`.\.`,
    String.raw`[%@:~+,!$&'()*=]|[^\x21-\x7e]`,
    '^[A-Z][a-z]',
    // Three humps, a run of capitals, or mixed case behind a prefix: made by a machine.
    '[a-z][A-Z].*[a-z][A-Z].*[a-z][A-Z]',
    '[a-z][A-Z]{2,}[a-z]',
    String.raw`[^aeiouyAEIOUY\d\W_]{6}`,
  ].join('|'),
);

/** Decimal, uuid, hex of 8 and more, ulid, date, e-mail address, and long mixed tokens; also whatever is too long for a name. */
export function isValue(segment: string): boolean {
  return segment.length > MAX_NAME || segment.includes('@') || VALUE.test(segment) || isToken(segment);
}

const VALUE = new RegExp(
  [
    String.raw`^-?\d+(?:\.\d+)?$`,
    '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
    // Also seven, as short hashes of commits have, with a digit among them.
    String.raw`^[0-9a-f]{8,}$|^(?=.*\d)[0-9a-f]{7}$`,
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
  if (PREFIXED.test(text)) return true;
  const digits = text.length - text.replace(/\d/g, '').length;
  if (digits === 0) return false;
  if (digits >= 3 && /\d[a-z_-]+\d/i.test(text) && !isSlug(text)) return true;
  return text.length >= 16 && /[a-z]/.test(text) && /[A-Z]/.test(text) && !isSlug(text);
}

/** `cus_NffrFeUfNV`: mixed case behind a short prefix, with or without a digit. */
const PREFIXED = /^[a-z]{1,6}_(?=[A-Z\d]*[a-z])(?=[a-z\d]*[A-Z])[A-Za-z\d]{8,}$/;

/** Lower-case words and numbers joined by hyphens or underscores: a title, perhaps `top-10-of-2024`. */
function isSlug(text: string): boolean {
  return /^(?:[a-z]+|\d{1,4})(?:[-_](?:[a-z]+|\d{1,4}))+$/.test(text);
}

/** `main-3f2a9c1b` and `app.8c1d2e3f.chunk` are named by a hash. */
function holdsValue(stem: string): boolean {
  return isValue(stem) || stem.split(/[-._]/).some((part) => part.length >= 8 && /\d/.test(part) && isValue(part));
}

/** Whether a file of this extension is another form of what the path names (`/orders/7.json`), not a name with a dot in it (`/next.js`). */
export function isForm(extension: string): boolean {
  return FORMS.has(extension);
}

const FORMS: ReadonlySet<string> = new Set(
  '.json .xml .html .htm .csv .pdf .txt .ics .rss .atom .xls .xlsx .md'.split(' '),
);

/** The extension with its dot where the name is one of a file that is served, else empty. A closed list bounds what is learned. */
export function extensionOf(name: string): string {
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
