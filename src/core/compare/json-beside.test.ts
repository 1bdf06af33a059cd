import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Budget } from './budget.ts';
import { type Finding, Findings } from './finding.ts';
import { type JsonNode, MAX_JSON_NODES, parseJson, parseJsonBeside } from './json.ts';
import { BODY } from './path.ts';
import { ORDERED } from './walk.ts';
import { walkJson } from './walk-json.ts';

/** A document before it is written: `raw` is a scalar as it stands in the text, keys are written as they are. */
type Tree =
  | { readonly kind: 'raw'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly Tree[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [key: string, value: Tree])[] };

const NUMBERS = ['0', '-0', '1', '1.0', '10e-1', '12', '123', '1e400', '9007199254740993', '1.50', '-3.25E+2'];
const STRINGS = [
  '""',
  '"a"',
  '"A"',
  '"\\u0041"',
  '"\\ud800"',
  '"é\\n"',
  '"a\\"b"',
  '"the same long text, the same long text"',
];
const KEYS = ['"id"', '"name"', '"i\\u0064"', '"a"', '"b"', '"items"', '"b/c"'];

const scalar = fc
  .constantFrom(...NUMBERS, ...STRINGS, 'true', 'false', 'null')
  .map((text): Tree => ({ kind: 'raw', text }));
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    scalar,
    fc.array(tie('tree'), { maxLength: 6 }).map((items): Tree => ({ kind: 'array', items })),
    fc
      .array(fc.tuple(fc.constantFrom(...KEYS), tie('tree')), { maxLength: 6 })
      .map((members): Tree => ({ kind: 'object', members })),
  ),
}));
/** Lists of things with an id, which the walk aligns by it. */
const keyed = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), tree), { maxLength: 12 }).map(
  (things): Tree => ({
    kind: 'array',
    items: things.map(([id, more]) => ({
      kind: 'object',
      members: [
        ['"id"', { kind: 'raw', text: String(id) }],
        ['"more"', more],
      ],
    })),
  }),
);
const document = fc.oneof(tree, keyed);

type Choice = (limit: number) => number;

/** A copy in which, with a chance of one in six a place, something is lost, doubled, swapped, or made anew. */
function edited(node: Tree, choose: Choice): Tree {
  const change = choose(6) === 0;
  if (node.kind === 'raw') {
    const other = [...NUMBERS, ...STRINGS, 'null', '[]', '{}'];
    return change ? { kind: 'raw', text: other[choose(other.length)] ?? '1' } : node;
  }
  if (node.kind === 'array')
    return {
      kind: 'array',
      items: moved(
        node.items.map((item) => edited(item, choose)),
        change,
        choose,
      ),
    };
  const members = node.members.map(
    ([key, value]) => [choose(20) === 0 ? (KEYS[choose(KEYS.length)] ?? key) : key, edited(value, choose)] as const,
  );
  return { kind: 'object', members: moved(members, change, choose) };
}

function moved<T>(list: readonly T[], change: boolean, choose: Choice): T[] {
  const copy = [...list];
  if (!change || copy.length === 0) return copy;
  const at = choose(copy.length);
  const kind = choose(4);
  if (kind === 0) copy.splice(at, 1);
  else if (kind === 1) copy.splice(at, 0, ...copy.slice(0, 1 + choose(3)));
  else if (kind === 2) copy.push(...copy.splice(at, 1));
  else copy.reverse();
  return copy;
}

function written(node: Tree, space: string): string {
  if (node.kind === 'raw') return node.text;
  const gap = `,${space}`;
  if (node.kind === 'array') return `[${space}${node.items.map((item) => written(item, space)).join(gap)}${space}]`;
  return `{${node.members.map(([key, value]) => `${key}:${space}${written(value, space)}`).join(gap)}}`;
}

const pair = fc
  .tuple(
    document,
    fc.constantFrom('', ' ', '\n  '),
    fc.constantFrom('', ' '),
    fc.array(fc.nat(), { minLength: 40, maxLength: 400 }),
  )
  .map(([control, space, other, numbers]) => {
    let at = 0;
    const choose = (limit: number): number => (numbers[at++ % numbers.length] ?? 0) % limit;
    return [written(control, space), written(edited(control, choose), choose(3) === 0 ? other : space)] as const;
  });

