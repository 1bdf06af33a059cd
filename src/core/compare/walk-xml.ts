import { type Alignment, align, alignBag, type ElementOps } from './align.ts';
import type { Budget } from './budget.ts';
import { risingChain } from './common-subsequence.ts';
import { placeOf, textValue, type Value } from './finding.ts';
import { type Path, pathPattern, pathText, step } from './path.ts';
import { type ListMode, MAX_VALUE_TEXT, type WalkContext } from './walk.ts';
import { labelOf, renderXml, type XmlNode, xmlEqual, xmlHash, xmlShape } from './xml.ts';

/** Attributes and child elements that name an element of a list, in the order they are tried: feeds, sitemaps, records. */
const NAMING = ['id', 'guid', 'loc', 'key', 'ref', 'code', 'sku', 'uuid', 'href', 'link', 'name', 'url'] as const;

/** Finds the differences of two elements of one name, or of two documents. */
export function walkXml(a: XmlNode, b: XmlNode, path: Path, context: WalkContext): void {
  context.budget.spend(1);
  if (xmlEqual(a, b)) return;
  walkAttributes(a, b, path, context);
  walkChildren(a, b, path, context);
}

function walkAttributes(a: XmlNode, b: XmlNode, path: Path, context: WalkContext): void {
  const place = (name: string) => placeOf(step(path, `@${labelOf(name)}`), labelOf(name));
  for (const [name, value] of a.attributes) {
    const other = b.attributes.get(name);
    if (other === value) continue;
    context.findings.add({
      place: place(name),
      kind: other === undefined ? 'removed' : 'value',
      control: textValue(value),
      ...(other === undefined ? {} : { candidate: textValue(other) }),
    });
  }
  for (const [name, value] of b.attributes) {
    if (!a.attributes.has(name))
      context.findings.add({ place: place(name), kind: 'added', candidate: textValue(value) });
  }
}

function walkChildren(a: XmlNode, b: XmlNode, path: Path, context: WalkContext): void {
  // One length: the index is below both.
  if (
    a.children.length === b.children.length &&
    a.children.every((child, at) => xmlEqual(child, b.children[at] as XmlNode))
  )
    return;
  const mode = context.listMode(pathPattern(path), pathText(path));
  if (mode.mode === 'pick') {
    walkPick(a, b, path, context, mode);
    return;
  }
  const { changed, removed, added, moved } = aligned(a.children, b.children, mode, context);
  const [mine, theirs] = [childSteps(a, path), childSteps(b, path)];
  // Indices come from an alignment of these very lists; there is one step a child.
  for (const [i, j] of changed) walkChild(a.children[i] as XmlNode, b.children[j] as XmlNode, mine[i] as Path, context);
  for (const i of removed) emit(a.children[i] as XmlNode, mine[i] as Path, 'removed', context);
  for (const j of added) emit(b.children[j] as XmlNode, theirs[j] as Path, 'added', context);
  if (!moved) return;
  context.findings.add({
    place: placeOf(path, a.label),
    kind: 'order',
    control: xmlValue(a),
    candidate: xmlValue(b),
    ...(mode.mode === 'bag' ? { accounted: mode.accounted } : {}),
  });
}

function opsOf(budget: Budget): ElementOps<XmlNode> {
  return { hash: xmlHash, equal: xmlEqual, similarity: (a, b) => similarity(a, b, budget) };
}

/** 0 for what can never be one element that changed: another name. */
function similarity(a: XmlNode, b: XmlNode, budget: Budget): number {
  if (a.kind !== b.kind || a.name !== b.name) return 0;
  if (a.kind === 'text') return 0.3;
  budget.spend(a.children.length + b.children.length);
  const hashes = new Set(a.children.map(xmlHash));
  const shared = b.children.filter((child) => hashes.has(xmlHash(child))).length;
  let same = 0;
  for (const [name, value] of a.attributes) if (b.attributes.get(name) === value) same++;
  const all = Math.max(1, a.children.length, b.children.length) + Math.max(a.attributes.size, b.attributes.size);
  return 0.1 + (0.8 * (shared + same)) / all;
}

/** Elements of one name that carry names of their own are paired by these, the rest by what is alike. */
function aligned(a: readonly XmlNode[], b: readonly XmlNode[], mode: ListMode, context: WalkContext): Alignment {
  const named = namedPairs(a, b, mode.mode === 'bag' ? mode.key : undefined);
  const ops = opsOf(context.budget);
  context.budget.spend(a.length + b.length);
  if (named === undefined) return (mode.mode === 'bag' ? alignBag : align)<XmlNode>(a, b, ops, context.budget);
  const [restA, restB] = [indices(a, named.name), indices(b, named.name)];
  const rest = align<XmlNode>(
    restA.map((i) => a[i] as XmlNode), // indices of this very list
    restB.map((j) => b[j] as XmlNode),
    ops,
    context.budget,
  );
  return {
    changed: [...rest.changed.map(([i, j]) => [restA[i], restB[j]] as [number, number]), ...named.changed],
    removed: [...rest.removed.map((i) => restA[i] as number), ...named.removed],
    added: [...rest.added.map((j) => restB[j] as number), ...named.added],
    moved: rest.moved || named.moved,
  };
}

/** Places of the children that have another name than `name`. */
function indices(children: readonly XmlNode[], name: string): number[] {
  return children.flatMap((child, at) => (child.name === name ? [] : [at]));
}

interface NamedPairs extends Alignment {
  /** Of the elements that were paired. */
  readonly name: string;
}

