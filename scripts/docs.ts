/**
 * Writes everything that is generated from the sources: `node scripts/docs.ts`.
 * With `--check` writes nothing, names the files that are not as they would be written, and exits with 1.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cliPage } from './docs/cli.ts';
import { configurationPage, configurationSchema } from './docs/configuration.ts';
import { apiPage, metricsPage } from './docs/control.ts';
import { errorsPage } from './docs/errors.ts';
import { scenarioPage, scenarioSchemaFile } from './docs/scenario.ts';

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly file: string;
  /** The whole text; the same for the same sources, on every machine. */
  readonly make: () => string | Promise<string>;
}

/** To generate one more file, add a line here. */
export const GENERATED: readonly GeneratedFile[] = [
  { file: 'docs/reference/configuration.md', make: configurationPage },
  { file: 'schema/cutover.schema.json', make: configurationSchema },
  { file: 'docs/reference/errors.md', make: errorsPage },
  { file: 'docs/reference/api.md', make: apiPage },
  { file: 'docs/reference/metrics.md', make: metricsPage },
  { file: 'docs/reference/cli.md', make: cliPage },
  { file: 'docs/reference/scenario.md', make: scenarioPage },
  { file: 'schema/scenario.schema.json', make: scenarioSchemaFile },
];

const root = join(import.meta.dirname, '..');

/** The files that differ from what the sources make, or are not there. */
export async function driftedFiles(): Promise<string[]> {
  const drifted: string[] = [];
  for (const { file, make } of GENERATED) {
    if (readIfThere(join(root, file)) !== (await make())) drifted.push(file);
  }
  return drifted;
}

async function writeAll(): Promise<void> {
  for (const { file, make } of GENERATED) {
    const path = join(root, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, await make());
    console.log(`wrote ${file}`);
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  if (!process.argv.includes('--check')) return writeAll();
  const drifted = await driftedFiles();
  for (const file of drifted) console.error(`${file} is not what the sources make; run: npm run docs`);
  if (drifted.length > 0) process.exitCode = 1;
}

if (import.meta.main) await main();
