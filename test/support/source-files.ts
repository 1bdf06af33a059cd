import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';

/** The root of the repository. */
export const ROOT: string = join(import.meta.dirname, '../..');

/** Everything under version control that is still there; where there is no git, everything that is not made by a build. */
export function trackedFiles(): string[] {
  if (!existsSync(join(ROOT, '.git'))) {
    const made = new Set(['node_modules', 'dist', 'coverage', 'cutover-data', 'test-results']);
    return globSync('**/*', { cwd: ROOT, exclude: (entry) => made.has(entry.name), withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  }
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 16 * 1_048_576 });
  return listed.split('\0').filter((file) => file !== '' && existsSync(join(ROOT, file)));
}

/** Source files of a folder, with or without their tests: from disk, so that what is new is checked as well. */
export function sourceFiles(folder: string): string[] {
  return globSync(`${folder}/**/*.{ts,tsx}`, { cwd: ROOT })
    .map((file) => file.replaceAll('\\', '/'))
    .sort();
}

export function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

export interface Import {
  /** As written: `./cell.ts`, `node:fs`, `zod`. */
  readonly specifier: string;
  /** The file meant, from the root; undefined for packages and Node itself. */
  readonly file: string | undefined;
  /** Erased before anything runs: `import type`, `export type`. */
  readonly isType: boolean;
}

/** Every import and re-export of a source text, static and dynamic. */
export function importsOf(file: string, text: string): Import[] {
  const code = withoutComments(text);
  const found: Import[] = [];
  const add = (specifier: string, isType: boolean) => {
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : undefined;
    found.push({ specifier, file: target, isType });
  };
  for (const match of code.matchAll(
    /^\s*(?:import|export)\s+(type\s+)?(?:[\w*{][^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm,
  )) {
    add(match[2] ?? '', match[1] !== undefined);
  }
  for (const match of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)) add(match[1] ?? '', false);
  return found;
}

/** The text with comments blanked out; a `//` inside a string (an address) is none. */
export function withoutComments(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (part) => (part.startsWith('/*') || part.startsWith('//') ? ' ' : part));
}

/** One cycle of the graph as the files on it, or undefined. Depth first, each node once. */
export function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (node: string): string[] | undefined => {
    const at = trail.indexOf(node);
    if (at >= 0) return [...trail.slice(at), node];
    if (done.has(node)) return undefined;
    trail.push(node);
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    trail.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
