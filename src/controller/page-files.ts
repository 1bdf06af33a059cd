import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';

export interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  /** Its name holds a hash of its content: it may be kept for ever. */
  readonly isHashed: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};
/** Bounds of the page: it is read once and kept in memory. */
const MAX_FILES = 200;
const MAX_BYTES = 10 * 1024 * 1024;
/** As the bundler names files: `assets/index-Ab3dE_9x.js`. */
const HASHED = /-[\w-]{8}\.\w+$/;

/**
 * The page's files by the path they are served under, read once: a request can name only what was there then, so no
 * path of a client ever reaches the file system. Files of unknown types are left out. Empty where the folder is not there.
 */
export function readPageFiles(dir: string | undefined): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  if (dir === undefined) return files;
  let bytes = 0;
  for (const path of listFiles(dir)) {
    const type = TYPES[extname(path)];
    if (type === undefined || files.size >= MAX_FILES) continue;
    bytes += statSync(path).size;
    if (bytes > MAX_BYTES) break;
    const name = `/${relative(dir, path).split(sep).join('/')}`;
    files.set(name, { bytes: new Uint8Array(readFileSync(path)), type, isHashed: HASHED.test(name) });
  }
  const index = files.get('/index.html');
  if (index !== undefined) files.set('/', index);
  return files;
}

function listFiles(dir: string): string[] {
  try {
    return readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    // Not built: the server says so where the page would be.
    return [];
  }
}
