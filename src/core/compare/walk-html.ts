import { align, alignBag, type ElementOps } from './align.ts';
import type { Budget } from './budget.ts';
import { type Place, placeOf, textValue, type Value } from './finding.ts';
import { comparable, type HtmlNode, htmlEqual, htmlHash, htmlShape, renderHtml } from './html-node.ts';
import { parseJson } from './json.ts';
import { isVaryingKey, type Path, pathPattern, pathText, step } from './path.ts';
import { type ListMode, MAX_VALUE_TEXT, type WalkContext } from './walk.ts';
import { walkJson } from './walk-json.ts';
import { walkText } from './walk-text.ts';

/** Elements whose text is code: compared line by line, or as JSON where it is that. */
const CODE: ReadonlySet<string> = new Set(['script', 'style']);
const JSON_TYPES = /^(application\/(.+\+)?json|importmap|speculationrules)\s*(;|$)/i;
/** There is one of each in a document, so their steps carry no index. */
const SINGLE: ReadonlySet<string> = new Set(['html', 'head', 'body', 'title', 'main']);
/** Elements whose number among their siblings says what they hold: the columns of a table. */
const COLUMNS: ReadonlySet<string> = new Set(['td', 'th']);
/** Attributes that name their element, in the order they are asked for what a value is called. */
const NAMING = ['name', 'property', 'http-equiv', 'itemprop', 'id'] as const;

/** Finds the differences of two elements of one name. */
export function walkHtml(a: HtmlNode, b: HtmlNode, path: Path, context: WalkContext): void {
  context.budget.spend(1);
  if (htmlEqual(a, b)) return;
  walkAttributes(a, b, path, context);
  if (CODE.has(a.name)) walkCode(a, b, path, context);
  else walkChildren(a, b, path, context);
}

function walkAttributes(a: HtmlNode, b: HtmlNode, path: Path, context: WalkContext): void {
  for (const [name, value] of a.attributes) {
    const other = b.attributes.get(name);
    if (other === value || (other !== undefined && comparable(name, other) === comparable(name, value))) continue;
    context.findings.add({
      place: attributePlace(a, name, path),
      kind: other === undefined ? 'removed' : 'value',
      control: textValue(value),
      ...(other === undefined ? {} : { candidate: textValue(other) }),
    });
  }
  for (const [name, value] of b.attributes) {
    if (a.attributes.has(name)) continue;
    context.findings.add({ place: attributePlace(b, name, path), kind: 'added', candidate: textValue(value) });
  }
}

/** A form field or meta element says what its value is called. */
function attributePlace(node: HtmlNode, attribute: string, path: Path): Place {
  const at = step(path, `@${attribute}`);
  const isContent = attribute === 'value' || attribute === 'content';
  const naming = isContent
    ? NAMING.map((name) => node.attributes.get(name)).find((name) => name !== undefined)
    : undefined;
  if (naming === undefined) return placeOf(at, attribute);
  // Fields of one form differ in their names, not in their place: the name keeps their patterns apart.
  const pattern = isVaryingKey(naming) ? pathPattern(at) : `${pathPattern(path)}{${naming}}/@${attribute}`;
  return { path: pathText(at), pattern, name: naming };
}

function walkCode(a: HtmlNode, b: HtmlNode, path: Path, context: WalkContext): void {
  const [mine, theirs] = [codeOf(a), codeOf(b)];
  if (mine === theirs) return;
  const inside = step(path, 'text()');
  if (JSON_TYPES.test(a.attributes.get('type') ?? '')) {
    const [left, right] = [parseJson(mine, context.budget), parseJson(theirs, context.budget)];
    if (left.ok && right.ok) {
      walkJson(left.node, right.node, inside, context);
      return;
    }
  }
  walkText(mine, theirs, inside, context);
}

function codeOf(node: HtmlNode): string {
  return node.children.map((child) => child.text).join('');
}

function htmlOps(budget: Budget): ElementOps<HtmlNode> {
  return {
    hash: htmlHash,
    equal: htmlEqual,
    similarity: (a, b) => {
      budget.spend((a.children.length + b.children.length) >> 2);
      return similarity(a, b);
    },
  };
}

/** 0 for what can never be one element that changed: another name. */
function similarity(a: HtmlNode, b: HtmlNode): number {
  if (a.kind !== b.kind || a.name !== b.name) return 0;
  if (a.kind === 'text') return 0.3;
  let alike = 0.1;
  if (classOf(a) === classOf(b)) alike += 0.2;
  for (const name of ['id', 'href', 'src', 'name'] as const) {
    if (a.attributes.has(name) && a.attributes.get(name) === b.attributes.get(name)) alike += 0.15;
  }
  const hashes = new Set(a.children.map(htmlHash));
  const shared = b.children.filter((child) => hashes.has(htmlHash(child))).length;
  return alike + (0.1 * shared) / Math.max(1, a.children.length, b.children.length);
}

function classOf(node: HtmlNode): string {
  return comparable('class', node.attributes.get('class') ?? '');
}

