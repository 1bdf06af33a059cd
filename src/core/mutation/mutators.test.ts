import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget } from '../compare/budget.ts';
import { Findings } from '../compare/finding.ts';
import { parseJson } from '../compare/json.ts';
import { BODY } from '../compare/path.ts';
import { ORDERED } from '../compare/walk.ts';
import { walkJson } from '../compare/walk-json.ts';
import type { Answer, HeaderList, Observation } from '../observation.ts';
import { MUTATORS } from './mutators.ts';

/** As the same seed gives the same numbers: mulberry32. */
function stream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function answer(type: string, body: string, headers: HeaderList = []): Answer {
  const bytes = Buffer.from(body);
  return {
    kind: 'answer',
    status: 200,
    headers: [['Content-Type', type], ['Content-Length', String(bytes.length)], ...headers],
    body: bytes,
    bodyBytes: bytes.length,
    firstByteMs: 1,
    durationMs: 2,
  };
}

function bodyOf(observation: Observation): string {
  return observation.kind === 'answer' ? Buffer.from(observation.body).toString() : observation.failure;
}

function plant(name: string, type: string, body: string, headers: HeaderList = [], seed = 1) {
  const mutator = MUTATORS.find((one) => one.name === name);
  if (mutator === undefined) throw new Error(`no mutator ${name}`);
  return mutator.plant(answer(type, body, headers), stream(seed));
}

const UUID = '3f2b8c1e-7a4d-4c5b-9e1f-2a3b4c5d6e7f';

/** What is planted into bodies that leave no choice of the place. */
const JSON_TABLE: readonly (readonly [name: string, before: string, after: string, path: string])[] = [
  ['field-dropped', '{"a":1.0}', '{}', 'body/a'],
  ['field-added', '{"a":1}', '{"a":1,"debug":true}', 'body/debug'],
  ['field-nulled', '{"a":12345678901234567890}', '{"a":null}', 'body/a'],
  ['field-renamed', '{"created_at":1}', '{"createdAt":1}', 'body/created_at'],
  ['field-renamed', '{"createdAt":1}', '{"created_at":1}', 'body/createdAt'],
  ['field-renamed', '{"a":1}', '{"aValue":1}', 'body/a'],
  ['number-as-text', '{"a":1.50,"b":"x"}', '{"a":"1.50","b":"x"}', 'body/a'],
  ['text-as-number', '{"a":"007","b":"12"}', '{"a":"007","b":12}', 'body/b'],
  ['boolean-flipped', '[{"a/b":true}]', '[{"a/b":false}]', 'body/0/a~1b'],
  ['state-swapped', '{"a":"active"}', '{"a":"inactive"}', 'body/a'],
  ['rounded', '{"a":9.996}', '{"a":10.00}', 'body/a'],
  ['rounded', '{"a":-2.5,"b":1}', '{"a":-3,"b":1}', 'body/a'],
  ['money-as-text', '{"a":"12.50 EUR"}', '{"a":"12.5 EUR"}', 'body/a'],
  ['money-float', '{"a":12.5}', '{"a":12.499999998}', 'body/a'],
  ['big-integer-rounded', '{"a":9007199254740993}', '{"a":9007199254740992}', 'body/a'],
  ['text-truncated', '{"a":"a quiet afternoon"}', '{"a":"a quiet af"}', 'body/a'],
  ['uuid-version', `{"a":"${UUID}"}`, `{"a":"${UUID.replace('-4c', '-1c')}"}`, 'body/a'],
  ['uuid-shape', `{"a":"/x/${UUID}"}`, `{"a":"/x/${UUID.replaceAll('-', '')}"}`, 'body/a'],
  ['same-uuid', `{"a":"${UUID}"}`, '{"a":"c0ffee00-0000-4000-8000-c0ffee000001"}', 'body/a'],
  ['token-length', '{"a":"k7Qz0xP4mW9sT2aB"}', '{"a":"k7Qz0xP4mW9s"}', 'body/a'],
  ['token-alphabet', '{"a":"9f8a7b6c5d4e3f2a"}', '{"a":"9F8A7B6C5D4E3F2A"}', 'body/a'],
  ['id-collision', '[{"id":1,"n":"a"},{"id":2,"n":"b"}]', '[{"id":1,"n":"a"},{"id":1,"n":"b"}]', 'body/1/id'],
  ['tenant-mix-up', '{"email":"a@b.example"}', '{"email":"someone.else@other.example"}', 'body/email'],
  ['tenant-mix-up', '{"owner":"Ann Lee"}', '{"owner":"Someone Else"}', 'body/owner'],
  ['order-lost', '{"a":[1,2,3]}', '{"a":[3,2,1]}', 'body/a'],
  ['element-duplicated', '{"a":[1]}', '{"a":[1,1]}', 'body/a/1'],
  ['element-missing', '{"a":[1]}', '{"a":[]}', 'body/a/0'],
  ['list-emptied', '{"a":[1,2]}', '{"a":[]}', 'body/a'],
  ['mojibake', '{"a":"Zoë"}', '{"a":"ZoÃ«"}', 'body/a'],
  ['escaped-twice', '{"a":"R&B"}', '{"a":"R&amp;B"}', 'body/a'],
];

