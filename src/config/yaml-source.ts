import type { Document, Node, YAMLError } from 'yaml';
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Finding, Path, Place } from './problem.ts';

/** Largest configuration file, in bytes. A thousand listed endpoints take a tenth of it. */
export const MAX_FILE_BYTES = 1_048_576;
/** Deepest nesting; the schema itself needs seven levels. */
const MAX_DEPTH = 16;
/** How often values may be taken over by aliases; more is an attempt to fill the memory. */
const MAX_ALIASES = 100;
/** Flow collections open at once; the parser recurses once per level, and beyond some thousands the stack ends. */
const MAX_BRACKETS = 1_000;

/** What a text may be at most, and what it is called in problems. */
export interface YamlBounds {
  readonly bytes: number;
  readonly depth: number;
  readonly name: string;
}

const CONFIGURATION: YamlBounds = { bytes: MAX_FILE_BYTES, depth: MAX_DEPTH, name: 'a configuration file' };

/** A YAML file as plain data, with the way back to its lines. */
export interface YamlSource {
  /** undefined where the text is no single YAML mapping; then there are findings. */
  readonly data: unknown;
  readonly findings: readonly Finding[];
  /** Where the key or the value of a path lies; the nearest parent where it is not there. */
  locate(path: Path, part: 'key' | 'value'): Place;
}

/**
 * Reads YAML 1.2 without custom tags. Total: whatever the text is, the answer is data or findings, never an exception.
 * Findings never repeat values, because a broken line may hold a secret.
 */
export function readYaml(text: string, bounds: YamlBounds = CONFIGURATION): YamlSource {
  const size = `${bounds.bytes / MAX_FILE_BYTES}MiB`;
  const tooLarge = Buffer.byteLength(text) > bounds.bytes;
  if (tooLarge) return refused({ what: `is larger than ${size}`, expected: `${bounds.name} of at most ${size}` });
  if (deepestNesting(text) > MAX_BRACKETS) return refused(tooDeep(bounds));
  const lines = new LineCounter();
  const control = controlCharacter(text);
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // 'silent' would also silence the error about a second document.
    logLevel: 'error',
    version: '1.2',
  });
  if (lines.lineStarts.length === 0) lines.addNewLine(0);
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const findings = [
    ...(control === undefined ? [] : [{ path: [], place: place(control.offset), ...control.finding }]),
    ...[...document.errors, ...document.warnings].map((error) => syntaxFinding(error, text, place)),
    ...structureFindings(document, place, bounds),
  ];
  const locate = (path: Path, part: 'key' | 'value'): Place => place(offsetOf(document, path, part));
  // After a duplicate key the rest of the file still means something; after any other slip it may not.
  const isReadable = findings.every((finding) => finding.what.startsWith(DUPLICATE));
  if (!isReadable) return { data: undefined, findings, locate };
  const empty = emptyFinding(document, bounds);
  if (empty !== undefined) return { data: undefined, findings: [...findings, empty], locate };
  return { data: document.toJS({ maxAliasCount: MAX_ALIASES }), findings, locate };
}

const DUPLICATE = 'is there twice';

function tooDeep({ depth }: YamlBounds): Omit<Finding, 'path'> {
  return { what: 'is nested too deeply', expected: `at most ${depth} levels` };
}

function refused(finding: Omit<Finding, 'path'>): YamlSource {
  const start: Place = { line: 1, column: 1 };
  return { data: undefined, findings: [{ path: [], place: start, ...finding }], locate: () => start };
}

function emptyFinding(document: Document, bounds: YamlBounds): Finding | undefined {
  const { contents } = document;
  if (isMap(contents)) return undefined;
  const isEmpty = contents === null || (isScalar(contents) && contents.value === null);
  const what = isEmpty ? 'is empty' : 'is not a mapping';
  if (bounds !== CONFIGURATION) return { path: [], what, expected: bounds.name };
  return {
    path: [],
    what,
    expected: 'keys and values such as "listen: 127.0.0.1:8080"',
    hint: 'At least control and candidate are needed; cutover init writes a file to start from.',
  };
}

/** Opening brackets and dashes that could be open at once, counted without a parser: an upper bound. */
function deepestNesting(text: string): number {
  let open = 0;
  let deepest = 0;
  for (const line of text.split('\n')) {
    // "- - - -" opens one block sequence per dash, and "? ? ?" one mapping per mark.
    const compact = /^[\s?-]*/.exec(line)?.[0].replace(/\s/g, '').length ?? 0;
    for (const character of line) {
      if (character === '[' || character === '{') open += 1;
      else if (character === ']' || character === '}') open = Math.max(0, open - 1);
      deepest = Math.max(deepest, open, compact);
    }
  }
  return deepest;
}

