import type { Accounted, Finding, Value } from '../core/compare/finding.ts';
import { MAX_VALUE_TEXT } from '../core/compare/walk.ts';
import type { Difference } from '../core/verdict.ts';

/** A finding as it is told, with what accounts for it. */
export function difference({ place, kind, control, candidate }: Finding, accounted: Accounted | undefined): Difference {
  return {
    path: place.detail === undefined ? place.path : `${place.path}/${place.detail}`,
    kind,
    ...(control === undefined ? {} : { control: shown(control) }),
    ...(candidate === undefined ? {} : { candidate: shown(candidate) }),
    ...(accounted?.noise === undefined ? {} : { noise: accounted.noise }),
    ...(accounted?.rule === undefined ? {} : { rule: accounted.rule }),
    ...(accounted?.ignored === undefined ? {} : { ignored: accounted.ignored }),
  };
}

/** Control characters but for tab and line feed. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** A value as it is told: cut, with control characters made visible. */
function shown(value: Value): string {
  const text = value.text.length > MAX_VALUE_TEXT ? `${value.text.slice(0, MAX_VALUE_TEXT - 1)}…` : value.text;
  if (!HIDDEN.test(text)) return text;
  let out = '';
  for (const character of text) {
    const code = character.charCodeAt(0);
    const hides = (code < 32 && code !== 9 && code !== 10) || (code >= 127 && code < 160);
    out += hides ? `\\u{${code.toString(16)}}` : character;
  }
  return out;
}
