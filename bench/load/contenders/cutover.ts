import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contender, freePort, standing } from '../contender.ts';
import { start } from '../process.ts';

export interface Setting {
  /** Share of requests that are mirrored and compared, at any rate: the budget is no bound here. */
  readonly mirror: string;
  readonly fastLane: boolean;
}

const MAIN = join(import.meta.dirname, '..', '..', '..', 'bin', 'cutover.cjs');

/**
 * The product as `cutover run` starts it: it decides (half of the reads are served by the candidate), counts, keeps
 * histograms, mirrors its share, compares the copies, and stores what it found.
 */
export function cutover(name: string, setting: Setting): Contender {
  return {
    name,
    missing: () => undefined,
    start: async (origin, cpu) => {
      const folder = mkdtempSync(join(tmpdir(), 'bench-cutover-'));
      const port = await freePort();
      const file = join(folder, 'cutover.yaml');
      writeFileSync(
        file,
        `listen: 127.0.0.1:${port}
api: { listen: 127.0.0.1:0 }
control: { url: "http://127.0.0.1:${origin.port}" }
candidate: { url: "http://127.0.0.1:${origin.second}" }
defaults: { mirror: ${setting.mirror}, dial: 50%, proof: none }
endpoints:
  - { match: "GET /bench/{id}" }
  - { match: "POST /bench/{id}" }
mirror: { perSecond: 1000, concurrency: 64 }
proxy: { fastLane: ${setting.fastLane} }
store: { dir: ${join(folder, 'state')} }
log: { level: warn }\n`,
      );
      return standing(start(process.execPath, [MAIN, 'run', '-c', file], cpu), port, folder);
    },
  };
}
