import type { JsonNode } from '../../../src/core/compare/json.ts';
import { leaf, listNode, numberNode, objectNode, textNode } from '../../../src/core/mutation/json-edit.ts';
import type { Injector } from './injector.ts';
import { type Draft, type Medium, type Reading, withMember } from './reading.ts';

type Change = (items: readonly JsonNode[], reading: Reading) => readonly JsonNode[];

interface ListNoise {
  readonly name: string;
  readonly key: string;
  readonly media: readonly Medium[];
  readonly make: (reading: Reading) => readonly JsonNode[];
  readonly faults: Readonly<Record<string, Change>>;
  readonly frozen: boolean;
}

/** A list that is noisy as a whole, in a member of its own. */
function listNoise({ name, key, media, make, faults, frozen }: ListNoise): Injector {
  const names = Object.keys(faults).map((fault) => ({ name: fault, lasting: false }));
  return {
    name,
    media,
    faults: frozen ? [...names, { name: 'frozen', lasting: true }] : names,
    apply(draft, reading, fault, memory = new Map()) {
      const sound = listNode(make(reading));
      const list = fault === 'frozen' ? (memory.get(key) ?? sound) : sound;
      memory.set(key, list);
      const change = fault === undefined ? undefined : faults[fault];
      const node = change === undefined ? list : listNode(change(list.items, reading));
      draft.tree = atRoot(draft.tree, key, node);
      for (const item of node.items) draft.noise.push(...textsOf(item));
    },
  };
}

/** Beside the members of the root; a list at the root gets it in its first element. */
function atRoot(tree: JsonNode, key: string, node: JsonNode): JsonNode {
  if (tree.kind === 'array') {
    const first = tree.items[0] as JsonNode; // lists of the corpus have an element
    return listNode(tree.items.toSpliced(0, 1, withMember(first, key, node)));
  }
  return withMember(tree, key, node);
}

function textsOf(node: JsonNode): string[] {
  return node.kind === 'string' || node.kind === 'number' ? [node.text] : node.items.flatMap(textsOf);
}

const changedTo = (items: readonly JsonNode[], at: number, node: JsonNode): readonly JsonNode[] =>
  items.toSpliced(at, 1, node);
const first = (items: readonly JsonNode[]): JsonNode => items[0] as JsonNode; // noisy lists have elements

function suggestion(id: number): JsonNode {
  return objectNode(
    ['id', 'title', 'price'],
    [
      numberNode(String(70_000 + id)),
      textNode(`Suggestion no. ${id}`),
      numberNode(`${(id * 37) % 90}.${10 + (id % 80)}`),
    ],
  );
}

const LISTS: readonly Injector[] = [
  listNoise({
    name: 'list order',
    key: 'labels',
    media: ['json'],
    make: ({ n, random }) =>
      random.shuffled(['red', 'green', 'blue', 'ochre', 'teal', 'plum'].slice(0, 4 + (n % 3)).map(textNode)),
    faults: {
      'element missing': (items) => items.slice(1),
      'element twice': (items) => [...items, first(items)],
      'element changed': (items) => changedTo(items, 1, textNode('grey')),
      'element null': (items) => changedTo(items, 1, leaf('null')),
      empty: () => [],
    },
    frozen: false,
  }),
  listNoise({
    name: 'keyed list order',
    key: 'parts',
    media: ['json', 'html'],
    make: ({ n, random }) =>
      random.shuffled(
        [1, 2, 3, 4, 5].map((at) =>
          objectNode(['sku', 'pieces'], [textNode(`P${n % 90}-${at}`), numberNode(String((n + at * 7) % 60))]),
        ),
      ),
    faults: {
      'element missing': (items) => items.slice(1),
      'element twice': (items) => [...items, first(items)],
      'value changed': (items) =>
        changedTo(items, 2, objectNode(['sku', 'pieces'], [items[2]?.items[0] ?? leaf('null'), numberNode('999')])),
      'member missing': (items) => changedTo(items, 0, objectNode(['sku'], first(items).items.slice(0, 1))),
      empty: () => [],
    },
    frozen: false,
  }),
  listNoise({
    name: 'suggestions',
    key: 'suggested',
    media: ['json', 'html'],
    make: ({ random }) =>
      random
        .shuffled(Array.from({ length: 60 }, (_, id) => id))
        .slice(0, 5)
        .map(suggestion),
    faults: {
      empty: () => [],
      'element null': (items) => changedTo(items, 1, leaf('null')),
      'element twice': (items) => changedTo(items, 1, first(items)),
      'member missing': (items) => changedTo(items, 0, objectNode(['id', 'title'], first(items).items.slice(0, 2))),
      'member null': (items) =>
        changedTo(items, 0, objectNode(['id', 'title', 'price'], [...first(items).items.slice(0, 2), leaf('null')])),
      'too few': (items) => items.slice(0, 1),
    },
    frozen: true,
  }),
];

const keyOrder: Injector = {
  name: 'key order',
  media: ['json'],
  faults: [],
  apply(draft, { random }) {
    const visit = (node: JsonNode): JsonNode => {
      const items = node.items.map(visit);
      if (node.kind !== 'object') return { ...node, items, hash: 0 };
      const order = random.shuffled(items.map((_, at) => at));
      return objectNode(
        order.map((at) => node.keys[at] as string),
        order.map((at) => items[at] as JsonNode),
      ); // indices of these lists
    };
    draft.tree = visit(draft.tree);
  },
};