const HTML_TABLE: readonly (readonly [name: string, before: string, after: string, path: string])[] = [
  ['attribute-lost', '<p class="a">x</p>', '<p>x</p>', 'body/p/@class'],
  ['attribute-lost', '<p><input disabled></p>', '<p><input></p>', 'body/p/input/@disabled'],
  ['element-lost', '<html><body><p>x</p></body></html>', '<html><body></body></html>', 'body/html/body/p'],
  ['escaping-lost', '<p>a &lt;b&gt;</p>', '<p>a <b></p>', 'body/p/text()'],
  ['escaped-twice', '<p>R &amp; B</p>', '<p>R &amp;amp; B</p>', 'body/p/text()'],
  ['off-by-one', '<p>about <b> 12 </b></p><p>y</p>', '<p>about <b> 13 </b></p><p>y</p>', 'body/p[1]/b/text()'],
  ['uuid-shape', `<a href="/x/${UUID}">x</a>`, `<a href="/x/${UUID.replaceAll('-', '')}">x</a>`, 'body/a/@href'],
  ['text-truncated', '<p>a quiet afternoon</p>', '<p>a quiet af</p>', 'body/p/text()'],
  ['mojibake', '<p>Zoë<!-- é --></p><script>é</script>', '<p>ZoÃ«<!-- é --></p><script>é</script>', 'body/p/text()'],
];

