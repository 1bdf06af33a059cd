import { readFileSync, statSync } from 'node:fs';
import { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { CutoverError } from '../core/errors.ts';
import { type Pair, parsePairLine } from '../verifier/pairs.ts';
import { linesOf, TOO_LONG } from './compare-pairs.ts';
import { harPairs, MAX_HAR_BYTES } from './har.ts';

/** Endpoints told apart in an archive of a browser. */
const MAX_ENDPOINTS = 1_000;

export interface PairsFile {
  readonly pairs: readonly Pair[];
  /** Lines or entries that are no pair. */
  readonly bad: number;
}

/**
 * The pairs of a file: NDJSON as `cutover compare --pairs` reads it, or an HTTP archive where its name ends in `.har`.
 * What is no pair is told (`FILE:LINE`, or `FILE entry N`) and left out.
 *
 * @throws CutoverError USAGE for a file that cannot be read, INPUT_INVALID for an archive that is none.
 */
export async function readPairsFile(file: string, onBad: (place: string, message: string) => void): Promise<PairsFile> {
  if (/\.har$/i.test(file)) return readHar(file, onBad);
  const pairs: Pair[] = [];
  let bad = 0;
  for await (const { number, text } of linesOf(file)) {
    const parsed = text === undefined ? TOO_LONG : parsePairLine(text);
    if (parsed.ok) pairs.push(parsed.pair);
    else {
      bad += 1;
      onBad(`${file}:${number}`, parsed.message);
    }
  }
  return { pairs, bad };
}

function readHar(file: string, onBad: (place: string, message: string) => void): PairsFile {
  const entries = harPairs(readWhole(file), new EndpointCatalog({ listed: [], maxFound: MAX_ENDPOINTS }));
  const pairs = entries.flatMap(({ pair }) => (pair === undefined ? [] : [pair]));
  for (const { pair, number, message } of entries) if (pair === undefined) onBad(`${file} entry ${number}`, message);
  return { pairs, bad: entries.length - pairs.length };
}

function readWhole(file: string): string {
  try {
    if (statSync(file).size > MAX_HAR_BYTES) throw new Error(`it is longer than ${MAX_HAR_BYTES} bytes`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CutoverError('USAGE', `The file ${file} cannot be read: ${why}.`, { cause: error });
  }
}
