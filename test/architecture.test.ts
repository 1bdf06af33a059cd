import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Import } from './support/source-files.ts';
import { findCycle, importsOf, sourceFiles, textOf, trackedFiles, withoutComments } from './support/source-files.ts';

/** What each folder may import besides itself; `config:types` allows only what is erased before anything runs. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  api: ['core'],
  config: ['core'],
  telemetry: ['core'],
  proxy: ['core', 'config:types', 'telemetry'],
  verifier: ['core', 'config:types', 'telemetry'],
  controller: ['core', 'config:types', 'api', 'telemetry'],
  store: ['core', 'telemetry'],
  fleet: ['core', 'telemetry'],
  dashboard: ['core', 'api'],
  simulation: ['core', 'config', 'telemetry', 'controller', 'store', 'app'],
  cli: ['core', 'api', 'config', 'app', 'simulation'],
  app: ['core', 'api', 'config', 'telemetry', 'proxy', 'verifier', 'controller', 'store', 'fleet', 'examples'],
};
const MAX_LINES = 500;

const all = sourceFiles('src');
const sources = all.filter((file) => !file.endsWith('.test.ts'));
const imports = new Map(sources.map((file) => [file, importsOf(file, textOf(file))]));

/** `proxy` for `src/proxy/headers.ts`, `examples` for `examples/storefront/main.ts`. */
function folderOf(file: string): string {
  const [top = '', second = ''] = file.split('/');
  return top === 'src' ? second : top;
}

function isAllowed(from: string, { file, isType }: Import): boolean {
  if (file === undefined) return true;
  const [own, other] = [folderOf(from), folderOf(file)];
  const allowed = MAY_IMPORT[own] ?? [];
  return own === other || allowed.includes(other) || (isType && allowed.includes(`${other}:types`));
}

