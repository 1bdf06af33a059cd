import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { Answer } from '../core/observation.ts';
import type { ComparisonResult } from '../core/verdict.ts';
import { Comparer } from './comparer.ts';

function compare(type: string, a: string | Uint8Array, b: string | Uint8Array, otherType = type): ComparisonResult {
  const comparer = new Comparer({
    policy: { rules: [], headers: ['content-type'], keyOrder: false },
    limits: { maxDecodedBytes: 8 * 1024 * 1024, timeoutMs: 20_000 },
  });
  return comparer.compare({
    id: 'e1',
    at: Date.parse('2026-05-10T12:00:00Z'),
    cell: { tenant: 'acme' as TenantId, endpoint: 'GET /export' as EndpointId },
    direction: 'forward',
    request: { method: 'GET', target: '/export', headers: [['Host', 'shop.example']] },
    control: answer(a, type),
    candidate: answer(b, otherType),
    gapMs: 20,
    versions: { control: 'a', candidate: 'b' },
  });
}

function answer(text: string | Uint8Array, type: string): Answer {
  const body = Buffer.from(text);
  return {
    kind: 'answer',
    status: 200,
    headers: [['Content-Type', type]],
    body,
    bodyBytes: body.length,
    firstByteMs: 1,
    durationMs: 1,
  };
}

/** `match`, or `value body/a` for each open difference. */
function story(result: ComparisonResult): string {
  const open = result.differences.filter((d) => d.noise === undefined && d.rule === undefined);
  return open.length === 0 ? (result.reason ?? result.verdict) : open.map((d) => `${d.kind} ${d.path}`).join(', ');
}

type Case = readonly [name: string, control: string, candidate: string, expected: string];

function cases(type: string, list: readonly Case[]): void {
  test.each(list)('%s', (_, a, b, expected) => expect(story(compare(type, a, b))).toBe(expected));
}

describe('newline-delimited JSON', () => {
  cases('application/x-ndjson', [
    ['members in another order', '{"a":1,"b":2}\n{"a":2}\n', '{"b":2,"a":1}\n{"a":2}', 'match'],
    ['a value', '{"a":1}\n{"a":2}\n', '{"a":1}\n{"a":3}\n', 'value body/lines/1/a'],
    ['a line more', '{"a":1}\n{"a":2}', '{"a":1}\n{"a":9}\n{"a":2}', 'added body/lines/1'],
    ['a line less', '{"a":1}\n{"a":9}\n{"a":2}', '{"a":1}\n{"a":2}', 'removed body/lines/1'],
    [
      'lines with ids',
      '{"id":1,"v":1}\n{"id":2,"v":2}\n{"id":3,"v":3}',
      '{"id":1,"v":1}\n{"id":3,"v":4}',
      'removed body/lines/1, value body/lines/2/v',
    ],
    ['a line that is no JSON any more', '{"a":1}\n{"a":2}', '{"a":1}\n{"a":', 'type body/lines/1'],
    ['a text that lost its quotes', '"a"\n', 'a\n', 'value body/lines/0'],
    ['lines that never were JSON', 'a\nb', 'a\nc', 'value body/lines/1'],
    ['nothing at all', '{"a":1}', '', 'removed body'],
  ]);

  test('a long one is aligned window by window: what is inserted shifts nothing', () => {
    const lines = Array.from({ length: 12_000 }, (_, n) => `{"n":${n},"t":"row ${n}"}`);
    const other = lines.map((line) => line.replace(':', ': '));
    other.splice(3_000, 1);
    other.splice(7_000, 0, '{"n":-1,"t":"new"}');
    other[9_000] = '{"n":9000,"t":"changed"}';
    expect(story(compare('application/jsonl', lines.join('\n'), other.join('\n')))).toBe(
      'removed body/lines/3000, value body/lines/9000/t, added body/lines/7000',
    );
  });
});

