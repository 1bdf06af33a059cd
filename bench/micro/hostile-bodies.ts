import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib';

/** Two bodies meant to hurt: the candidate's is the hostile one, and often the control's as well, for both are parsed. */
export interface HostilePair {
  readonly name: string;
  readonly type: string;
  readonly coding?: string;
  readonly control: Uint8Array;
  readonly candidate: Uint8Array;
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const many = (count: number, make: (at: number) => string, between = ','): string =>
  Array.from({ length: count }, (_, at) => make(at)).join(between);

/** A gibibyte of zeros, compressed; made in parts, because compressing it whole would need it in memory. */
function bomb(coding: 'gzip' | 'br' | 'zstd'): Uint8Array {
  const zeros = Buffer.alloc(32 * 1024 * 1024);
  if (coding === 'br') return brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
  // Members and frames follow each other in one body (RFC 1952 section 2.2, RFC 8878 section 3.1).
  const part = coding === 'gzip' ? gzipSync(zeros) : zstdCompressSync(zeros);
  return new Uint8Array(Buffer.concat(Array.from({ length: 32 }, () => part)));
}

function of(name: string, type: string, control: string, candidate: string): HostilePair {
  return { name, type, control: bytes(control), candidate: bytes(candidate) };
}

function bombs(): HostilePair[] {
  return (['gzip', 'br', 'zstd'] as const).map((coding) => ({
    name: `bomb of ${coding}`,
    type: 'application/json',
    coding,
    control: coding === 'gzip' ? gzipSync('{}') : coding === 'br' ? brotliCompressSync('{}') : zstdCompressSync('{}'),
    candidate: bomb(coding),
  }));
}

const JSON_TYPE = 'application/json';
const HTML = 'text/html';
const DEEP = 1_000_000;

function depths(): HostilePair[] {
  const deep = (open: string, close: string): string => open.repeat(DEEP) + close.repeat(DEEP);
  return [
    of('lists a million deep', JSON_TYPE, deep('[', ']'), `${deep('[', ']')} `),
    of('objects a million deep', JSON_TYPE, '{}', `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`),
    of(
      'lists as deep as is allowed, many',
      JSON_TYPE,
      ...ends((end) => `[${many(700, () => `${'['.repeat(250)}${end}${']'.repeat(250)}`)}]`),
    ),
    of('elements a million deep', HTML, ...ends((end) => '<div>'.repeat(DEEP) + end)),
    of('links and paragraphs, unclosed', HTML, ...ends((end) => many(100_000, (at) => `<b id=${at}><p>`, '') + end)),
    of(
      'formatting that is opened anew in every paragraph',
      HTML,
      ...ends((end) => `${many(5_000, (at) => `<b id=${at}>`, '')}${'<p>x</p>'.repeat(50_000)}${end}`),
    ),
    of('tables in tables', HTML, ...ends((end) => '<table><tr><td>'.repeat(200_000) + end)),
    of('XML a million deep', 'application/xml', ...ends((end) => `${'<a>'.repeat(DEEP)}${end}${'</a>'.repeat(DEEP)}`)),
  ];
}

/** The same body twice, with another end. */
function ends(make: (end: string) => string): [string, string] {
  return [make('1'), make('2')];
}

function keys(): HostilePair[] {
  const members = (count: number, by: (at: number) => number): string =>
    `{${many(count, (at) => `"k${by(at)}":${at}`)}}`;
  return [
    of(
      'a million keys',
      JSON_TYPE,
      members(DEEP, (at) => at),
      members(DEEP, (at) => DEEP - at),
    ),
    of(
      'as many keys as are read, the other way round',
      JSON_TYPE,
      members(190_000, (at) => at),
      members(190_000, (at) => 190_000 - at),
    ),
    of(
      'one key, repeated',
      JSON_TYPE,
      members(190_000, () => 1),
      members(190_000, () => 2),
    ),
    of(
      'one key, repeated, other values',
      JSON_TYPE,
      members(190_000, () => 1),
      `{${many(190_000, () => '"k1":0')}}`,
    ),
    of(
      'lists of objects of ten thousand keys',
      JSON_TYPE,
      ...ends((end) => `[${many(18, (row) => `{${many(10_000, (at) => `"k${at}":${end}${row * at}`)}}`)}]`),
    ),
    of(
      'an element of a million attributes',
      HTML,
      ...ends((end) => `<div ${many(DEEP, (at) => `a${at}`, ' ')}>${end}`),
    ),
    of(
      'an element of a million attributes, written out',
      HTML,
      ...ends(
        (end) =>
          `<!doctype html><html><head></head><body><p ${many(DEEP, (at) => `a${at}`, ' ')}>${end}</p></body></html>`,
      ),
    ),
    of(
      'a million attributes in XML',
      'application/xml',
      ...ends((end) => `<a ${many(DEEP, (at) => `a${at}="1"`, ' ')}>${end}</a>`),
    ),
  ];
}

function lists(): HostilePair[] {
  const list = (count: number, make: (at: number) => string): string => `[${many(count, make)}]`;
  return [
    of(
      'a million numbers, the other way round',
      JSON_TYPE,
      list(DEEP, String),
      list(DEEP, (at) => String(DEEP - at)),
    ),
    of(
      'as many numbers as are read, the other way round',
      JSON_TYPE,
      list(190_000, String),
      list(190_000, (at) => String(190_000 - at)),
    ),
    of(
      'two halves, exchanged',
      JSON_TYPE,
      list(190_000, (at) => String(at < 95_000 ? 1 : 2)),
      list(190_000, (at) => String(at < 95_000 ? 2 : 1)),
    ),
    of('a list that is gone but for one', JSON_TYPE, list(190_000, String), '[-1]'),
    of(
      'other numbers',
      JSON_TYPE,
      list(190_000, String),
      list(190_000, (at) => String(-1 - at)),
    ),
    of(
      'objects with an id, the other way round',
      JSON_TYPE,
      list(60_000, (at) => `{"id":${at},"v":1}`),
      list(60_000, (at) => `{"id":${60_000 - at},"v":2}`),
    ),
    of(
      'lists in lists, equal but for the last',
      JSON_TYPE,
      ...ends((end) => `${'['.repeat(250)}${list(150_000, String)}${`,${end}]`.repeat(250)}`),
    ),
    of(
      'rows that are nearly alike',
      JSON_TYPE,
      ...ends((end) => list(100, (row) => list(1_900, (at) => `${end}${row}${at}`))),
    ),
    of(
      'elements that are nearly alike',
      HTML,
      ...ends((end) => many(100, (row) => `<ul>${many(1_000, (at) => `<li>${row}${at}${end}</li>`, '')}</ul>`, '')),
    ),
    of('eight million empty lines', 'text/plain', '\n'.repeat(8_000_000), ' \n'.repeat(4_000_000)),
    of(
      'other lines',
      'text/plain',
      many(400_000, String, '\n'),
      many(400_000, (at) => `x${at}`, '\n'),
    ),
  ];
}