/** One or another of two layouts of the data: a member that is only there at times. */
const sometimes: Injector = {
  name: 'absent at times',
  media: ['json'],
  faults: [
    { name: 'wrong type', lasting: false },
    { name: 'null', lasting: false },
    { name: 'other value', lasting: false },
  ],
  apply(draft, { random }, fault) {
    const there = random.chance(0.5);
    const sound = textNode('served from cache');
    const value =
      fault === undefined
        ? sound
        : fault === 'null'
          ? leaf('null')
          : fault === 'wrong type'
            ? leaf('true')
            : textNode('undefined');
    if (there || fault !== undefined) draft.tree = atRoot(draft.tree, 'cacheHint', value);
    draft.noise.push(sound.text);
  },
};

type HeaderFault = (value: string, now: number) => string | undefined;

function headerNoise(
  name: string,
  header: string,
  make: (reading: Reading, draft: Draft) => string,
  faults: Readonly<Record<string, HeaderFault>>,
  frozen: boolean,
): Injector {
  const names = Object.keys(faults).map((fault) => ({ name: fault, lasting: false }));
  return {
    name,
    media: ['json', 'html', 'text'],
    faults: frozen ? [...names, { name: 'frozen', lasting: true }] : names,
    apply(draft, reading, fault, memory = new Map()) {
      const sound = make(reading, draft);
      const kept = memory.get(header)?.text ?? sound;
      memory.set(header, textNode(kept));
      const change = fault === undefined ? undefined : faults[fault];
      const value = fault === 'frozen' ? kept : change === undefined ? sound : change(sound, reading.now);
      if (value !== undefined) draft.headers.push([header, value]);
    },
  };
}

const lost: HeaderFault = () => undefined;
const HEX = '0123456789abcdef';

const HEADERS: readonly Injector[] = [
  headerNoise(
    'header Date',
    'Date',
    ({ now }) => new Date(now).toUTCString(),
    {
      lost,
      'wrong zone': (_, now) => new Date(now + 3 * 3_600_000).toUTCString(),
      'wrong form': (_, now) => new Date(now).toISOString(),
    },
    true,
  ),
  headerNoise(
    'header Age',
    'Age',
    ({ random }) => String(random.integer(0, 300)),
    { lost, 'not a number': () => 'NaN', negative: () => '-5' },
    false,
  ),
  headerNoise(
    'header ETag',
    'ETag',
    ({ random }) => `W/"${random.text(HEX, 16)}"`,
    { lost, 'no quotes': (value) => value.replaceAll('"', ''), 'nothing in it': () => 'W/""' },
    false,
  ),
  headerNoise(
    'header Expires',
    'Expires',
    ({ now }) => new Date(now + 600_000).toUTCString(),
    { lost, 'in the past': (_, now) => new Date(now - 7_200_000).toUTCString(), 'not a date': () => '0' },
    true,
  ),
  headerNoise(
    'header X-Request-Id',
    'X-Request-Id',
    ({ random }) => random.text(HEX, 32),
    { lost, empty: () => '' },
    true,
  ),
  headerNoise(
    'session cookie',
    'Set-Cookie',
    ({ random }) => `sid=${random.text(HEX, 32)}; Path=/; HttpOnly; Secure; SameSite=Lax`,
    {
      lost,
      'value empty': (value) => value.replace(/sid=\w+/, 'sid='),
      'too short': (value) => value.replace(/sid=(\w{8})\w+/, 'sid=$1'),
      'flag lost': (value) => value.replace('; HttpOnly', ''),
      'not the path': (value) => value.replace('Path=/', 'Path=/admin'),
    },
    true,
  ),
];

const coding: Injector = {
  name: 'content coding',
  media: ['json', 'html', 'text'],
  faults: [{ name: 'damaged', lasting: false }],
  apply(draft, { random }, fault) {
    const chosen = random.pick([undefined, 'gzip', 'br', 'deflate'] as const);
    if (fault !== undefined) draft.damaged = true;
    const used = fault === undefined ? chosen : (chosen ?? 'gzip');
    if (used === undefined) return;
    draft.coding = used;
    draft.headers.push(['Content-Encoding', used]);
  },
};

const headerForm: Injector = {
  name: 'header case and order',
  media: ['json', 'html', 'text'],
  faults: [],
  apply(draft, { random }) {
    const lower = random.chance(0.5);
    draft.headers = random.shuffled(draft.headers).map(([name, value]) => [lower ? name.toLowerCase() : name, value]);
  },
};

const whiteSpace: Injector = {
  name: 'length and spacing',
  media: ['json'],
  faults: [],
  apply(draft, { random }) {
    draft.indent = random.integer(0, 3);
  },
};

const none: Injector = { name: 'no noise', media: ['json', 'html', 'text'], faults: [], apply: () => undefined };

/** Noise of the form: orders, lists, headers, codings. */
export const STRUCTURE_NOISE: readonly Injector[] = [
  none,
  ...LISTS,
  keyOrder,
  sometimes,
  ...HEADERS,
  coding,
  headerForm,
  whiteSpace,
];
