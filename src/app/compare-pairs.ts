import { createReadStream } from 'node:fs';
import { CutoverError } from '../core/errors.ts';
import { type Pair, PairComparer, type PairResult, parsePairLine } from '../verifier/pairs.ts';
import { type Line, LineSplitter } from './line-splitter.ts';
import { comparerOptions } from './policy.ts';

export type PairLine = PairResult;

export interface PairFiles {
  readonly pairs: string;
  readonly learn?: string;
  /** Configuration whose rules count. */
  readonly config?: string;
  /** Called in the order of the file. */
  readonly onResult: (result: PairLine) => void;
  /** `FILE:LINE`, and what is wrong there. */
  readonly onBadLine: (place: string, message: string) => void;
}

/** Longest line that is read, bytes; a pair of two 8 MiB bodies in base64 fits. */
const MAX_LINE = 32 * 1024 * 1024;
/** What is wrong with a line whose text is gone. */
export const TOO_LONG = { ok: false, message: `longer than ${MAX_LINE} bytes` } as const;

/**
 * Compares recorded pairs from files, one JSON object a line; noise is learned from the second file first.
 * Bad lines are told and left out.
 * @throws CutoverError USAGE for a file that cannot be read.
 */
export async function comparePairFiles(
  files: PairFiles,
): Promise<{ readonly compared: number; readonly badLines: number }> {
  const comparer = new PairComparer(await comparerOptions(files.config), () => Date.now());
  let badLines = 0;
  const each = async (file: string, use: (pair: Pair) => void): Promise<void> => {
    for await (const { number, text } of linesOf(file)) {
      const parsed = text === undefined ? TOO_LONG : parsePairLine(text);
      if (parsed.ok) use(parsed.pair);
      else {
        badLines += 1;
        files.onBadLine(`${file}:${number}`, parsed.message);
      }
    }
  };
  let compared = 0;
  if (files.learn !== undefined) await each(files.learn, (pair) => comparer.learn(pair));
  await each(files.pairs, (pair) => {
    compared += 1;
    files.onResult(comparer.compare(pair));
  });
  return { compared, badLines };
}

/**
 * The lines of a file that hold anything, none longer than 32 MiB. A byte order mark at the beginning of the file belongs to no line.
 * @throws CutoverError USAGE for a file that cannot be read.
 */
export async function* linesOf(file: string): AsyncGenerator<Line> {
  const stream = createReadStream(file, { highWaterMark: 256 * 1024 });
  const splitter = new LineSplitter(MAX_LINE);
  try {
    // A stream without encoding gives buffers.
    for await (const chunk of stream) for (const line of splitter.push(chunk as Buffer)) yield withoutMark(line);
    for (const line of splitter.end()) yield withoutMark(line);
  } catch (error) {
    throw new CutoverError(
      'USAGE',
      `The file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      { cause: error },
    );
  } finally {
    stream.destroy();
  }
}

function withoutMark(line: Line): Line {
  return line.number === 1 && line.text !== undefined ? { ...line, text: line.text.replace(/^\ufeff/, '') } : line;
}
