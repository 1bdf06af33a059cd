import { BudgetSpent } from '../core/compare/budget.ts';
import { type CsvParse, parseCsv, type Separator, separatorIn } from '../core/compare/csv.ts';
import { placeOf, textValue, type Value } from '../core/compare/finding.ts';
import { type JsonNode, parseJson, parseJsonBeside } from '../core/compare/json.ts';
import { jsonMember } from '../core/compare/json-value.ts';
import { type Path, step } from '../core/compare/path.ts';
import { eventBlocks, jsonLines, readEvent, readJsonLine } from '../core/compare/records.ts';
import type { WalkContext } from '../core/compare/walk.ts';
import { walkCsv } from '../core/compare/walk-csv.ts';
import { walkForm } from '../core/compare/walk-form.ts';
import { walkHtml } from '../core/compare/walk-html.ts';
import { jsonValue, walkJson } from '../core/compare/walk-json.ts';
import { walkRecords } from '../core/compare/walk-records.ts';
import { walkText } from '../core/compare/walk-text.ts';
import { walkXml } from '../core/compare/walk-xml.ts';
import { parseXml } from '../core/compare/xml.ts';
import type { BodyFormat } from './decode.ts';
import { walkComments } from './html-comments.ts';
import { htmlTrees } from './html-tree.ts';

/**
 * Finds the differences of two texts of the control's format.
 * A candidate that is not of it any more is one difference of kind `type`; where the control itself is not, both are compared as text.
 */
export function walkTexts(format: BodyFormat, left: string, right: string, path: Path, context: WalkContext): void {
  if (left === right) return;
  if (right.trim() === '' && left.trim() !== '') {
    context.findings.add({
      place: placeOf(path),
      kind: 'removed',
      control: textValue(left),
      candidate: textValue(right),
    });
    return;
  }
  const walk = WALKS[format];
  if (walk === undefined || !walk(left, right, path, context)) walkText(left, right, path, context);
}

/** Walks two texts of one format. False: the control's is not of it. */
type TextWalk = (left: string, right: string, path: Path, context: WalkContext) => boolean;

const WALKS: Readonly<Partial<Record<BodyFormat, TextWalk>>> = {
  json: walkJsonTexts,
  html: (left, right, path, context) => {
    const [a, b] = htmlTrees(left, right, context.budget, context.plainPages);
    walkHtml(a, b, step(path, 'html'), context);
    if (context.htmlComments === true) walkComments(left, right, path, context);
    return true;
  },
  xml: walkXmlTexts,
  ndjson: (left, right, path, context) => {
    const { budget } = context;
    walkRecords(jsonLines(left, budget), jsonLines(right, budget), readJsonLine, step(path, 'lines'), context);
    return true;
  },
  events: (left, right, path, context) => {
    const { budget } = context;
    walkRecords(eventBlocks(left, budget), eventBlocks(right, budget), readEvent, step(path, 'events'), context);
    return true;
  },
  form: (left, right, path, context) => {
    walkForm(left, right, path, context);
    return true;
  },
  csv: (left, right, path, context) => walkTables(left, right, separatorIn(left, false), path, context),
  tsv: (left, right, path, context) => walkTables(left, right, separatorIn(left, true), path, context),
  code: walkCode,
};

function walkJsonTexts(left: string, right: string, path: Path, context: WalkContext): boolean {
  const a = parseJson(left, context.budget);
  if (!a.ok) return passBound(a.message);
  const b = parseJsonBeside(right, a.node, left, context.budget);
  if (!b.ok) {
    if (b.message === TOO_MANY) throw new BudgetSpent('nodes');
    const isCut = b.message === 'a string is not closed' || isEnd(right, b.offset);
    broken(left, right, isCut, path, context);
    return true;
  }
  if (!walkNewErrors(a.node, b.node, path, context)) walkJson(a.node, b.node, path, context);
  return true;
}

const TOO_MANY = 'too many values';