function walkChildren(a: HtmlNode, b: HtmlNode, path: Path, context: WalkContext): void {
  if (a.children.length === 0 && b.children.length === 0) return;
  // One length: the index is below both.
  if (
    a.children.length === b.children.length &&
    a.children.every((child, at) => htmlEqual(child, b.children[at] as HtmlNode))
  )
    return;
  const mode = context.listMode(pathPattern(path), pathText(path));
  if (mode.mode === 'pick') {
    walkPick(a, b, path, context, mode);
    return;
  }
  const aligned = (mode.mode === 'bag' ? alignBag : align)<HtmlNode>(
    a.children,
    b.children,
    htmlOps(context.budget),
    context.budget,
  );
  const [mine, theirs] = [childSteps(a, path), childSteps(b, path)];
  // Indices come from an alignment of these very lists; there is one step a child.
  for (const [i, j] of aligned.changed) walkChild(a, i, b.children[j] as HtmlNode, mine[i] as Path, context);
  for (const i of aligned.removed) emitChild(a, i, mine[i] as Path, 'removed', context);
  for (const j of aligned.added) emitChild(b, j, theirs[j] as Path, 'added', context);
  if (!aligned.moved) return;
  const accounted = mode.mode === 'bag' ? { accounted: mode.accounted } : {};
  context.findings.add({
    place: placeOf(path, nameOf(a)),
    kind: 'order',
    control: treeValue(a),
    candidate: treeValue(b),
    ...accounted,
  });
}

function walkChild(parent: HtmlNode, index: number, other: HtmlNode, at: Path, context: WalkContext): void {
  const child = parent.children[index] as HtmlNode; // an index of this very list
  if (child.kind === 'element') {
    walkHtml(child, other, at, context);
    return;
  }
  context.budget.spend(1);
  if (child.text === other.text) return;
  const isSpace = child.text.replace(/\s+/g, '') === other.text.replace(/\s+/g, '');
  context.findings.add({
    place: placeOf(at, nameOf(parent)),
    kind: isSpace ? 'whitespace' : 'value',
    control: textValue(child.text),
    candidate: textValue(other.text),
  });
}

/** What people call an element: its id, its first class, or else its name. */
function nameOf(node: HtmlNode): string {
  return node.attributes.get('id') ?? node.attributes.get('class')?.trim().split(/\s+/)[0] ?? node.name;
}

function emitChild(parent: HtmlNode, index: number, at: Path, kind: 'removed' | 'added', context: WalkContext): void {
  const child = parent.children[index] as HtmlNode; // an index of this very list
  const isSpace = child.kind === 'text' && child.text.trim() === '';
  context.findings.add({
    place: placeOf(at, nameOf(child.kind === 'text' ? parent : child)),
    kind: isSpace ? 'whitespace' : kind,
    ...(kind === 'removed' ? { control: treeValue(child) } : { candidate: treeValue(child) }),
  });
}

function treeValue(node: HtmlNode): Value {
  if (node.kind === 'text') return textValue(node.text);
  return { type: 'element', text: renderHtml(node, MAX_VALUE_TEXT), shape: htmlShape(node) };
}

/**
 * A step for each child: `p[2]` is the second `p` of its parent, `main` the only one there can be, `text()` its text.
 * The pattern holds the first class, which says more than the number.
 */
function childSteps(parent: HtmlNode, path: Path): Path[] {
  const called = (node: HtmlNode): string => (node.kind === 'text' ? 'text()' : node.name);
  const totals = new Map<string, number>();
  for (const child of parent.children) totals.set(called(child), (totals.get(called(child)) ?? 0) + 1);
  const seen = new Map<string, number>();
  return parent.children.map((child) => {
    const name = called(child);
    const number = (seen.get(name) ?? 0) + 1;
    seen.set(name, number);
    if (SINGLE.has(name)) return step(path, name);
    const isAlone = totals.get(name) === 1;
    // Cells of a row are of different columns, and so are what is noise in them.
    const place = COLUMNS.has(name) ? String(number) : '*';
    const marker = child.attributes.get('class')?.trim().split(/\s+/)[0] ?? '';
    const pattern =
      child.kind === 'text'
        ? isAlone
          ? name
          : `${name}[*]`
        : `${marker === '' || isVaryingKey(marker) ? name : `${name}.${marker}`}[${place}]`;
    return step(path, isAlone ? name : `${name}[${number}]`, pattern);
  });
}

/** Children that vary from one answer to the next: as many as were seen, each of a shape the control has shown. */
function walkPick(a: HtmlNode, b: HtmlNode, path: Path, context: WalkContext, mode: ListMode & { mode: 'pick' }): void {
  const known = new Set([...mode.shapes, ...a.children.map((child) => htmlShape(child))]);
  const [count, expected] = [b.children.length, a.children.length];
  const fits = count >= Math.min(mode.min, expected) && count <= Math.max(mode.max, expected);
  const own = new Set(a.children.map(htmlHash));
  const repeats = own.size < a.children.length;
  const seen = new Set<number>();
  const isTwice = (child: HtmlNode): boolean => {
    const before = seen.size;
    return child.kind !== 'text' && seen.add(htmlHash(child)).size === before && !repeats;
  };
  const odd = b.children.findIndex((child) => isTwice(child) || !known.has(htmlShape(child)));
  const whole = {
    place: placeOf(path, nameOf(a)),
    kind: 'value',
    control: treeValue(a),
    candidate: treeValue(b),
  } as const;
  if (odd >= 0) emitChild(b, odd, childSteps(b, path)[odd] as Path, 'added', context); // one step a child
  if (!fits) context.findings.add(whole);
  else if (odd < 0) context.findings.add({ ...whole, accounted: mode.accounted });
}