function controlCharacter(text: string): { offset: number; finding: Omit<Finding, 'path'> } | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose.
  const found = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(text);
  if (found === null) return undefined;
  const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  return {
    offset: found.index,
    finding: { what: `holds the control character U+${code}`, expected: 'text without control characters' },
  };
}

/** Our own words per code: the parser's messages may quote the text. */
const SYNTAX: Readonly<Record<string, readonly [what: string, expected: string, hint?: string]>> = {
  TAB_AS_INDENT: ['is indented with a tab', 'spaces'],
  BAD_INDENT: ['is indented in a way that does not fit', 'the same indentation for all keys of one mapping'],
  MISSING_CHAR: ['lacks a character', 'a closing quote or bracket, or ": " between key and value'],
  MULTIPLE_DOCS: ['holds several documents', 'one document', 'Remove what follows the line "---".'],
  TAG_RESOLVE_FAILED: ['has a tag', 'plain YAML without tags'],
  BAD_SCALAR_START: ['begins with a reserved character', 'a value in quotes'],
  BLOCK_AS_IMPLICIT_KEY: ['has a second ": " on one line', 'one key per line', 'Put the value in quotes.'],
  NON_STRING_KEY: ['is a key that is no text', 'a text as key'],
  BAD_DIRECTIVE: ['has a directive that is not known', 'YAML 1.2'],
};

function syntaxFinding(error: YAMLError, text: string, place: (offset: number) => Place): Finding {
  if (error.code === 'DUPLICATE_KEY') return duplicateFinding(error, text, place);
  const [what, expected, hint] = SYNTAX[error.code] ?? ['is not valid YAML here', 'YAML 1.2'];
  const more = hint === undefined ? {} : { hint };
  return { path: [], place: place(error.pos[0]), what, expected, ...more };
}

function duplicateFinding(error: YAMLError, text: string, place: (offset: number) => Place): Finding {
  const key = /^["']?([\w.-]{1,64})/.exec(text.slice(error.pos[0], error.pos[0] + 66))?.[1];
  return {
    path: key === undefined ? [] : [key],
    place: place(error.pos[0]),
    what: `${DUPLICATE} in one mapping`,
    expected: 'each key once',
  };
}

/** What the parser lets pass: directives of other versions, depth, aliases of nothing, of themselves, and of too much. */
function structureFindings(document: Document, place: (offset: number) => Place, bounds: YamlBounds): Finding[] {
  const findings: Finding[] = [];
  const { explicit, version } = document.directives?.yaml ?? {};
  if (explicit === true && version !== '1.2') {
    findings.push({ path: [], place: place(0), what: 'asks for another version of YAML', expected: 'YAML 1.2' });
  }
  const anchors = new Map<string, Node>();
  let aliases = 0;
  let isTooDeep = false;
  visit(document, {
    Node(_key, node, ancestors) {
      if (isAlias(node)) {
        aliases += 1;
        const source = anchors.get(node.source);
        const isOpen = source !== undefined && ancestors.includes(source);
        if (source === undefined || isOpen) findings.push(aliasFinding(place(node.range?.[0] ?? 0)));
      } else if (node.anchor !== undefined) {
        anchors.set(node.anchor, node);
      }
      const depth = ancestors.filter((ancestor) => !isPair(ancestor)).length;
      if (depth <= bounds.depth || isTooDeep) return depth > bounds.depth ? visit.SKIP : undefined;
      isTooDeep = true;
      findings.push({ path: [], place: place(node.range?.[0] ?? 0), ...tooDeep(bounds) });
      return visit.SKIP;
    },
  });
  if (findings.length === 0 && aliases > 0) findings.push(...expansionFindings(document, place));
  return findings;
}

function aliasFinding(at: Place): Finding {
  return {
    path: [],
    place: at,
    what: 'is an alias of an anchor that is not there, or not yet complete',
    expected: 'an anchor earlier in the file, or a value in quotes where * belongs to the value',
  };
}

function expansionFindings(document: Document, place: (offset: number) => Place): Finding[] {
  try {
    document.toJS({ maxAliasCount: MAX_ALIASES });
    return [];
  } catch {
    // The only reason left: aliases of aliases that grow beyond the bound.
    return [{ path: [], place: place(0), what: 'repeats itself too often by aliases', expected: 'fewer aliases' }];
  }
}

function offsetOf(document: Document, path: Path, part: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const [index, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const wantsKey = part === 'key' || index < path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return offset;
      const value = rangeStart(pair.value);
      offset = wantsKey || value === undefined ? (rangeStart(pair.key) ?? offset) : value;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = rangeStart(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function rangeStart(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
}