describe('the folders of src', () => {
  test('each is in the table of what it may import', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.filter((file) => MAY_IMPORT[folderOf(file)] === undefined)).toEqual([]);
  });

  test('none imports what the table does not allow', () => {
    const wrong = [...imports].flatMap(([file, list]) =>
      list.filter((item) => !isAllowed(file, item)).map((item) => `${file} imports ${item.specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test('the core imports no package and nothing of Node', () => {
    const wrong = [...imports].flatMap(([file, list]) =>
      folderOf(file) === 'core'
        ? list.filter((item) => item.file === undefined).map((item) => `${file}: ${item.specifier}`)
        : [],
    );
    expect(wrong).toEqual([]);
  });

  test('the dashboard imports nothing of Node', () => {
    const wrong = [...imports].flatMap(([file, list]) =>
      folderOf(file) === 'dashboard' && !basename(file).startsWith('vite.config')
        ? list.filter((item) => item.specifier.startsWith('node:')).map((item) => `${file}: ${item.specifier}`)
        : [],
    );
    expect(wrong).toEqual([]);
  });

  test('no two files need each other when they are loaded', () => {
    const graph = new Map(
      [...imports].map(([file, list]) => [
        file,
        list.flatMap((item) => (item.file === undefined || item.isType ? [] : [item.file])),
      ]),
    );
    expect(findCycle(graph)?.join(' -> ')).toBeUndefined();
  });

  test('every import within the repository is of a file that is there', () => {
    const known = new Set([...all, ...sourceFiles('examples')]);
    const isSource = (file: string) => /\.tsx?$/.test(file);
    const wrong = [...imports].flatMap(([file, list]) =>
      list
        .filter((item) => item.file !== undefined && isSource(item.file) && !known.has(item.file))
        .map((item) => `${file} imports ${item.specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the files of src', () => {
  test(`none has ${MAX_LINES} lines or more`, () => {
    const long = sources.filter((file) => textOf(file).split('\n').length > MAX_LINES);
    expect(long).toEqual([]);
  });

  test('all are named in kebab-case', () => {
    const isKebab = (file: string) => /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config)?\.tsx?$/.test(basename(file));
    expect(all.filter((file) => !isKebab(file))).toEqual([]);
  });

  test('none is a barrel but the public door', () => {
    const doors = all.filter((file) => /^index\.tsx?$/.test(basename(file)));
    expect(doors.filter((file) => file !== 'src/app/index.ts')).toEqual([]);
  });

  test('only the output of the command line speaks to the console', () => {
    const isLoud = (file: string) => /\bconsole\s*\./.test(withoutComments(textOf(file)));
    expect(sources.filter((file) => file !== 'src/cli/output.ts' && isLoud(file))).toEqual([]);
  });
});

describe('everything under version control', () => {
  const tracked = trackedFiles();
  const texts = tracked.filter((file) => !/\.(png|jpe?g|gif|ico|woff2?|gz|zip|tgz|db|sqlite)$/.test(file));

  test('names no folder of anybody’s machine', () => {
    // Put together, so that this file does not find itself.
    const machine = new RegExp(
      ['/home/[a-z][\\w-]*/', '/Users/[A-Za-z][\\w.-]*/', '/root/', '[A-Z]:\\\\Users']
        .map((part) => `(?:${part})`)
        .join('|'),
    );
    expect(texts.length).toBeGreaterThan(20);
    expect(texts.filter((file) => file !== SELF && machine.test(textOf(file)))).toEqual([]);
  });

  test('names no host of a package registry', () => {
    const registry =
      /\b(?:[\w-]+\.)*(?:registry[\w-]*|npmjs|yarnpkg|jsdelivr|unpkg)\.(?:[a-z]+\.)*[a-z]{2,}\b|:\/\/[\w.-]*(?:registry|artifactory|nexus|verdaccio)/i;
    const isCode = (file: string) => file === SELF || /\.(ts|tsx)$/.test(file);
    const found = texts.filter((file) => {
      // In code, `registry.metrics` is a variable; only addresses count there.
      const pattern = isCode(file)
        ? /:\/\/[\w.-]*(?:registry|npmjs|yarnpkg|artifactory|nexus|verdaccio)[\w-]*\./i
        : registry;
      return file !== SELF && pattern.test(textOf(file));
    });
    expect(found).toEqual([]);
  });

  test('the lock file says what is installed, not from where', () => {
    const lock: unknown = JSON.parse(textOf('package-lock.json'));
    expect(JSON.stringify(lock)).not.toContain('"resolved"');
    expect(lock).toMatchObject({ lockfileVersion: 3 });
  });
});

const SELF = 'test/architecture.test.ts';

describe('the reader of imports', () => {
  test('sees every form, and no comment', () => {
    const text = `import { a } from './a.ts';
import type { B } from '../core/b.ts';
import './c.ts';
export { d } from './d.ts';
export type { E } from './e.ts';
export * from './f.ts';
import {
  g,
  type G,
} from './g.ts';
import h, * as i from 'node:h';
// import { j } from './j.ts';
/* import { k } from './k.ts'; */
const address = 'http://l'; // import('./l.ts')
const m = await import('./m.ts');
export const from = 'from'; export const n = "import './n.ts'";
`;
    expect(
      importsOf('src/x/y.ts', text).map(({ specifier, isType }) => `${specifier}${isType ? ' type' : ''}`),
    ).toEqual([
      './a.ts',
      '../core/b.ts type',
      './c.ts',
      './d.ts',
      './e.ts type',
      './f.ts',
      './g.ts',
      'node:h',
      './m.ts',
    ]);
    expect(importsOf('src/x/y.ts', text)[1]?.file).toBe('src/core/b.ts');
  });

  test('finds a cycle, however long, and none where there is none', () => {
    const graph = (edges: Record<string, string[]>) => new Map(Object.entries(edges));
    expect(findCycle(graph({ a: ['b', 'c'], b: ['c'], c: [] }))).toBeUndefined();
    expect(findCycle(graph({ a: ['b'], b: ['c'], c: ['d'], d: ['b'] }))).toEqual(['b', 'c', 'd', 'b']);
    expect(findCycle(graph({ a: ['a'] }))).toEqual(['a', 'a']);
  });
});