describe('the mutators', () => {
  test('are many, each with a name and a sentence of its own', () => {
    expect(MUTATORS.length).toBeGreaterThanOrEqual(25);
    expect(new Set(MUTATORS.map(({ name }) => name)).size).toBe(MUTATORS.length);
    for (const { name, fault } of MUTATORS) {
      expect(name).toMatch(/^[a-z][a-z\d-]+$/);
      expect(fault).toMatch(/^[A-Z].*\.$/);
    }
  });

  test.each(JSON_TABLE)('%s turns the JSON %s into %s', (name, before, after, path) => {
    const planted = plant(name, 'application/json', before);
    expect(planted?.path).toBe(path);
    expect(planted && bodyOf(planted.answer)).toBe(after);
  });

  test.each(HTML_TABLE)('%s turns the page %s into %s', (name, before, after, path) => {
    const planted = plant(name, 'text/html; charset=utf-8', before);
    expect(planted?.path).toBe(path);
    expect(planted && bodyOf(planted.answer)).toBe(after);
  });

  test.each([
    ['2026-03-01T00:30:00.250Z', /^202[56]-0[23]-\d\dT\d\d:30:00\.250Z$/],
    ['2028-02-29 23:59:59+02:00', /^2028-0[23]-\d\d \d\d:59:59\+02:00$/],
    ['Sun, 01 Mar 2026 00:30:00 GMT', /^(Sat|Sun), \d\d (Feb|Mar) 2026 \d\d:30:00 GMT$/],
    ['1772325000', /^1772\d{6}$/],
    ['1772325000123', /^1772\d{6}123$/],
  ])('wrong-time-zone moves %s by whole hours and keeps its form', (text, form) => {
    for (let seed = 1; seed < 40; seed++) {
      const planted = plant('wrong-time-zone', 'application/json', JSON.stringify([text]), [], seed);
      const [moved] = JSON.parse(planted ? bodyOf(planted.answer) : '[]') as [string];
      expect(moved).toMatch(form);
      const ms = (time: string) =>
        /^\d+$/.test(time) ? Number(time) * (time.length === 10 ? 1000 : 1) : Date.parse(time);
      const hours = (ms(moved) - ms(text)) / 3_600_000;
      expect(Math.abs(hours)).toBeGreaterThanOrEqual(1);
      expect(Math.abs(hours)).toBeLessThanOrEqual(11);
      expect(Number.isInteger(hours)).toBe(true);
    }
  });

  test('stale-time goes a day to a month back, over the ends of months and years, in a valid date', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_799 }), fc.integer(), (seconds, seed) => {
        const text = new Date(seconds * 1000).toISOString();
        const planted = plant('stale-time', 'application/json', JSON.stringify({ at: text }), [], seed);
        const { at } = JSON.parse(planted ? bodyOf(planted.answer) : '{}') as { at: string };
        expect(new Date(at).toISOString()).toBe(at);
        const days = (Date.parse(text) - Date.parse(at)) / 86_400_000;
        expect(days).toBeGreaterThanOrEqual(1);
        expect(days).toBeLessThanOrEqual(30);
      }),
    );
  });

  test.each([
    ['cache-control-lost', [['Cache-Control', 'no-store']], 'header:cache-control'],
    ['vary-lost', [['Vary', 'Accept']], 'header:vary'],
    ['cookie-flag-lost', [['Set-Cookie', 'sid=1; HttpOnly']], 'header:set-cookie/sid/httponly'],
    ['wrong-content-type', [], 'header:content-type'],
  ] as const)('%s changes that header and nothing else', (name, headers, path) => {
    const original = answer('application/json', '{}', headers);
    const planted = MUTATORS.find((one) => one.name === name)?.plant(original, stream(3));
    expect(planted?.path).toBe(path);
    const changed = planted?.answer as Answer; // these faults give answers
    expect(Buffer.from(changed.body)).toEqual(Buffer.from(original.body));
    const untouched = changed.headers.filter((header) =>
      original.headers.some((other) => String(other) === String(header)),
    );
    expect(untouched.length).toBe(original.headers.length - 1);
  });

  test.each([
    ['status-404', 404],
    ['status-500', 500],
    ['status-204', 204],
  ])('%s gives that status', (name, status) => {
    const planted = plant(name, 'application/json', '{}');
    expect(planted).toMatchObject({ path: 'status', answer: { kind: 'answer', status } });
  });

  test('the answer that ends too early is a beginning of the whole one', () => {
    fc.assert(
      fc.property(fc.json(), fc.integer(), (text, seed) => {
        const planted = plant('body-truncated', 'application/json', text, [], seed);
        if (planted === undefined) return;
        const short = bodyOf(planted.answer);
        expect(text.startsWith(short)).toBe(true);
        expect(short.length).toBeLessThan(text.length);
        expect(short.length).toBeGreaterThan(0);
      }),
    );
  });

  test('nothing, a timeout and a coding that is none are answers too', () => {
    expect(plant('empty-body', 'text/plain', 'x')).toMatchObject({
      path: 'body',
      answer: { bodyBytes: 0, status: 200 },
    });
    expect(plant('timeout', 'text/plain', 'x')).toMatchObject({ answer: { kind: 'failure', failure: 'timeout' } });
    const coded = plant('wrong-content-encoding', 'text/plain', 'x')?.answer as Answer; // gives an answer
    expect(coded.headers.at(-1)).toEqual(['Content-Encoding', 'gzip']);
  });

  test('Content-Length follows the body', () => {
    const planted = plant('mojibake', 'text/plain', 'Zoë');
    const changed = planted?.answer as Answer; // gives an answer
    expect(changed.headers.find(([name]) => name === 'Content-Length')?.[1]).toBe(String(changed.body.length));
    expect(changed.bodyBytes).toBe(changed.body.length);
  });

  test('a body with a content coding is left alone, and so is one that was cut', () => {
    const coded = answer('application/json', '{"a":1}', [['Content-Encoding', 'gzip']]);
    const cut = { ...answer('application/json', '{"a":1}'), bodyBytes: 900 };
    for (const name of ['field-dropped', 'off-by-one', 'body-truncated']) {
      const mutator = MUTATORS.find((one) => one.name === name);
      expect(mutator?.plant(coded, stream(1))).toBeUndefined();
      expect(mutator?.plant(cut, stream(1))).toBeUndefined();
    }
  });

  test('what a fault needs must be there', () => {
    for (const { name, plant: plantInto } of MUTATORS) {
      if (/^(status|empty|wrong|body|timeout|field-added|text-truncated)/.test(name)) continue;
      expect([name, plantInto(answer('application/json', '[]'), stream(1))]).toEqual([name, undefined]);
    }
  });

  test('in any JSON document all that differs lies at or under the place that is named', () => {
    const faults = MUTATORS.filter(({ name }) => !/^(status|empty|body|wrong|timeout)/.test(name));
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.integer(), fc.nat(faults.length - 1), (text, seed, at) => {
        const planted = faults[at]?.plant(answer('application/json', text), stream(seed));
        if (planted === undefined) return;
        const [before, after] = [text, bodyOf(planted.answer)].map((one) =>
          parseJson(one, new Budget(1e6, () => false)),
        );
        if (!before?.ok || !after?.ok) throw new Error(`no JSON any more: ${bodyOf(planted.answer)}`);
        const findings = new Findings();
        const context = { budget: new Budget(1e6, () => false), findings, keyOrder: true, listMode: () => ORDERED };
        walkJson(before.node, after.node, BODY, context);
        expect(findings.count).toBeGreaterThan(0);
        const parent = planted.path.slice(0, planted.path.lastIndexOf('/'));
        for (const { place } of findings.list) {
          expect(place.path === planted.path || place.path.startsWith(parent)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
