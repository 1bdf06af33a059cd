const fs = require('node:fs');
const path = require('node:path');
const url = require('node:url');
const { enableCompileCache } = require('node:module');

// Node prints a warning for node:sqlite and, before 24, for type stripping; both are chosen, and tested on every version we support.
const emitWarning = process.emitWarning;
process.emitWarning = (warning, ...rest) => {
  if (/SQLite|Type Stripping/.test(String(warning))) return;
  emitWarning.call(process, warning, ...rest);
};

// In a checkout the sources run as they are; in the package only the compiled ones exist.
const source = path.join(__dirname, '..', 'src', 'cli', 'main.ts');
const built = path.join(__dirname, '..', 'dist', 'src', 'cli', 'main.js');
// Reading the sources anew takes half of a start; what was read is kept in the checkout, where nobody else may write.
if (fs.existsSync(source) && enableCompileCache) enableCompileCache(path.join(__dirname, '..', 'node_modules', '.cache', 'cutover'));
import(url.pathToFileURL(fs.existsSync(source) ? source : built).href);
