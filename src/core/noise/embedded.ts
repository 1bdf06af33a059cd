import type { NoiseContext, Recognised } from './learner.ts';
import { SPLITS, type Split, splitText } from './split.ts';
import { recogniseTime } from './time.ts';
import { areTokens, isNonceName, isTokenNameInText } from './token.ts';
import { areUuids } from './uuid.ts';

/** Runs that may differ; a text with more is another text. */
const MAX_RUNS = 32;

/**
 * Looks for times, uuids and named tokens inside two texts that are equal elsewhere; that the whole texts are neither two
 * times nor two uuids is known already.
 *
 * @param isSteady As for a single time.
 */
export function recogniseInside(
  control: string,
  candidate: string,
  context: NoiseContext,
  isSteady = false,
): Recognised | undefined {
  for (const how of SPLITS) {
    const left: Split | undefined = splitText(control, how);
    const right = left === undefined ? undefined : splitText(candidate, how);
    const found = left === undefined || right === undefined ? undefined : compareParts(left, right, context, isSteady);
    if (found !== undefined) return found;
    // All of it is one part without a name, and so it is however it is taken apart.
    if (how === 'inside-fine' && left?.parts.length === 1 && left.parts[0]?.text === control) return undefined;
  }
  return undefined;
}

function compareParts(a: Split, b: Split, context: NoiseContext, isSteady: boolean): Recognised | undefined {
  if (a.parts.length !== b.parts.length || a.frame !== b.frame) return undefined;
  const drawn = { control: '', candidate: '' };
  const found: Recognised[] = [];
  for (const [i, { key, text, type }] of a.parts.entries()) {
    const other = b.parts[i];
    if (other?.key !== key) return undefined;
    if (other.text === text) continue;
    const run = found.length < MAX_RUNS ? recogniseRun(text, other.text, { key, type, isSteady }, context) : undefined;
    if (run === undefined) return undefined;
    found.push(run);
    if (run.drawn === undefined) continue;
    drawn.control += `${text} `;
    drawn.candidate += `${other.text} `;
  }
  const main = found.find((run) => run.class !== 'time') ?? found[0];
  if (main === undefined) return undefined;
  const clock = found.find((run) => run.clock !== undefined)?.clock;
  return { class: main.class, ...(clock === undefined ? {} : { clock }), ...(drawn.candidate === '' ? {} : { drawn }) };
}

function recogniseRun(
  a: string,
  b: string,
  part: { key: string; type: 'text' | 'number'; isSteady: boolean },
  context: NoiseContext,
): Recognised | undefined {
  const time = recogniseTime(a, b, context, part.isSteady);
  if (time !== undefined || part.type === 'number') return time;
  const drawn = { control: a, candidate: b };
  if (areUuids(a, b, context)) return { class: 'uuid', drawn };
  // Content-Security-Policy level 3, section 2.3.1: 'nonce-…'
  if (a.startsWith('nonce-') && b.startsWith('nonce-'))
    return areTokens(a.slice(6), b.slice(6), true) ? { class: 'token', drawn } : undefined;
  const name = part.key.slice(part.key.lastIndexOf('/') + 1);
  return isTokenNameInText(name) && areTokens(a, b, isNonceName(name)) ? { class: 'token', drawn } : undefined;
}