describe('event streams', () => {
  cases('text/event-stream', [
    [
      'comments, spaces and the default name',
      ': hi\n\ndata: {"a": 1}\n\n',
      'event:message\r\ndata:{"a":1.0}\r\n\r\n',
      'match',
    ],
    ['data', 'data: {"a":1}\n\ndata: {"a":2}\n\n', 'data: {"a":1}\n\ndata: {"a":3}\n\n', 'value body/events/1/data/a'],
    ['data of several lines', 'data: a\ndata: b\n\n', 'data: a\ndata: c\n\n', 'value body/events/0/data'],
    ['another name', 'event: add\ndata: 1\n\n', 'event: del\ndata: 1\n\n', 'value body/events/0/event'],
    ['a lost id', 'id: 7\ndata: 1\n\n', 'data: 1\n\n', 'removed body/events/0/id'],
    ['retry', 'retry: 10\ndata: 1\n\n', 'retry: 20\ndata: 1\n\n', 'value body/events/0/retry'],
    ['a lost event', 'data: 1\n\ndata: 2\n\ndata: 3\n\n', 'data: 1\n\ndata: 3\n\n', 'removed body/events/1'],
  ]);
});

describe('XML', () => {
  const order = (inside: string) => `<?xml version="1.0"?><order xmlns="urn:o">${inside}</order>`;
  cases('application/xml', [
    ['attributes in another order', '<a x="1" y="2"/>', "<a y='2' x='1'></a>", 'match'],
    ['indentation', '<a><b>1</b><c/></a>', '<a>\n  <b>1</b>\n  <c/>\n</a>\n', 'match'],
    ['comments and the declaration', '<a>1<!-- x -->2</a>', '<?xml version="1.0" encoding="utf-8"?><a>12</a>', 'match'],
    ['CDATA and entities', '<a>&lt;b&gt; &#38; &#x26;</a>', '<a><![CDATA[<b> & &]]></a>', 'match'],
    ['other prefixes of one namespace', '<p:a xmlns:p="urn:x"><p:b/></p:a>', '<a xmlns="urn:x"><b/></a>', 'match'],
    ['another namespace', '<a xmlns="urn:x"/>', '<a xmlns="urn:y"/>', 'removed body/a, added body/a'],
    ['a text', order('<total>1</total>'), order('<total>2</total>'), 'value body/order/total/text()'],
    ['an attribute', '<a x="1"/>', '<a x="2"/>', 'value body/a/@x'],
    ['a lost attribute', '<a x="1"/>', '<a/>', 'removed body/a/@x'],
    ['a new element', '<a><b/></a>', '<a><b/><c/></a>', 'added body/a/c'],
    ['space around a text', '<a> 1</a>', '<a>1</a>', 'whitespace body/a/text()'],
    ['space among text', '<p>a <b>b</b> c</p>', '<p>a <b>b</b>c</p>', 'whitespace body/p/text()[2]'],
    [
      'space that is kept',
      '<a xml:space="preserve"><b/> <b/></a>',
      '<a xml:space="preserve"><b/><b/></a>',
      'whitespace body/a/text()',
    ],
    ['a processing instruction', '<?style a?><x/>', '<?style b?><x/>', 'value body/?style/text()'],
    [
      'entities that a document type declares',
      '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
      '<!DOCTYPE a [<!ENTITY x "z">]><a>&x;</a>',
      'match',
    ],
    ['order', '<a><b>1</b><c/><d/></a>', '<a><c/><d/><b>1</b></a>', 'order body/a'],
    ['what is no XML any more', '<a>1</a>', 'oops', 'type body'],
    ['what ends early', '<a><b>1</b></a>', '<a><b>1</b>', 'type body'],
    ['what never was XML', '<a>\nb', '<a>\nc', 'value body/line/2'],
    ['an empty body', '<a/>', '', 'removed body'],
  ]);

  test('entries of a sitemap and items of a feed are paired by what names them', () => {
    const url = (loc: string, more: string) => `<url><loc>https://a.example/${loc}</loc>${more}</url>`;
    const map = (...urls: string[]) =>
      `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">${urls.join('')}</urlset>`;
    const [daily, weekly] = ['<changefreq>daily</changefreq>', '<changefreq>weekly</changefreq>'];
    expect(
      story(
        compare(
          'text/xml',
          map(url('a', daily), url('b', daily), url('c', daily)),
          map(url('a', daily), url('c', weekly)),
        ),
      ),
    ).toBe('removed body/urlset/url[2], value body/urlset/url[3]/changefreq/text()');
    const item = (guid: string, title: string) => `<item><title>${title}</title><guid>${guid}</guid></item>`;
    const feed = (...items: string[]) => `<rss><channel><title>News</title>${items.join('')}</channel></rss>`;
    expect(
      story(
        compare(
          'application/rss+xml',
          feed(item('1', 'a'), item('2', 'b'), item('3', 'c')),
          feed(item('2', 'x'), item('1', 'a'), item('3', 'c')),
        ),
      ),
    ).toBe('value body/rss/channel/item[2]/title/text(), order body/rss/channel');
  });

  test('entries are paired whatever host each side calls itself', () => {
    const map = (host: string, ...paths: string[]) =>
      `<urlset>${paths.map((path) => `<url><loc>${host}/${path}</loc></url>`).join('')}</urlset>`;
    const [control, candidate] = [map('https://shop.example', 'a', 'b', 'c'), map('http://10.0.0.7', 'a', 'c')];
    expect(story(compare('text/xml', control, candidate))).toBe(
      'removed body/urlset/url[2], value body/urlset/url[1]/loc/text(), value body/urlset/url[3]/loc/text()',
    );
  });

  test('nesting and entities beyond every bound are inconclusive, and nothing is expanded', () => {
    const deep = (text: string) => `${'<a>'.repeat(5_000)}${text}${'</a>'.repeat(5_000)}`;
    expect(story(compare('text/xml', deep('1'), deep('2')))).toBe('tooLarge');
    const laughs = (end: string) =>
      `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]><l>&c;${end}</l>`;
    expect(story(compare('text/xml', laughs('1'), laughs('2')))).toBe('value body/l/text()');
  });
});

