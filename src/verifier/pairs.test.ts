import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Pair, PairComparer, parsePairLine } from './pairs.ts';

const OPTIONS = {
  policy: { rules: [], headers: ['content-type'], keyOrder: false },
  limits: { maxDecodedBytes: 1024 * 1024, timeoutMs: 5_000 },
};
const NOW = Date.parse('2026-05-10T12:00:00Z');

function comparer(): PairComparer {
  return new PairComparer(OPTIONS, () => NOW);
}

function pair(more: object): Pair {
  const parsed = parsePairLine(
    JSON.stringify({ id: 'p1', endpoint: 'GET /a', request: { method: 'GET', path: '/a' }, ...more }),
  );
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.pair;
}
const json = (body: unknown) => ({
  status: 200,
  headers: [['content-type', 'application/json']],
  body: JSON.stringify(body),
});

describe('a line of recorded pairs', () => {
  test.each([
    ['{', 'no JSON'],
    ['[]', 'the line'],
    ['{"id":"a"}', 'endpoint'],
    ['{"id":"a","endpoint":"GET /","request":{"method":"GET","path":"/"},"control":{"status":"200"}}', 'control'],
    ['{"id":"a","endpoint":"GET /","request":{"method":"GET","path":"/"},"control":{"failure":"tired"}}', 'control'],
  ])('%s is refused, and told why', (text, why) => {
    const parsed = parsePairLine(text);
    expect(parsed.ok ? '' : parsed.message).toContain(why);
  });

  test('may hold members of other tools', () => {
    expect(pair({ control: { status: 200, body: '', note: 'x' }, candidate: { status: 200 }, label: 'y' }).id).toBe(
      'p1',
    );
  });
});

describe('comparing recorded pairs', () => {
  test('gives id, verdict, differences and the id of the signature', () => {
    const result = comparer().compare(pair({ control: json({ a: 1 }), candidate: json({ a: 2 }) }));
    expect(result).toEqual({
      id: 'p1',
      verdict: 'mismatch',
      differences: [{ path: 'body/a', kind: 'value', control: '1', candidate: '2' }],
      signature: expect.stringMatching(/^[\da-f]{12}$/),
    });
    expect(comparer().compare(pair({ control: json({ a: 1 }), candidate: json({ a: 1 }) }))).toEqual({
      id: 'p1',
      verdict: 'match',
      differences: [],
    });
  });

  test('failures, bodies in base64 and answers without headers', () => {
    const body = Buffer.from('{"a":1}').toString('base64');
    const bare = { status: 200, bodyBase64: body };
    expect(comparer().compare(pair({ control: bare, candidate: { failure: 'timeout' } }))).toMatchObject({
      verdict: 'mismatch',
      differences: [{ path: 'status', kind: 'failure' }],
    });
    expect(comparer().compare(pair({ control: bare, candidate: { status: 200, body: '{"a":2}' } }))).toMatchObject({
      differences: [{ path: 'body/a', kind: 'value' }],
    });
    expect(comparer().compare(pair({ control: { failure: 'reset' }, candidate: bare }))).toMatchObject({
      verdict: 'inconclusive',
      reason: 'controlFailed',
    });
  });

  test('a control that contradicts itself at the place is inconclusive, elsewhere it is not', () => {
    const [a, b, c] = [json({ n: 'open', m: 1 }), json({ n: 'shut', m: 1 }), json({ n: 'open', m: 2 })];
    const other = json({ n: 'lost', m: 1 });
    expect(comparer().compare(pair({ control: a, candidate: other, controlAgain: b }))).toMatchObject({
      verdict: 'inconclusive',
      reason: 'controlMoved',
    });
    expect(comparer().compare(pair({ control: a, candidate: other, controlAgain: c })).verdict).toBe('mismatch');
    expect(comparer().compare(pair({ control: a, candidate: other, controlAgain: a })).verdict).toBe('mismatch');
    const failed = pair({ control: a, candidate: { failure: 'reset' }, controlAgain: b });
    expect(comparer().compare(failed).verdict).toBe('mismatch');
  });

  test('the time of a pair is its own, or the Date of the control, or now', () => {
    const at = (text: string) => json({ t: text });
    const [then, soon] = [at('2026-01-02T03:04:05Z'), at('2026-01-02T03:04:06Z')];
    const dated = { ...then, headers: [...then.headers, ['Date', 'Fri, 02 Jan 2026 03:04:05 GMT']] };
    expect(comparer().compare(pair({ control: then, candidate: soon })).verdict).toBe('mismatch');
    expect(comparer().compare(pair({ control: dated, candidate: soon })).verdict).toBe('match');
    const own = pair({ at: Date.parse('2026-01-02T03:04:05Z'), control: then, candidate: soon });
    expect(comparer().compare(own).verdict).toBe('match');
  });

  test('lines that only teach are learned from', () => {
    const one = comparer();
    for (let i = 0; i < 10; i++) {
      one.learn(pair({ control: json({ load: 300 + i * 17 }), controlAgain: json({ load: 310 + ((i * 31) % 90) }) }));
    }
    const [a, b, c] = [json({ load: 320 }), json({ load: 360 }), json({ load: null })];
    expect(one.compare(pair({ control: a, candidate: b })).verdict).toBe('match');
    expect(one.compare(pair({ control: a, candidate: c })).verdict).toBe('mismatch');
  });
});

describe('the golden pairs', () => {
  const file = (name: string) =>
    readFileSync(new URL(`../../test/golden/compare/${name}.ndjson`, import.meta.url), 'utf8')
      .trimEnd()
      .split('\n');

  test('give the verdicts that were agreed', () => {
    const one = comparer();
    const results = file('pairs').map((text) => {
      const parsed = parsePairLine(text);
      if (!parsed.ok) throw new Error(parsed.message);
      return one.compare(parsed.pair);
    });
    expect(results).toEqual(file('expected').map((text) => JSON.parse(text)));
  });
});
