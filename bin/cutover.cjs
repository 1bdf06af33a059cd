#!/usr/bin/env node
// The oldest JavaScript there is, so that any Node can read it and say what is missing.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 18)) {
  console.error('cutover needs Node 22.18 or newer; this is ' + process.versions.node + '. Install a newer one and try again.');
  process.exit(2);
}
require('./start.cjs');