describe('forms', () => {
  cases('application/x-www-form-urlencoded', [
    ['fields in another order, spelled in another way', 'a=1&b=x+y%21', 'b=x%20y!&a=1', 'match'],
    ['a value', 'a=1&b=2', 'a=1&b=3', 'value body/b'],
    ['fields of one name in another order', 'a=1&a=2', 'a=2&a=1', 'value body/a, value body/a'],
    ['a lost field', 'a=1&b=2', 'a=1', 'removed body/b'],
    ['a new field', 'a=1', 'a=1&b', 'added body/b'],
    ['damaged percent signs', 'a=%', 'a=%25', 'match'],
  ]);
});

describe('multipart', () => {
  const body = (boundary: string, ...parts: string[]) =>
    `preamble\r\n${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`;
  const field = (name: string, value: string, more = '') =>
    `Content-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}`;
  const json = (value: string) =>
    `Content-Disposition: form-data; name="j"\r\nContent-Type: application/json\r\n\r\n${value}`;

  test.each<[string, string[], string[], string]>([
    ['another boundary and order', [field('a', '1'), field('b', '2')], [field('b', '2'), field('a', '1')], 'match'],
    ['a value', [field('a', '1')], [field('a', '2')], 'value body/parts/a/body/line/1'],
    ['JSON inside', [json('{"x":1,"y":2}')], [json('{"y":3,"x":1}')], 'value body/parts/j/body/y'],
    [
      'a file name',
      [field('f', 'x', '; filename="a.txt"')],
      [field('f', 'x', '; filename="b.txt"')],
      'value body/parts/f/filename',
    ],
    ['a lost part', [field('a', '1'), field('b', '2')], [field('a', '1')], 'removed body/parts/b'],
    ['a new part', [field('a', '1')], [field('a', '1'), field('a', '2')], 'added body/parts/a[2]'],
  ])('%s', (_, a, b, expected) => {
    const [control, candidate] = [body('one', ...a), body('two', ...b)];
    expect(
      story(compare('multipart/form-data; boundary=one', control, candidate, 'multipart/form-data; boundary="two"')),
    ).toBe(expected);
  });

  test('what is cut off before the last delimiter is no multipart any more', () => {
    const whole = body('one', field('a', '1'));
    expect(story(compare('multipart/mixed; boundary=one', whole, whole.slice(0, -12)))).toBe('type body');
  });

  test('parts within parts are followed a few levels, and then compared as bytes', () => {
    let [a, b] = [field('a', '1'), field('a', '2')];
    for (let level = 0; level < 7; level++) {
      const wrap = (inside: string) =>
        `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n${body(`b${level}`, inside)}`;
      [a, b] = [wrap(a), wrap(b)];
    }
    expect(story(compare('multipart/mixed; boundary=one', body('one', a), body('one', b)))).toMatch(
      /^value body\/parts\/1\/body(\/parts\/1\/body){3}$/,
    );
  });
});

