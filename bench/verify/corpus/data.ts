import type { JsonNode } from '../../../src/core/compare/json.ts';
import { leaf, listNode, numberNode, objectNode, textNode } from '../../../src/core/mutation/json-edit.ts';
import { Random } from '../random.ts';

const HEX = '0123456789abcdef';
const NAMES = ['Zoë Müller', 'Ann Lee', 'José Peña', 'Bjørn Åsen', 'Li Wei', 'Ravi Kumar', 'Chloé Dubois', 'Tom Ford'];
const NOUNS = ['lamp', 'chair', 'notebook', 'kettle', 'bicycle', 'umbrella', 'backpack', 'teapot', 'clock', 'mirror'];
const WORDS = [
  'quiet',
  'sturdy',
  'handmade',
  'blue',
  'light',
  'café',
  'R&D',
  'naïve',
  'oak',
  '5 < 7',
  'folding',
  'small',
];
const CITIES = ['Zürich', 'Łódź', 'Malmö', 'Bristol', 'Orléans', 'Porto'];

type Make = (random: Random, n: number, at: number) => JsonNode;

/** Members that answers of services have; values are drawn from a stream that the request's number begins. */
const FIELDS: Readonly<Record<string, Make>> = {
  title: (random) => textNode(`${random.pick(WORDS)} ${random.pick(NOUNS)} of ${random.pick(CITIES)}`),
  name: (random) => textNode(random.pick(NAMES)),
  email: (random) => textNode(`${random.text('abcdefghijk', 6)}@mail.example`),
  owner: (random) => textNode(random.pick(NAMES)),
  price: (random) => numberNode((random.integer(100, 99_999) / 100).toFixed(2)),
  total: (random) => textNode(`${random.integer(1, 999)}.${random.integer(1, 9)}0 EUR`),
  quantity: (random) => numberNode(String(random.integer(1, 5_000))),
  rating: (random) => numberNode(`${random.integer(1, 4)}.${random.integer(11, 99)}`),
  status: (random) => textNode(random.pick(['active', 'pending', 'shipped', 'open', 'draft'])),
  currency: (random) => textNode(random.pick(['EUR', 'USD'])),
  available: (random) => leaf(random.chance(0.5) ? 'true' : 'false'),
  createdAt: (random) => textNode(new Date(1_640_995_200_000 + random.integer(0, 90_000_000) * 1_000).toISOString()),
  due_date: (random) => textNode(`202${random.integer(7, 9)}-0${random.integer(1, 9)}-1${random.integer(0, 9)}`),
  reference: (random) => textNode(`R-${random.integer(10_000, 99_999)}`),
  zip: (random) => textNode(String(random.integer(10_000, 99_999))),
  description: (random) => textNode(Array.from({ length: random.integer(5, 14) }, () => random.pick(WORDS)).join(' ')),
  ledgerId: (random) => numberNode(`9${random.text('123456789', 18)}`),
  uuid: (random) => textNode(uuidFrom(random, '4')),
  checksum: (random) => textNode(random.text(HEX, 40)),
  image: (random) => textNode(`/media/${random.text('abcdef', 6)}/${random.pick(NOUNS)}.jpg?w=400&h=300`),
  note: (random) => (random.chance(0.3) ? leaf('null') : textNode(`see ${random.pick(NOUNS)}`)),
  tags: (random) => listNode(random.shuffled(NOUNS).slice(0, random.integer(3, 5)).map(textNode)),
  sizes: (random) =>
    listNode(
      [3, 7, 12, 20, 28].slice(0, random.integer(2, 5)).map((size) => numberNode(String(size + random.integer(0, 3)))),
    ),
};
export const FIELD_NAMES = Object.keys(FIELDS);

export function uuidFrom(random: Random, version: string): string {
  const [a, b, c, d, e] = [8, 4, 3, 3, 12].map((length) => random.text(HEX, length));
  return `${a}-${b}-${version}${c}-${random.pick(['8', '9', 'a', 'b'])}${d}-${e}`;
}

/** An object with these members; the id first. */
export function record(fields: readonly string[], random: Random, n: number, at: number): JsonNode {
  const values = fields.map((name) => (FIELDS[name] as Make)(random, n, at)); // names come from FIELD_NAMES
  return objectNode(['id', ...fields], [numberNode(String(n * 100 + at + 1)), ...values]);
}

export const KINDS = ['flat', 'nested', 'list', 'page', 'map', 'graphql', 'report'] as const;
export type Kind = (typeof KINDS)[number];

/** What an endpoint's answers are made of: a kind of document and the members of its objects. */
export interface Schema {
  readonly kind: Kind;
  readonly fields: readonly string[];
  readonly innerFields: readonly string[];
  readonly most: number;
}

export function schemaOf(kind: Kind, random: Random): Schema {
  const names = random.shuffled(FIELD_NAMES);
  const count = kind === 'flat' || kind === 'report' ? random.integer(6, 16) : random.integer(4, 9);
  return {
    kind,
    fields: names.slice(0, count),
    innerFields: names.slice(count, count + 4),
    most: random.integer(3, 9),
  };
}

/** The data of request `n`, the same for every reading of it. */
export function dataOf(schema: Schema, seed: string, n: number): JsonNode {
  const random = new Random(seed, 'data', n);
  const { kind, fields, innerFields, most } = schema;
  const many = Array.from({ length: random.integer(2, most) }, (_, at) => record(fields, random, n, at));
  switch (kind) {
    case 'flat':
      return record(fields, random, n, 0);
    case 'nested':
      return objectNode(
        ['data', 'owner', 'meta'],
        [
          record(fields, random, n, 0),
          record(innerFields, random, n, 1),
          objectNode(
            ['version', 'links'],
            [numberNode('2'), listNode([textNode(`/things/${n}`), textNode('/things')])],
          ),
        ],
      );
    case 'list':
      return listNode(many);
    case 'page':
      return objectNode(
        ['items', 'page', 'total', 'hasMore'],
        [
          listNode(many),
          numberNode(String((n % 9) + 1)),
          numberNode(String(many.length * 9)),
          leaf(n % 2 === 0 ? 'true' : 'false'),
        ],
      );
    case 'map':
      return objectNode(
        ['byId', 'count'],
        [
          objectNode(
            many.map((_, at) => `10${n}${at}`),
            many,
          ),
          numberNode(String(many.length)),
        ],
      );
    case 'graphql': {
      const edges = many.map((node) => objectNode(['node', 'weight'], [node, numberNode(String(node.keys.length))]));
      const list = objectNode(['edges', 'totalCount'], [listNode(edges), numberNode(String(edges.length))]);
      return objectNode(['data'], [objectNode(['things', 'viewer'], [list, record(innerFields, random, n, 50)])]);
    }
    case 'report':
      return objectNode(
        ['summary', 'rows', 'footer'],
        [record(innerFields, random, n, 90), listNode(many), textNode(`end of report ${n}`)],
      );
  }
}
