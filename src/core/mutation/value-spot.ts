import type { Answer } from '../observation.ts';
import { editable, withBody } from './answer-edit.ts';
import { scanHtml, splice } from './html-scan.ts';
import { readJson, replaced, spotPath, textNode, writeJson } from './json-edit.ts';
import type { Mutator, Planted, Random } from './mutator.ts';
import { firstOf } from './mutator.ts';

/** One text or number of a body, whatever its format, and the answer with another in its place. */
export interface ValueSpot {
  readonly path: string;
  readonly kind: 'text' | 'number';
  readonly text: string;
  /** What the value is called: the member, the attribute, the element; empty for a line. */
  readonly name: string;
  put(text: string): Answer;
}

/** Values of one body that are looked at. */
const MAX_SPOTS = 5_000;
/** Attributes that hold what people or programs read. */
const VALUE_ATTRIBUTES: ReadonlySet<string> = new Set([
  'value',
  'content',
  'href',
  'src',
  'title',
  'alt',
  'action',
  'datetime',
  'placeholder',
]);

/** The texts and numbers of a body: JSON members, texts and attributes of a page, lines of a text. */
export function valueSpots(answer: Answer): readonly ValueSpot[] {
  const body = editable(answer);
  if (body === undefined) return [];
  if (body.format === 'json') return jsonSpots(answer, body.text);
  return (body.format === 'html' ? htmlSpots(answer, body.text) : lineSpots(answer, body.text)).slice(0, MAX_SPOTS);
}

function jsonSpots(answer: Answer, text: string): ValueSpot[] {
  const document = readJson(text);
  if (document === undefined) return [];
  return document.spots.slice(0, MAX_SPOTS).flatMap((spot): ValueSpot[] => {
    const { kind } = spot.node;
    if (kind !== 'string' && kind !== 'number') return [];
    const put = (next: string): Answer => {
      const node = kind === 'string' ? textNode(next) : { ...spot.node, text: next, hash: 0 };
      return withBody(answer, writeJson(replaced(document.root, spot.trail, node)));
    };
    return [
      { path: spotPath(spot), kind: kind === 'string' ? 'text' : 'number', text: spot.node.text, name: spot.name, put },
    ];
  });
}

function htmlSpots(answer: Answer, source: string): ValueSpot[] {
  const page = scanHtml(source);
  const texts = page.texts
    .filter(({ within }) => within !== 'script' && within !== 'style')
    .map(({ path, text, within, start, end }): ValueSpot => {
      // White space around a text is layout.
      const lead = text.length - text.trimStart().length;
      const span = { start: start + lead, end: end - (text.length - text.trimEnd().length) };
      return {
        path,
        kind: 'text',
        text: text.trim(),
        name: within,
        put: (next) => withBody(answer, splice(source, span, next)),
      };
    });
  const attributes = page.elements.flatMap((element) =>
    element.attributes.flatMap(({ name, value, valueSpan }): ValueSpot[] =>
      valueSpan === undefined || !VALUE_ATTRIBUTES.has(name)
        ? []
        : [
            {
              path: `${element.path}/@${name}`,
              kind: 'text',
              text: value,
              name: element.attributes.find((other) => other.name === 'name')?.value ?? name,
              put: (next) => withBody(answer, splice(source, valueSpan, next)),
            },
          ],
    ),
  );
  return [...texts, ...attributes];
}

function lineSpots(answer: Answer, text: string): ValueSpot[] {
  const lines = text.split('\n');
  return lines.flatMap((line, at): ValueSpot[] => {
    if (line.trim() === '') return [];
    const put = (next: string) => withBody(answer, lines.toSpliced(at, 1, next).join('\n'));
    return [{ path: `body/line/${at + 1}`, kind: 'text', text: line, name: '', put }];
  });
}

/** A fault that turns one value into another: undefined where this value cannot have it. */
export type Rewrite = (spot: ValueSpot, random: Random, others: readonly ValueSpot[]) => string | undefined;

/** A mutator that rewrites one value. */
export function valueMutator(name: string, fault: string, rewrite: Rewrite): Mutator {
  return {
    name,
    fault,
    plant(answer: Answer, random: Random): Planted | undefined {
      const spots = valueSpots(answer);
      return firstOf(spots, random, (spot) => {
        const next = rewrite(spot, random, spots);
        return next === undefined || next === spot.text ? undefined : { answer: spot.put(next), path: spot.path };
      });
    },
  };
}