describe('separated values', () => {
  cases('text/csv', [
    ['quotes and line ends', 'a,b\r\n1,"x"\r\n', '"a",b\n1,x\n', 'match'],
    ['a cell', 'sku,price\nA,1\nB,2\n', 'sku,price\nA,1\nB,3\n', 'value body/rows/1/price'],
    ['a quoted cell of two lines', 'a,b\n"x\ny",1\n', 'a,b\n"x\nz",1\n', 'value body/rows/0/a'],
    ['a doubled quote', 'a\n"x""y"\n', 'a\n"x""z"\n', 'value body/rows/0/a'],
    ['a lost row', 'id,v\n1,a\n2,b\n3,c\n', 'id,v\n1,a\n3,c\n', 'removed body/rows/1'],
    ['rows in another order', 'id,v\n1,a\n2,b\n3,c\n', 'id,v\n2,b\n1,a\n3,c\n', 'order body/rows'],
    ['columns in another order', 'a,b\nx,y\n', 'b,a\ny,x\n', 'order body/columns'],
    ['a lost cell', 'a,b\nx,y\n', 'a,b\nx\n', 'removed body/rows/0/b'],
    ['a decimal that is written in another way', 'a,b\nx,1.0\n', 'a,b\nx,1\n', 'value body/rows/0/b'],
    ['no header', 'x,1\ny,2\n', 'x,1\ny,3\n', 'value body/rows/1/1'],
    ['a quote that is not closed', 'a\n"x"\n', 'a\n"x\n', 'type body'],
    ['semicolons', 'a;b\nx;1,5\n', 'a;b\nx;1,6\n', 'value body/rows/0/b'],
    [
      'another separator',
      'a;b\nx;y\n',
      'a,b\nx,y\n',
      'removed body/columns/1, removed body/rows/0/a, removed body/rows/0/b, value body/columns/0, added body/rows/0/a,b',
    ],
    ['a byte order mark', 'a\nx\n', '\uFEFFa\nx\n', 'whitespace body'],
  ]);

  test('a tab separates where the type says so', () => {
    expect(story(compare('text/tab-separated-values', 'a\tb\nx,\ty\n', 'a\tb\nx,\tz\n'))).toBe('value body/rows/0/b');
  });
});

describe('JSON', () => {
  cases('application/json', [
    ['one and one point nothing', '1', '1.0', 'match'],
    ['an exponent', '{"a":100}', '{"a":1e2}', 'match'],
    ['a small exponent', '{"a":0.001}', '{"a":1E-3}', 'match'],
    ['a number of twenty digits', '12345678901234567890', '12345678901234567891', 'value body'],
    ['a fraction of twenty digits', '0.12345678901234567890', '0.1234567890123456789', 'match'],
    ['what ends early', '{"a":[1,2]}', '{"a":[1,', 'type body'],
    ['what ends within a text', '{"a":"xyz"}', '{"a":"x', 'type body'],
    ['a byte order mark', '{"a":1}', '\uFEFF{"a":1}', 'whitespace body'],
  ]);

  test('an answer that ends early says where', () => {
    const told = (a: string, b: string) => compare('application/json', a, b).differences[0]?.candidate;
    expect(told('{"a":"é","b":1}', '{"a":"é","b')).toBe('ends early at byte 12');
    expect(told('{"a":true}', '{"a":tr')).toBe('ends early at byte 7');
    expect(told('{"a":1}', '<h1>no</h1>')).toBe('<h1>no</h1>');
  });

  test('a document beyond our own bounds is not judged', () => {
    const wide = (last: number) => `[${'0,'.repeat(200_001)}${last}]`;
    expect(story(compare('application/json', wide(1), wide(2)))).toBe('tooLarge');
    expect(story(compare('application/json', '[1]', wide(2)))).toBe('tooLarge');
    const deep = (last: number) => `${'['.repeat(300)}${last}${']'.repeat(300)}`;
    expect(story(compare('application/json', deep(1), deep(2)))).toBe('tooLarge');
    expect(story(compare('application/json', '[1]', deep(2)))).toBe('type body');
  });

  test('the same text in another charset is a difference of the header alone', () => {
    const utf16 = Buffer.from('{"a":"é"}', 'utf16le');
    expect(story(compare('application/json', '{"a":"é"}', utf16, 'application/json; charset=utf-16le'))).toBe(
      'value header:content-type',
    );
    const latin = Buffer.from('<p>é</p>', 'latin1');
    expect(
      story(
        compare(
          'text/html',
          '<meta charset=utf-8><p>é</p>',
          Buffer.concat([Buffer.from('<meta charset=latin1>'), latin]),
        ),
      ),
    ).toBe('value body/html/head/meta/@charset');
  });
});