/** The most frequent elements paired by what names them; undefined where nothing does. */
function namedPairs(a: readonly XmlNode[], b: readonly XmlNode[], key: string | undefined): NamedPairs | undefined {
  const name = mostFrequent(a);
  if (name === undefined) return undefined;
  for (const naming of key === undefined ? NAMING : [key]) {
    const left = namesOf(a, name, naming);
    const right = left === undefined ? undefined : namesOf(b, name, naming);
    if (left === undefined || right === undefined) continue;
    const changed: [number, number][] = [];
    const removed: number[] = [];
    for (const [value, i] of left) {
      const j = right.get(value);
      if (j === undefined) removed.push(i);
      else changed.push([i, j]);
    }
    if (changed.length === 0 || changed.length * 2 < Math.min(left.size, right.size)) continue;
    const added = [...right].filter(([value]) => !left.has(value)).map(([, j]) => j);
    const moved = risingChain(changed).length < changed.length;
    // One gone and one new in the same place is an element whose name changed.
    const replaced =
      removed.length === added.length && removed.every((i) => added.includes(i)) && a.length === b.length;
    if (!replaced) return { name, changed, removed, added, moved };
    return { name, changed: [...changed, ...removed.map((i) => [i, i] as const)], removed: [], added: [], moved };
  }
  return undefined;
}

/** The name that at least two of the children have, and more than any other. */
function mostFrequent(children: readonly XmlNode[]): string | undefined {
  const counts = new Map<string, number>();
  for (const child of children) if (child.kind === 'element') counts.set(child.name, (counts.get(child.name) ?? 0) + 1);
  const [best] = [...counts].sort((x, y) => y[1] - x[1]);
  return best !== undefined && best[1] > 1 ? best[0] : undefined;
}

/** Place by name of the elements called `name`; undefined where one is nameless or two have the same. */
function namesOf(children: readonly XmlNode[], name: string, naming: string): Map<string, number> | undefined {
  const names = new Map<string, number>();
  let count = 0;
  for (const [at, child] of children.entries()) {
    if (child.name !== name) continue;
    count++;
    const own = child.attributes.get(naming) ?? childText(child, naming);
    if (own === undefined || own === '') return undefined;
    // Each side may call itself by its own host; which element is meant says the path.
    names.set(own.replace(/^https?:\/\/[^/]+(?=\/)/i, ''), at);
  }
  return names.size === count && count > 0 ? names : undefined;
}

function childText(node: XmlNode, label: string): string | undefined {
  const child = node.children.find((one) => one.kind === 'element' && one.label === label);
  const [only, more] = child?.children ?? [];
  return only?.kind === 'text' && more === undefined ? only.text.trim() : undefined;
}

function walkChild(a: XmlNode, b: XmlNode, at: Path, context: WalkContext): void {
  if (a.kind === 'element') {
    walkXml(a, b, at, context);
    return;
  }
  context.budget.spend(1);
  if (a.text === b.text) return;
  const isSpace = a.text.replace(/\s+/g, '') === b.text.replace(/\s+/g, '');
  context.findings.add({
    place: placeOf(at, at.parent?.text.replace(/\[\d+\]$/, '') ?? ''),
    kind: isSpace ? 'whitespace' : 'value',
    control: textValue(a.text),
    candidate: textValue(b.text),
  });
}

function emit(node: XmlNode, at: Path, kind: 'removed' | 'added', context: WalkContext): void {
  const isSpace = node.kind === 'text' && node.text.trim() === '';
  context.findings.add({
    place: placeOf(at, node.label),
    kind: isSpace ? 'whitespace' : kind,
    ...(kind === 'removed' ? { control: xmlValue(node) } : { candidate: xmlValue(node) }),
  });
}

function xmlValue(node: XmlNode): Value {
  if (node.kind === 'text') return textValue(node.text);
  return { type: 'element', text: renderXml(node, MAX_VALUE_TEXT), shape: xmlShape(node) };
}

/** A step for each child: `item[2]` is the second `item` of its parent, `title` the only one. */
function childSteps(parent: XmlNode, path: Path): Path[] {
  const totals = new Map<string, number>();
  for (const { label } of parent.children) totals.set(label, (totals.get(label) ?? 0) + 1);
  const seen = new Map<string, number>();
  return parent.children.map(({ label, kind }) => {
    const number = (seen.get(label) ?? 0) + 1;
    seen.set(label, number);
    const isAlone = totals.get(label) === 1;
    return step(path, isAlone ? label : `${label}[${number}]`, isAlone && kind === 'text' ? label : `${label}[*]`);
  });
}

/** Children that vary from one answer to the next: as many as were seen, each of a shape the control has shown. */
function walkPick(a: XmlNode, b: XmlNode, path: Path, context: WalkContext, mode: ListMode & { mode: 'pick' }): void {
  const known = new Set([...mode.shapes, ...a.children.map((child) => xmlShape(child))]);
  const [count, expected] = [b.children.length, a.children.length];
  const fits = count >= Math.min(mode.min, expected) && count <= Math.max(mode.max, expected);
  const odd = b.children.findIndex((child) => !known.has(xmlShape(child)));
  const whole = { place: placeOf(path, a.label), kind: 'value', control: xmlValue(a), candidate: xmlValue(b) } as const;
  if (odd >= 0) emit(b.children[odd] as XmlNode, childSteps(b, path)[odd] as Path, 'added', context); // one step a child
  if (!fits) context.findings.add(whole);
  else if (odd < 0) context.findings.add({ ...whole, accounted: mode.accounted });
}
