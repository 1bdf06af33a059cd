/** `npm run bench -- NAME [options]`: runs one benchmark. Each prints a table, or one JSON object with `--output json`. */
const BENCHMARKS: Readonly<Record<string, () => Promise<{ run(args: readonly string[]): Promise<void> }>>> = {
  claims: () => import('./micro/claims.ts'),
  compare: () => import('./micro/compare.ts'),
  controller: () => import('./controller/main.ts'),
  proxy: () => import('./load/proxy.ts'),
  verify: () => import('./verify/main.ts'),
};

const [name, ...args] = process.argv.slice(2);
const load = name === undefined ? undefined : BENCHMARKS[name];
if (load === undefined) {
  console.error(`usage: npm run bench -- NAME [--output json]\nNAME is one of: ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}
await (await load()).run(args);