describe('GraphQL', () => {
  const signature = (a: string, b: string) => compare('application/json', a, b).signature;

  test('errors that only the candidate has name the cause, whatever else differs', () => {
    const broken = '{"errors":[{"message":"no"}],"data":null}';
    expect(story(compare('application/json', '{"data":{"a":1,"b":2}}', broken))).toBe(
      'added body/errors, type body/data',
    );
    expect(signature('{"data":{"a":1,"b":2}}', '{"data":{"a":1},"errors":[{"message":"no"}]}')).toMatchObject({
      pathPattern: 'body/errors',
    });
  });

  test('errors of both sides, and members that happen to be called so, are compared like any other', () => {
    const both = (message: string) => `{"data":null,"errors":[{"message":"${message}"}]}`;
    expect(story(compare('application/json', both('a'), both('b')))).toBe('value body/errors/0/message');
    expect(signature('{"data":1,"page":1,"x":1}', '{"data":1,"page":1,"errors":[1]}')).toMatchObject({
      pathPattern: 'body/x',
    });
  });
});

describe('images, other bytes and code', () => {
  const png = (width: number, height: number, rest: string) => {
    const head = Buffer.alloc(24);
    head.write('\x89PNG\r\n\x1a\n', 'latin1');
    head.writeUInt32BE(width, 16);
    head.writeUInt32BE(height, 20);
    return Buffer.concat([head, Buffer.from(rest)]);
  };

  test('another size of an image is told beside its bytes', () => {
    expect(story(compare('image/png', png(10, 20, 'x'), png(10, 40, 'x')))).toBe('value body/height, value body');
    expect(story(compare('image/png', png(10, 20, 'x'), png(10, 20, 'y')))).toBe('value body');
    expect(story(compare('image/png', png(10, 20, 'x'), '<h1>Error</h1>'))).toBe('type body');
    expect(story(compare('image/svg+xml', '<svg width="1"/>', '<svg width="2"/>'))).toBe('value body/svg/@width');
  });

  test('other bytes are told by length and digest', () => {
    const pdf = (end: string) => `%PDF-1.7${'x'.repeat(100)}${end}`;
    const { differences } = compare('application/pdf', pdf('1'), pdf('2'));
    expect(differences[0]?.control).toMatch(/^109 bytes, begins 255044462d312e37, sha256 [\da-f]{16}$/);
    expect(differences[0]?.control).not.toBe(differences[0]?.candidate);
  });

  cases('text/css', [
    ['another layout', 'a{b:c}\nd{e:f}', 'a {\n  b: c\n}\nd {\n  e: f\n}', 'whitespace body'],
    ['another space in a line', 'a{b:c}', 'a{b: c}', 'whitespace body/line/1'],
    ['another value', 'a{b:c}\nd{e:f}', 'a{b:c}\nd{e:g}', 'value body/line/2'],
  ]);
});

