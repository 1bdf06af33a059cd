import { readFileSync } from 'node:fs';

let known: string | undefined;

/** The version in package.json: two folders above the sources, three above what is compiled. */
export function packageVersion(): string {
  known ??= read();
  return known;
}

function read(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const found: unknown = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8'));
      if (
        found !== null &&
        typeof found === 'object' &&
        'name' in found &&
        found.name === 'cutover' &&
        'version' in found
      )
        return String(found.version);
    } catch {
      // Not there: the other one is.
    }
  }
  return 'unknown';
}
