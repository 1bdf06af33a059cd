import type { JsonNode } from '../../../src/core/compare/json.ts';
import { writeJson } from '../../../src/core/mutation/json-edit.ts';
import { type Draft, isObjectList } from './reading.ts';

export const LAYOUTS = ['article', 'table', 'cards', 'form', 'app'] as const;
export type Layout = (typeof LAYOUTS)[number];
export const TEXTS = ['lines', 'csv', 'xml', 'ndjson'] as const;
export type TextForm = (typeof TEXTS)[number];

/** JSON with so many spaces after each sign that parts values. */
export function spacedJson(node: JsonNode, gap: string): string {
  if (node.kind === 'array') return `[${node.items.map((item) => gap + spacedJson(item, gap)).join(',')}]`;
  if (node.kind !== 'object') return writeJson(node);
  const members = node.keys.map(
    (key, at) => `${gap}${JSON.stringify(key)}:${gap}${spacedJson(node.items[at] as JsonNode, gap)}`,
  ); // one length
  return `{${members.join(',')}}`;
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Every member that holds one value, with the way to it; lists of values are joined. */
function leaves(node: JsonNode, way = ''): [name: string, value: string][] {
  return node.keys.flatMap((key, at): [string, string][] => {
    const item = node.items[at] as JsonNode; // keys and items have one length
    const name = way === '' ? key : `${way}.${key}`;
    if (item.kind === 'object') return leaves(item, name);
    if (item.kind === 'array') return isObjectList(item) ? [] : [[name, item.items.map(plain).join(', ')]];
    return [[name, plain(item)]];
  });
}

function plain(node: JsonNode): string {
  return node.kind === 'string' || node.kind === 'number' ? node.text : node.kind === 'null' ? '' : writeJson(node);
}

/** The lists of objects in a tree, with their names. */
function lists(node: JsonNode, name = 'items'): [name: string, rows: readonly JsonNode[]][] {
  if (isObjectList(node)) return [[name, node.items]];
  return node.items.flatMap((item, at) => lists(item, node.keys[at] ?? name));
}

/** The tree as a page; the draft's noisy member is shown where the draft says. */
export function htmlPage(draft: Draft, layout: Layout, title: string): string {
  const { tree } = draft;
  const rows = tree.kind === 'object' ? leaves(tree) : [];
  const shown = rows.filter(([name]) => !isHidden(draft, name));
  const tables = lists(tree).map(([name, list]) => htmlList(draft, layout === 'form' ? 'cards' : layout, name, list));
  const head = `<meta charset="utf-8"><title>${escaped(title)}</title><meta name="description" content="${escaped(title)} and more"><link rel="stylesheet" href="/style.css">`;
  const hidden = rows.filter(([name]) => isHidden(draft, name)).map(([name, value]) => hiddenHtml(draft, name, value));
  const main = `<h1>${escaped(title)}</h1>${mainHtml(layout, shown, tree)}${tables.join('')}${hidden.join('')}`;
  return `<!DOCTYPE html>\n<html lang="en"><head>${head}</head><body><header><nav class="top"><a href="/">Home</a><a href="/cart">Cart &amp; more</a></nav></header><main>${main}</main><footer><p>All rights reserved</p></footer></body></html>\n`;
}

function isHidden({ key, place }: Draft, name: string): boolean {
  return key !== undefined && place !== 'text' && (name === key || name.endsWith(`.${key}`));
}

function hiddenHtml({ place }: Draft, name: string, value: string): string {
  if (place === 'field')
    return `<form method="post" action="/save"><input type="hidden" name="${name}" value="${escaped(value)}"><button>Save</button></form>`;
  if (place === 'script')
    return `<script type="application/json" id="state">{"${name}":${JSON.stringify(value)},"debug":false}</script>`;
  return `<div class="holder" data-${name.toLowerCase().replaceAll('.', '-')}="${escaped(value)}">see below</div>`;
}

function mainHtml(layout: Layout, shown: readonly (readonly [string, string])[], tree: JsonNode): string {
  const className = (name: string): string => name.replaceAll('.', '-').toLowerCase();
  if (layout === 'form') {
    const fields = shown.map(
      ([name, value]) =>
        `<label for="f-${className(name)}">${name}</label><input id="f-${className(name)}" name="${name}" value="${escaped(value)}">`,
    );
    return `<form method="post" action="/update">${fields.join('')}<select name="unit"><option value="a" selected>one</option><option value="b">two</option></select></form>`;
  }
  const list = shown.map(([name, value]) => `<dt>${name}</dt><dd class="${className(name)}">${escaped(value)}</dd>`);
  const facts = list.length === 0 ? '' : `<dl>${list.join('')}</dl>`;
  if (layout !== 'app') return facts;
  const state = { route: '/things', size: tree.items.length, flags: ['search', 'wishlist'] };
  return `<div id="root"></div>${facts}<script>window.routes = ["/", "/cart"];\nwindow.start();</script><script type="application/json" id="data">${JSON.stringify(state)}</script>`;
}

function htmlList(draft: Draft, layout: Layout, name: string, list: readonly JsonNode[]): string {
  if (layout === 'table') {
    const body = list.map(
      (row) =>
        `<tr>${leaves(row)
          .map(([, value]) => `<td>${escaped(value)}</td>`)
          .join('')}</tr>`,
    );
    const head = leaves(list[0] as JsonNode).map(([key]) => `<th>${key}</th>`); // lists have an element
    return `<table class="${name}"><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table>`;
  }
  const cards = list.map((row) => {
    const cells = leaves(row).map(([key, value]) =>
      isHidden(draft, key)
        ? hiddenHtml(draft.place === 'attribute' ? draft : { ...draft, place: 'attribute' }, key, value)
        : `<p class="${key.toLowerCase().replaceAll('.', '-')}">${escaped(value)}</p>`,
    );
    return `<li class="card">${cells.join('')}</li>`;
  });
  return `<ul class="${name}">${cards.join('')}</ul>`;
}

/** The tree as lines of text, as a table, as XML or as one JSON document a line. */
export function textBody({ tree }: Draft, form: TextForm): string {
  const rows = lists(tree).flatMap(([, list]) => list);
  switch (form) {
    case 'lines':
      return [...leaves(tree), ...rows.flatMap((row) => leaves(row))]
        .map(([name, value]) => `${name}: ${value}\n`)
        .join('');
    case 'csv': {
      const all = rows.length > 0 ? rows : [tree];
      const cell = (value: string): string => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
      const line = (cells: readonly string[]): string => `${cells.map(cell).join(',')}\n`;
      const head = leaves(all[0] as JsonNode).map(([name]) => name); // one row at least
      return line(head) + all.map((row) => line(leaves(row).map(([, value]) => value))).join('');
    }
    case 'xml':
      return `<?xml version="1.0" encoding="UTF-8"?>\n${xml('answer', tree)}\n`;
    case 'ndjson':
      return (rows.length > 0 ? rows : [tree]).map((row) => `${writeJson(row)}\n`).join('');
  }
}

function xml(name: string, node: JsonNode): string {
  const tag = /^\d/.test(name) ? `n${name}` : name;
  if (node.kind === 'array') return `<${tag}>${node.items.map((item) => `\n${xml('item', item)}`).join('')}\n</${tag}>`;
  if (node.kind !== 'object') return `<${tag}>${escaped(plain(node))}</${tag}>`;
  const members = node.keys.map((key, at) => `\n${xml(key, node.items[at] as JsonNode)}`); // one length
  return `<${tag}>${members.join('')}\n</${tag}>`;
}

export const TEXT_TYPES: Readonly<Record<TextForm, string>> = {
  lines: 'text/plain; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  xml: 'application/xml',
  ndjson: 'application/x-ndjson',
};