/** A row, a record, a form: what each format writes in a way of its own. */
const word = fc.stringMatching(/^[a-z]{1,8}$/);
const value = fc.stringMatching(/^[ -~]{0,12}[a-z]$/).map((text) => text.trim());
const record = fc.uniqueArray(fc.tuple(word, value), { minLength: 1, maxLength: 5, selector: ([name]) => name });
type Record = readonly (readonly [string, string])[];

interface Writer {
  readonly type: string;
  /** In one of two spellings that mean the same. */
  write(record: Record, other: boolean): string;
  path(name: string): string;
}

const escapeXml = (text: string) => text.replace(/[<>&]/g, (c) => `&#${c.charCodeAt(0)};`);
const escapeXmlToo = (text: string) => text.replace(/[<>&]/g, (c) => ({ '<': '&lt;', '>': '&gt;' })[c] ?? '&amp;');
const WRITERS: readonly Writer[] = [
  {
    type: 'application/x-ndjson',
    write: (fields, other) =>
      `{"first":0}\n${JSON.stringify(Object.fromEntries(other ? [...fields].reverse() : fields))}\n`,
    path: (name) => `body/lines/1/${name}`,
  },
  {
    type: 'text/event-stream',
    write: (fields, other) =>
      `${other ? ': ping\n\n' : ''}data:${other ? ' ' : ''}${JSON.stringify(Object.fromEntries(fields))}\n\n`,
    path: (name) => `body/events/0/data/${name}`,
  },
  {
    type: 'application/xml',
    write: (fields, other) =>
      `<r>${fields.map(([name, text]) => `${other ? '\n  ' : ''}<${name}>${other ? escapeXml(text) : escapeXmlToo(text)}</${name}>`).join('')}</r>`,
    path: (name) => `body/r/${name}/text()`,
  },
  {
    type: 'application/x-www-form-urlencoded',
    write: (fields, other) => {
      const written = fields.map(([name, text]) => `${name}=${encodeURIComponent(text)}`);
      return other ? written.reverse().join('&').replaceAll('%20', '+') : written.join('&');
    },
    path: (name) => `body/${name}`,
  },
  {
    type: 'text/csv',
    write: (fields, other) => {
      const cell = (text: string) => (other || /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      return `${fields.map(([name]) => name).join(',')}${other ? '\r\n' : '\n'}${fields.map(([, text]) => cell(text)).join(',')}\n`;
    },
    path: (name) => `body/rows/0/${name}`,
  },
];

describe.each(WRITERS.map((writer) => [writer.type, writer] as const))('%s', (type, writer) => {
  test('anything matches itself, however it is written', () => {
    fc.assert(
      fc.property(record, (fields) => {
        expect(story(compare(type, writer.write(fields, false), writer.write(fields, true)))).toBe('match');
      }),
    );
  });

  test('one changed leaf is found at its path', () => {
    fc.assert(
      fc.property(record, fc.nat(), (fields, at) => {
        const name = fields[at % fields.length]?.[0] ?? '';
        const changed = fields.map(([key, text]) => [key, key === name ? `${text}!x` : text] as const);
        expect(story(compare(type, writer.write(fields, false), writer.write(changed, true)))).toBe(
          `value ${writer.path(name)}`,
        );
      }),
    );
  });
});

test('I11: whatever is sent as whatever, comparing gives a verdict and no fault', () => {
  const types = fc.constantFrom(
    ...WRITERS.map(({ type }) => type),
    'text/html',
    'application/json',
    'text/css',
    'image/png',
    'image/jpeg',
    'image/webp',
    'multipart/mixed; boundary=b',
  );
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        '<a',
        '>',
        '</a>',
        '<?',
        '<!DOCTYPE [',
        '&#x110000;',
        '"',
        ',',
        '\r',
        '\n',
        '--b',
        '--b--',
        '{',
        '[',
        ':',
        'data',
        '%',
        '&',
        '=',
        '<![CDATA[',
        ']]>',
        '\u0000',
        '\uD800',
        'RIFFxxxxWEBPVP8 ',
        'ftypavif',
        '\xFF\xD8',
      ),
      fc.string(),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(types, pieces, pieces, (type, a, b) => {
      const [left, right] = [Buffer.from(a.join(''), 'latin1'), Buffer.from(b.join(''), 'latin1')];
      const result = compare(type, left, right);
      expect(result.reason).not.toBe('fault');
      if (Buffer.compare(left, right) !== 0 && type.startsWith('image/')) expect(result.verdict).toBe('mismatch');
    }),
    { numRuns: 1_000 },
  );
});

