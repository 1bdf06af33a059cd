import type { Settings, SideSettings } from '../config/settings.ts';
import { RACE_LIMIT_MS, RACE_MAX_AT_ONCE, RACE_MAX_BYTES, type RaceAsk } from '../controller/race.ts';
import type { Side } from '../core/cell.ts';
import type { Clock, Log } from '../core/ports.ts';
import { CapturePool } from '../proxy/capture-pool.ts';
import { sendCopy } from '../proxy/copy-call.ts';
import { createUpstream } from '../proxy/http-upstream.ts';
import type { Proxy as DataPlane } from '../proxy/proxy.ts';
import type { Upstream } from '../proxy/upstream.ts';

export interface RaceAskOptions {
  readonly settings: Settings;
  readonly proxy: Pick<DataPlane, 'factsOf' | 'table'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Asks as the proxy does, over connections of its own that stay open, so that a race measures the sides and neither
 * takes a connection from clients nor tells anything about a target's health.
 */
export function createRaceAsk(options: RaceAskOptions): RaceAsk & { close(): void } {
  const { settings, proxy, clock, log } = options;
  const limits = { headBytes: settings.limits.headBytes, headerCount: settings.limits.headerCount };
  const open = (side: Side): Upstream =>
    createUpstream({
      side,
      settings: raceSettings(settings.sides[side]),
      clock,
      log: silent(log),
      onHealth: () => undefined,
      limits,
    });
  const upstreams = { control: open('control'), candidate: open('candidate') };
  const pool = new CapturePool(2 * RACE_MAX_AT_ONCE * RACE_MAX_BYTES);
  return {
    acts: ({ host, target }) => {
      const facts = proxy.factsOf({ method: 'GET', target, headers: [['host', host]], address: '127.0.0.1' });
      return facts.acts === true || proxy.table.policyOf(facts.endpoint).acts;
    },
    ask: (side, { host, target }) =>
      new Promise((resolve) => {
        sendCopy(
          { method: 'GET', target, headers: ['host', host, ...HEADERS], body: undefined },
          { upstream: upstreams[side], pool, maxBodyBytes: RACE_MAX_BYTES, timeoutMs: RACE_LIMIT_MS, clock },
          resolve,
        );
      }),
    close: () => {
      for (const upstream of Object.values(upstreams)) upstream.close();
    },
  };
}

/** No cookie, no credentials: both sides answer a stranger. Applications know it for a copy. */
const HEADERS = [
  ...['accept', 'text/html,application/json;q=0.9,*/*;q=0.8'],
  ...['accept-encoding', 'identity'],
  ...['user-agent', 'Cutover'],
  ...['Cutover-Mirror', 'forward'],
];

function raceSettings(side: SideSettings): SideSettings {
  return {
    ...side,
    firstByteTimeoutMs: RACE_LIMIT_MS,
    idleTimeoutMs: RACE_LIMIT_MS,
    maxConnections: RACE_MAX_AT_ONCE,
    health: { ...side.health, path: undefined },
  };
}

/** A target that is down is told once, by those who serve. */
function silent(log: Log): Log {
  return { ...log, info: () => undefined, warn: () => undefined };
}
