/** A stretch of the source. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface HtmlAttribute extends Span {
  readonly name: string;
  /** The value as written, entities and all; empty where there is none. */
  readonly value: string;
  /** Where the value stands, inside its quotes; absent for one without value. */
  readonly valueSpan?: Span;
}

/** An element of a page, from its first tag to the end of its last. */
export interface HtmlElement extends Span {
  readonly name: string;
  readonly path: string;
  readonly attributes: readonly HtmlAttribute[];
}

/** A text between tags, not blank. */
export interface HtmlText extends Span {
  readonly text: string;
  readonly path: string;
  /** The element it stands in. */
  readonly within: string;
}

export interface HtmlPage {
  readonly elements: readonly HtmlElement[];
  readonly texts: readonly HtmlText[];
}

const VOID: ReadonlySet<string> = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));
const RAW: ReadonlySet<string> = new Set(['script', 'style', 'textarea', 'title']);
/** There is one of each in a document: their steps carry no number. */
const SINGLE: ReadonlySet<string> = new Set(['html', 'head', 'body', 'title', 'main']);
/** Tags of one page; what follows more is left alone. */
const MAX_TAGS = 20_000;
const TAG =
  /<(\/?)([a-zA-Z][\w:-]*)((?:\s+[^\s=<>"'/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s<>"']+))?)*)\s*(\/?)>|<!--[\s\S]*?-->|<![^>]*>/g;
const ATTRIBUTE = /([^\s=<>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s<>"']+)))?/g;

interface Draft {
  readonly kind: 'element' | 'text';
  readonly name: string;
  readonly start: number;
  end: number;
  readonly attributes: readonly HtmlAttribute[];
  readonly children: Draft[];
}

/**
 * The elements and texts of a page that closes what it opens, with their places in the source and their paths as differences
 * name them. No browser's parser: a page with tags left out gives paths that are off, never edits that are.
 */
export function scanHtml(source: string): HtmlPage {
  const root: Draft = { kind: 'element', name: '', start: 0, end: source.length, attributes: [], children: [] };
  const stack: Draft[] = [root];
  let from = 0;
  let tags = 0;
  TAG.lastIndex = 0;
  for (let tag = TAG.exec(source); tag !== null && tags < MAX_TAGS; tag = TAG.exec(source)) {
    tags++;
    const parent = stack.at(-1) as Draft; // the root is never taken off
    addText(parent, source, from, tag.index);
    from = TAG.lastIndex;
    const name = tag[2]?.toLowerCase();
    if (name === undefined) continue;
    if (tag[1] === '/') close(stack, name, from);
    else {
      const element: Draft = {
        kind: 'element',
        name,
        start: tag.index,
        end: from,
        attributes: attributesOf(tag),
        children: [],
      };
      parent.children.push(element);
      if (VOID.has(name) || tag[4] === '/') continue;
      stack.push(element);
      if (RAW.has(name)) TAG.lastIndex = endOfRaw(source, name, from);
    }
  }
  const page = { elements: [] as HtmlElement[], texts: [] as HtmlText[] };
  place(root, 'body', page, source);
  return page;
}

function endOfRaw(source: string, name: string, from: number): number {
  const end = source.toLowerCase().indexOf(`</${name}`, from);
  return end < 0 ? source.length : end;
}

function addText(parent: Draft, source: string, start: number, end: number): void {
  if (start >= end || source.slice(start, end).trim() === '') return;
  const last = parent.children.at(-1);
  // A comment between two texts parts them in the source only.
  if (last?.kind === 'text') last.end = end;
  else parent.children.push({ kind: 'text', name: 'text()', start, end, attributes: [], children: [] });
}

/** Takes off the stack what the closing tag closes; one that closes nothing is passed over. */
function close(stack: Draft[], name: string, end: number): void {
  const at = stack.findLastIndex((element) => element.name === name);
  if (at <= 0) return;
  for (const element of stack.splice(at)) element.end = end;
}

function attributesOf(tag: RegExpExecArray): HtmlAttribute[] {
  const list = tag[3] ?? '';
  const base = tag.index + 1 + (tag[2]?.length ?? 0);
  return [...list.matchAll(ATTRIBUTE)].map((found) => {
    const [all, name = ''] = found;
    const start = base + found.index;
    const end = start + all.length;
    const value = found[2] ?? found[3] ?? found[4];
    if (value === undefined) return { name: name.toLowerCase(), value: '', start, end };
    const close = end - (found[4] === undefined ? 1 : 0);
    return { name: name.toLowerCase(), value, start, end, valueSpan: { start: close - value.length, end: close } };
  });
}

function place(
  parent: Draft,
  path: string,
  page: { elements: HtmlElement[]; texts: HtmlText[] },
  source: string,
): void {
  const totals = new Map<string, number>();
  for (const { name } of parent.children) totals.set(name, (totals.get(name) ?? 0) + 1);
  const seen = new Map<string, number>();
  for (const child of parent.children) {
    const { name, start, end, attributes } = child;
    const number = (seen.get(name) ?? 0) + 1;
    seen.set(name, number);
    const at = `${path}/${SINGLE.has(name) || totals.get(name) === 1 ? name : `${name}[${number}]`}`;
    if (child.kind === 'text') {
      page.texts.push({ text: source.slice(start, end), path: at, within: parent.name, start, end });
    } else {
      page.elements.push({ name, path: at, attributes, start, end });
      place(child, at, page, source);
    }
  }
}

/** The source with one stretch replaced. */
export function splice(source: string, { start, end }: Span, by: string): string {
  return source.slice(0, start) + by + source.slice(end);
}