describe('I11: what is made to cost much is inconclusive, and soon', () => {
  const many = (text: string, count: number) => text.repeat(count);
  test.each<[string, string, (end: string) => string]>([
    ['millions of empty lines', 'application/x-ndjson', (end) => `${many('\n', 5_000_000)}${end}`],
    ['millions of empty lines as text', 'text/plain', (end) => `${many('\n', 5_000_000)}${end}`],
    ['millions of cells', 'text/csv', (end) => `${many(',', 500_000)}${end}`],
    ['hundreds of thousands of elements', 'text/xml', (end) => `<r>${many('<a/>', 300_000)}${end}</r>`],
    [
      'namespaces declared again and again',
      'text/xml',
      (end) =>
        `<r ${Array.from({ length: 20_000 }, (_, n) => `xmlns:p${n}="u"`).join(' ')}>${many('<a xmlns:q="v"/>', 5_000)}${end}</r>`,
    ],
  ])('%s', (_, type, write) => expect(story(compare(type, write('1'), write('2')))).toBe('tooLarge'));

  test('fields without end are one text behind the ten thousandth', () => {
    const form = (end: string) => `${many('a=1&', 20_000)}${end}`;
    expect(story(compare('application/x-www-form-urlencoded', form('b=1'), form('b=2')))).toBe('value body/&');
  });

  test('parts without end are bytes', () => {
    const parts = (end: string) => `${many('--b\r\n\r\n\r\n', 2_000)}--b\r\n\r\n${end}\r\n--b--`;
    expect(story(compare('multipart/mixed; boundary=b', parts('1'), parts('2')))).toBe('value body');
  });
});

describe('what the control makes anew each time is noise in every format', () => {
  let seed = 11;
  const hex = (length: number) =>
    Array.from({ length }, () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      return ((seed >> 16) & 15).toString(16);
    }).join('');
  const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  const at = Date.parse('2026-05-10T12:00:00Z');

  test.each<[string, (total: string) => string, string]>([
    ['application/xml', (total) => `<o><id>${uuid()}</id><total>${total}</total></o>`, 'body/o/total/text()'],
    ['application/x-ndjson', (total) => `{"id":"${uuid()}"}\n{"total":"${total}"}\n`, 'body/lines/1/total'],
    ['text/csv', (total) => `id,total\n${uuid()},${total}\n`, 'body/rows/0/total'],
    ['application/x-www-form-urlencoded', (total) => `token=${hex(32)}&total=${total}`, 'body/total'],
    ['text/event-stream', (total) => `id: ${uuid()}\ndata: {"total":"${total}"}\n\n`, 'body/events/0/data/total'],
  ])('%s', (type, write, path) => {
    const comparer = new Comparer({
      policy: { rules: [], headers: [], keyOrder: false },
      limits: { maxDecodedBytes: 1024 * 1024, timeoutMs: 10_000 },
    });
    const request = { method: 'GET', target: '/export', headers: [] };
    const endpoint = 'GET /export' as EndpointId;
    const drawn = (total: string) => answer(write(total), type);
    for (let lesson = 0; lesson < 20; lesson++) comparer.learn(endpoint, request, drawn('10'), drawn('10'), 20, at);
    const judge = (total: string) =>
      comparer.compare({
        id: `e${hex(8)}`,
        at,
        cell: { tenant: 'acme' as TenantId, endpoint },
        direction: 'forward',
        request,
        control: drawn('10'),
        candidate: drawn(total),
        gapMs: 20,
        versions: { control: 'a', candidate: 'b' },
      });
    for (let pair = 0; pair < 20; pair++) expect(story(judge('10'))).toBe('match');
    expect(story(judge('11'))).toBe(`value ${path}`);
  });
});