function scalars(): HostilePair[] {
  const text = (value: string): string => JSON.stringify({ a: value });
  const long = (unit: string, count: number): [string, string] => [
    text(`${unit.repeat(count)}1`),
    text(`${unit.repeat(count)}2`),
  ];
  return [
    of('exponents beyond all', JSON_TYPE, '[1e999999999,-1e-999999999]', '[1e999999998,1e-999999999]'),
    of('a number of a million digits', JSON_TYPE, `[${'7'.repeat(DEEP)}]`, `[${'7'.repeat(DEEP)}8]`),
    of('a number with a million zeros inside', JSON_TYPE, `[1${'0'.repeat(DEEP)}1]`, `[1${'0'.repeat(DEEP)}2.0]`),
    of('a fraction of a million zeros', JSON_TYPE, `[0.${'0'.repeat(DEEP)}1]`, `[0.${'0'.repeat(DEEP)}2e3]`),
    of(
      'quotes and backslashes',
      JSON_TYPE,
      ...ends((end) => `["${'\\\\'.repeat(DEEP)}","${'\\"'.repeat(DEEP)}${end}"]`),
    ),
    of('lone surrogates', JSON_TYPE, ...ends((end) => `["${'\\ud800'.repeat(200_000)}${end}"]`)),
    {
      ...of('bytes that are no UTF-8', JSON_TYPE, '', ''),
      control: new Uint8Array(DEEP).fill(0xff),
      candidate: new Uint8Array(DEEP).fill(0xfe),
    },
    { ...of('NUL', HTML, '', ''), control: new Uint8Array(DEEP), candidate: new Uint8Array(DEEP + 1) },
    of('a style of white space', HTML, `<p style="${' '.repeat(DEEP)}a">1`, `<p style="${' '.repeat(DEEP)}b">1`),
    of(
      'a class of a million names',
      HTML,
      `<p class="${many(500_000, String, ' ')}">1`,
      `<p class="${many(500_000, (at) => String(500_000 - at), ' ')} x">1`,
    ),
    of('references without end', HTML, ...ends((end) => `<p>${'&amp'.repeat(400_000)}${end}`)),
    of('tags that never end', HTML, ...ends((end) => '<a '.repeat(500_000) + end)),
    of('comments that never end', HTML, ...ends((end) => '<!--'.repeat(500_000) + end)),
    ...EVIL.map(([name, unit]) => of(`evil text: ${name}`, JSON_TYPE, ...long(unit, Math.ceil(300_000 / unit.length)))),
    ...EVIL.map(([name, unit]) =>
      of(
        `evil page: ${name}`,
        HTML,
        ...ends(
          (end) =>
            `<p title="${unit.repeat(Math.ceil(300_000 / unit.length))}">${unit.repeat(Math.ceil(300_000 / unit.length))}${end}`,
        ),
      ),
    ),
  ];
}

