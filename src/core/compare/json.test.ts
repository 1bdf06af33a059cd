import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget, BudgetSpent } from './budget.ts';
import { type JsonNode, MAX_JSON_DEPTH, parseJson } from './json.ts';
import { canonicalNumber, jsonEqual, jsonHash, jsonShape, numbersEqual, renderJson } from './json-value.ts';

const free = () => new Budget(1_000_000, () => false);

function node(text: string): JsonNode {
  const parsed = parseJson(text, free());
  if (!parsed.ok) throw new Error(`${parsed.message} at ${parsed.offset}`);
  return parsed.node;
}

/** Text without object members called `__proto__`, which JSON.parse and literals treat differently. */
const jsonText = fc.json({ maxDepth: 5 }).filter((text) => !text.includes('__proto__'));

describe('the tokenizer', () => {
  test('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        expect(JSON.parse(renderJson(node(text), 1e6))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('refuses what JSON.parse refuses, and takes what it takes', () => {
    const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '1', '-', '.', 'e', 'true', 'null', ' ', '\\u00');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        let takes = true;
        try {
          JSON.parse(text);
        } catch {
          takes = false;
        }
        expect(parseJson(text, free()).ok).toBe(takes);
      }),
      { numRuns: 2_000 },
    );
  });

  test('keeps numbers as written, repeated keys and the order of members', () => {
    const read = node('{"b":9007199254740993,"a":1.0,"b":1e400}');
    expect(read.keys).toEqual(['b', 'a', 'b']);
    expect(read.items.map((item) => item.text)).toEqual(['9007199254740993', '1.0', '1e400']);
  });

  test.each([
    ['[1,]', 3],
    ['{"a" 1}', 5],
    ['"abc', 0],
    ['[1] 2', 4],
    ['{"a":"\\x"}', 6],
    ['01', 1],
    ['', 0],
  ])('says where %s is wrong', (text, offset) => {
    expect(parseJson(text, free())).toMatchObject({ ok: false, offset });
  });

  test('refuses nesting beyond its depth, and takes what is within', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseJson(nested(MAX_JSON_DEPTH), free()).ok).toBe(true);
    expect(parseJson(nested(100_000), free()).ok).toBe(false);
  });

  test('stops when the work or the time is used up', () => {
    expect(() => parseJson('[1,2,3,4]', new Budget(3, () => false))).toThrow(BudgetSpent);
    const long = JSON.stringify(Array.from({ length: 10_000 }, () => 1));
    expect(() => parseJson(long, new Budget(1e6, () => true))).toThrow(BudgetSpent);
  });
});

describe('numbers', () => {
  test.each([
    ['1.0', '1', true],
    ['1e2', '100', true],
    ['-0', '0', true],
    ['0.0e5', '0', true],
    ['10e-1', '1', true],
    ['0.10', '0.1', true],
    ['1.50e+3', '1500', true],
    ['9007199254740993', '9007199254740992', false],
    ['0.1', '0.10000000000000001', false],
    ['1e400', '1e401', false],
    ['1e400', '10e399', true],
    ['-1', '1', false],
    ['123456789012345678901234567890', '1.2345678901234567890123456789e29', true],
  ])('%s and %s are of one value: %s', (a, b, same) => {
    expect(numbersEqual(a, b)).toBe(same);
    expect(jsonHash(node(a)) === jsonHash(node(b))).toBe(same);
  });

  test('any big integer equals itself shifted into an exponent, and no neighbour', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.nat(30), (value, zeros) => {
        expect(numbersEqual(`${value}e${zeros}`, `${value}${value === 0n ? '' : '0'.repeat(zeros)}`)).toBe(true);
        expect(numbersEqual(`${value}`, `${value + 1n}`)).toBe(false);
      }),
    );
  });

  test('the canonical form is its own', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const once = canonicalNumber(String(value));
        expect(canonicalNumber(once)).toBe(once);
      }),
    );
  });
});

describe('equality', () => {
  test('does not look at the order of members unless told to', () => {
    const [a, b] = [node('{"a":1,"b":{"c":[],"d":2}}'), node('{"b":{"d":2.0,"c":[]},"a":1}')];
    expect(jsonEqual(a, b, false)).toBe(true);
    expect(jsonHash(a)).toBe(jsonHash(b));
    expect(jsonEqual(a, b, true)).toBe(false);
  });

  test('counts repeated keys', () => {
    expect(jsonEqual(node('{"a":1,"a":2}'), node('{"a":2}'), false)).toBe(false);
    expect(jsonEqual(node('{"a":1,"a":2,"b":0}'), node('{"b":0,"a":1,"a":2}'), false)).toBe(true);
    expect(jsonEqual(node('{"a":1,"a":2,"b":0}'), node('{"b":0,"a":2,"a":1}'), false)).toBe(false);
  });

  test('a shape tells kinds and members, not values', () => {
    expect(jsonShape(node('{"b":1,"a":"x"}'))).toBe(jsonShape(node('{"a":"y","b":2}')));
    expect(jsonShape(node('{"a":""}'))).not.toBe(jsonShape(node('{"a":"y"}')));
    expect(jsonShape(node('{"a":null}'))).not.toBe(jsonShape(node('{"a":1}')));
  });
});