/** A document beyond our own bounds is not malformed: what cannot be held cannot be judged. */
function passBound(message: string): false {
  if (message === TOO_MANY || message === 'nested too deeply') throw new BudgetSpent('bounds');
  return false;
}

/** Whether reading stopped because nothing more came, or only the beginning of a word or number. */
function isEnd(text: string, offset: number): boolean {
  return (
    /^\s*(-|t|tr|tru|f|fa|fal|fals|n|nu|nul)?\s*$/.test(text.slice(offset, offset + 64)) && text.length - offset < 64
  );
}

/** The candidate's text is no longer of the control's format: it ends early, or is something else. */
function broken(left: string, right: string, isCut: boolean, path: Path, context: WalkContext): void {
  const candidate: Value = isCut
    ? { type: 'bytes', text: `ends early at byte ${Buffer.byteLength(right)}` }
    : textValue(right);
  context.findings.add({ place: placeOf(path), kind: 'type', control: textValue(left), candidate });
}

const ENVELOPE: ReadonlySet<string> = new Set(['data', 'errors', 'extensions']);

/**
 * GraphQL answers 200 and tells of failure inside (October 2021, section 7.1): errors that only the candidate has are what
 * makes the rest differ, so they come first. False: there are none.
 */
function walkNewErrors(a: JsonNode, b: JsonNode, path: Path, context: WalkContext): boolean {
  if (a.kind !== 'object' || b.kind !== 'object') return false;
  const errors = jsonMember(b, 'errors');
  if (errors?.kind !== 'array' || errors.items.length === 0) return false;
  const isEnvelope = a.keys.includes('data') && [...a.keys, ...b.keys].every((key) => ENVELOPE.has(key));
  if (!isEnvelope || (jsonMember(a, 'errors')?.items.length ?? 0) > 0) return false;
  context.findings.add({
    place: placeOf(step(path, 'errors')),
    kind: 'added',
    candidate: jsonValue(errors),
    grave: true,
  });
  walkJson(withoutMember(a, 'errors'), withoutMember(b, 'errors'), path, context);
  return true;
}

function withoutMember(node: JsonNode, name: string): JsonNode {
  const kept = node.keys.map((key) => key !== name);
  return {
    ...node,
    keys: node.keys.filter((_, at) => kept[at]),
    items: node.items.filter((_, at) => kept[at]),
    hash: 0,
  };
}

function walkXmlTexts(left: string, right: string, path: Path, context: WalkContext): boolean {
  const a = parseXml(left, context.budget);
  if (!a.ok) {
    if (a.reason === 'bound') throw new BudgetSpent('bounds');
    return false;
  }
  const b = parseXml(right, context.budget);
  if (b.ok) walkXml(a.node, b.node, path, context);
  else if (b.reason === 'bound') throw new BudgetSpent('bounds');
  else broken(left, right, b.offset >= right.length, path, context);
  return true;
}

function walkTables(left: string, right: string, separator: Separator, path: Path, context: WalkContext): boolean {
  const control = held(parseCsv(left, separator, context.budget));
  if (!control.ok) return false;
  const candidate = held(parseCsv(right, separator, context.budget));
  if (candidate.ok) walkCsv({ control, candidate }, path, context);
  else broken(left, right, false, path, context);
  return true;
}

function held(parsed: CsvParse): CsvParse {
  if (!parsed.ok && parsed.reason === 'bound') throw new BudgetSpent('bounds');
  return parsed;
}

/** Scripts and styles: where only white space differs, over lines or within, that is one difference. */
function walkCode(left: string, right: string, path: Path, context: WalkContext): boolean {
  if (left.replace(/\s+/g, '') !== right.replace(/\s+/g, '')) return false;
  const count = (text: string): number => text.split('\n').length;
  if (count(left) === count(right)) return false;
  context.findings.add({
    place: placeOf(path),
    kind: 'whitespace',
    control: textValue(`${count(left)} lines, ${left.length} characters`),
    candidate: textValue(`${count(right)} lines, ${right.length} characters`),
  });
  return true;
}