/** What makes patterns with overlapping or nested repetitions take quadratic or exponential time. */
const EVIL: readonly (readonly [name: string, unit: string])[] = [
  ['a', 'a'],
  ['digits', '1'],
  ['zeros', '0'],
  ['hex', 'deadbeef0'],
  ['white space', ' '],
  ['white space and letters', 'a '],
  ['line ends', '\n'],
  ['tabs and returns', '\t\r'],
  ['hyphens', 'a-'],
  ['underscores', '_'],
  ['dots', 'a.'],
  ['dots alone', '.'],
  ['at signs', 'a@'],
  ['at signs and dots', 'a@a.'],
  ['addresses', 'a.b@c.d,'],
  ['colons', '1:'],
  ['times', '2026-01-01T00:00:00Z '],
  ['times without end', '2026-01-01T'],
  ['slashes', '/'],
  ['links', 'http://a/'],
  ['users in links', 'http://a:b@'],
  ['equals', 'a='],
  ['fields', 'a=b&'],
  ['semicolons', 'a;'],
  ['commas', '1,'],
  ['percent', '%41'],
  ['double percent', '%25'],
  ['quotes', '"'],
  ['backslashes', '\\'],
  ['braces', '{"a":'],
  ['brackets', '['],
  ['less than', '<'],
  ['tags', '<a b='],
  ['base64', 'QUJD'],
  ['base64 with ends', 'QUI='],
  ['base64 url', '-_-_'],
  ['web tokens', 'eyJhIjoxfQ.'],
  ['key beginnings', '-----BEGIN '],
  ['key names', 'sk_live_'],
  ['cards', '4111 1111 '],
  ['cards, hyphens', '4111-'],
  ['phones', '+1 (555) '],
  ['names of secrets', 'password:'],
  ['names of secrets, spaces', 'token = '],
  ['bearer', 'Bearer '],
  ['cookies', 'set-cookie: a='],
  ['ago', '1 hour ago '],
  ['uuids', '123e4567-e89b-42d3-a456-426614174000-'],
  ['accents', 'é'],
  ['pairs', '😀'],
];

/** Every hostile pair, made one after the other, for some are large. */
export function* hostilePairs(): Generator<HostilePair> {
  yield* bombs();
  for (const make of [depths, keys, lists, scalars]) yield* make();
}