const budget = (): Budget => new Budget(10_000_000, () => false);

function nodeOf(text: string): JsonNode {
  const parse = parseJson(text, budget());
  if (!parse.ok) throw new Error(`${parse.message} at ${parse.offset}: ${text}`);
  return parse.node;
}

function findings(a: JsonNode, b: JsonNode, keyOrder: boolean): readonly Finding[] {
  const found = new Findings();
  walkJson(a, b, BODY, { budget: budget(), findings: found, keyOrder, listMode: () => ORDERED });
  return found.list;
}

/** Without its place in its text and what was computed on the way: what a node means. */
function meaning(node: JsonNode): unknown {
  return [node.kind, node.text, node.keys, node.items.map(meaning)];
}

test('a document parsed in step with another is the document parsed alone', () => {
  fc.assert(
    fc.property(pair, ([first, second]) => {
      const beside = parseJsonBeside(second, nodeOf(first), first, budget());
      expect(beside.ok && meaning(beside.node)).toEqual(meaning(nodeOf(second)));
    }),
    { numRuns: 1_000 },
  );
});

test('the walk finds the same, in the same order, whether documents were parsed in step or alone', () => {
  fc.assert(
    fc.property(pair, fc.boolean(), ([first, second], keyOrder) => {
      const control = nodeOf(first);
      const inStep = parseJsonBeside(second, control, first, budget());
      expect(inStep.ok && findings(control, inStep.node, keyOrder)).toEqual(
        findings(nodeOf(first), nodeOf(second), keyOrder),
      );
    }),
    { numRuns: 1_000 },
  );
});

test('a text that is no JSON is refused at the same place, in step or alone', () => {
  const broken = fc
    .tuple(pair, fc.nat(), fc.constantFrom('', '"', '{', ']', ',', '1', '\\', ':', '\u0001', ' ', 'e'), fc.nat(3))
    .map(([[first, second], where, put, cut]) => {
      const at = where % (second.length + 1);
      return [first, second.slice(0, at) + put + second.slice(at + cut)] as const;
    });
  fc.assert(
    fc.property(broken, ([first, second]) => {
      const alone = parseJson(second, budget());
      const beside = parseJsonBeside(second, nodeOf(first), first, budget());
      if (alone.ok) expect(beside.ok && meaning(beside.node)).toEqual(meaning(alone.node));
      else expect(beside).toEqual(alone);
    }),
    { numRuns: 1_000 },
  );
});

test('values taken from the other document count towards the most a document may hold', () => {
  const list = (length: number): string => `[${Array.from({ length }, () => '[1,2,3]').join(',')}]`;
  const first = list(MAX_JSON_NODES / 5);
  const longer = list(MAX_JSON_NODES / 4);
  expect(parseJsonBeside(longer, nodeOf(first), first, budget())).toMatchObject({
    ok: false,
    message: 'too many values',
  });
  expect(parseJsonBeside(first, nodeOf(first), first, budget()).ok).toBe(true);
});

test('a number that only begins like the other one is another number', () => {
  for (const [first, second] of [
    ['[12]', '[123]'],
    ['12', '12.5'],
    ['1', '1e5'],
    ['[1,2]', '[1,20]'],
  ] as const) {
    const beside = parseJsonBeside(second, nodeOf(first), first, budget());
    expect(beside.ok && meaning(beside.node)).toEqual(meaning(nodeOf(second)));
  }
});

test('equal parts are the same objects, also behind what was inserted, and where texts are indented alike', () => {
  const thing = (id: number): string => `{"id": ${id}, "tags": ["a", "b"]}`;
  const first = `[${[1, 2, 3, 4, 5].map(thing).join(', ')}]`;
  const control = nodeOf(first);
  const second = `[${[1, 2, 9, 3, 4, 5].map(thing).join(', ')}]`;
  const beside = parseJsonBeside(second, control, first, budget());
  if (!beside.ok) throw new Error(beside.message);
  expect(beside.node.items.map((item) => control.items.indexOf(item))).toEqual([0, 1, -1, 2, 3, 4]);
});
