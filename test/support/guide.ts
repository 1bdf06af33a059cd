import { readFileSync } from 'node:fs';

/** A block of code of a guide, in the order of the page. */
export type GuideBlock =
  /** A file the reader is told to save. */
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  /** Commands, as typed. */
  | { readonly kind: 'commands'; readonly text: string };

/** The code of a Markdown page: `sh` blocks are commands, blocks with `file=NAME` are files; any other is an error, for it would not be run. */
export function guideBlocks(file: string): readonly GuideBlock[] {
  const blocks: GuideBlock[] = [];
  for (const [, language = '', name, text = ''] of readFileSync(file, 'utf8').matchAll(
    /^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```$/gm,
  )) {
    if (name !== undefined) blocks.push({ kind: 'file', name, text });
    else if (language === 'sh') blocks.push({ kind: 'commands', text });
    else throw new Error(`a block of ${language} is neither a file nor commands`);
  }
  return blocks;
}
