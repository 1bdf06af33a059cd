import { parseSettings } from '../../../src/config/load.ts';
import type { Settings } from '../../../src/config/settings.ts';
import { tableBase } from '../../../src/config/table-base.ts';
import { restoreState, tableOf } from '../../../src/core/control-state.ts';
import { EndpointCatalog } from '../../../src/core/endpoint-catalog.ts';
import type { Log, UnverifiedReason, VerifiedExchange } from '../../../src/core/ports.ts';
import { compileTable } from '../../../src/core/table.ts';
import { createProxy } from '../../../src/proxy/proxy.ts';
import { systemClock, systemRandom } from '../../../src/telemetry/clock.ts';
import { createVerifier } from '../../../src/verifier/verifier.ts';

/** What became of one request that was served. */
export interface Told {
  readonly tenant: string;
  readonly endpoint: string;
  readonly verified?: VerifiedExchange;
  readonly reason?: UnverifiedReason;
}

/** Proxy and verifier as they run in one process, with every verdict told one by one. */
export interface Pipeline {
  readonly port: number;
  readonly told: readonly Told[];
  /** Resolves when so many requests are told of, or after the time. */
  settled(requests: number, limitMs: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * The machine's other work must not decide what is found, so mirrors are never shed for a busy event loop here.
 * Everything else is what serves: the same proxy, threads, budgets and bounds.
 */
export async function startPipeline(config: unknown): Promise<Pipeline> {
  const settings = settingsOf(config);
  const told: Told[] = [];
  const proxy = createProxy({
    settings,
    table: compileTable(tableOf(restoreState(new Map(), tableBase(settings)))),
    catalog: new EndpointCatalog({ listed: settings.endpoints, maxFound: 100, onMerge: () => undefined }),
    clock: systemClock,
    random: systemRandom,
    log: SILENT,
    sink: {
      served: () => undefined,
      mirrored: (exchange) => verifier.offer(exchange),
      unverified: ({ tenant, endpoint }, reason) => told.push({ tenant, endpoint, reason }),
      health: () => undefined,
    },
    recordKey: (_, side) => Promise.resolve(side),
    keyedSide: () => undefined,
    verifyToken: () => undefined,
    pressure: { isHigh: () => false, close: () => undefined },
  });
  const verifier = createVerifier({
    settings: { ...settings.compare, redact: settings.redact, mirror: settings.mirror },
    clock: systemClock,
    random: systemRandom,
    log: SILENT,
    askAgain: proxy.askAgain,
    ...(proxy.aliases === undefined ? {} : { aliases: proxy.aliases }),
    redactKey: Buffer.alloc(32, 1),
    onVerified: (verified) => told.push({ ...verified.cell, verified }),
    onUnverified: ({ tenant, endpoint }, reason) => told.push({ tenant, endpoint, reason }),
    onNoise: () => undefined,
    noise: new Map(),
  });
  const { port } = await proxy.listen();
  return {
    port,
    told,
    settled: async (requests, limitMs) => {
      const deadline = performance.now() + limitMs;
      while (told.length < requests && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    close: async () => {
      await proxy.close();
      await verifier.close();
    },
  };
}

function settingsOf(config: unknown): Settings {
  const parsed = parseSettings(JSON.stringify(config), { file: 'bench', env: {}, baseDir: '/', now: Date.now() });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.settings;
}

const SILENT: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error };
