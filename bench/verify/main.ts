import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine, print } from '../report.ts';
import type { Section, SectionOptions } from './section.ts';
import { SECTIONS } from './sections.ts';

const USAGE = `npm run bench -- verify [--only NAME,…] [--seed N] [--quick | --write] [--details] [--output json]
NAME is one of: ${Object.keys(SECTIONS).join(', ')}`;

/** Runs the verifier's bench: all sections, or those that `--only` names. Exit code 1 where a target was missed. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      seed: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      details: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      output: { type: 'string' },
    },
  });
  const names = values.only?.split(',') ?? Object.keys(SECTIONS);
  const seed = Number(values.seed);
  // Figures of fewer samples are not for the repository.
  if (
    (values.quick && values.write) ||
    !Number.isSafeInteger(seed) ||
    names.some((name) => SECTIONS[name] === undefined)
  ) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const sections: Record<string, Section> = {};
  for (const name of names) {
    const options: SectionOptions = {
      seed,
      quick: values.quick,
      progress: (text) => console.error(`${name}: ${text}`),
    };
    const section = await (await SECTIONS[name]?.())?.run(options);
    if (section === undefined) continue;
    sections[name] = section;
    if (values.output !== 'json') print(section);
    if (values.details) for (const line of section.details ?? []) console.log(line);
    if (values.write) for (const file of section.files ?? []) write(file.path, file.text);
  }
  if (values.output === 'json')
    console.log(JSON.stringify({ seed, quick: values.quick, ...machine(), sections: shown(sections) }));
  if (Object.values(sections).some(({ rows }) => rows.some(({ met }) => met === false))) process.exitCode = 1;
}

/** Without the files, which are the tables once more. */
function shown(sections: Readonly<Record<string, Section>>) {
  return Object.fromEntries(
    Object.entries(sections).map(([name, { title, rows, tables = [], longTables = [] }]) => [
      name,
      { title, rows, tables: [...tables, ...longTables] },
    ]),
  );
}

function write(path: string, text: string): void {
  const file = join(import.meta.dirname, '..', '..', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
