import type { Settings } from '../config/settings.ts';
import type { Ledger } from '../controller/ledger.ts';
import type { EndpointId } from '../core/cell.ts';
import type { Clock, Store } from '../core/ports.ts';
import type { EndpointPolicy } from '../core/routing.ts';
import { comparisonPolicy } from '../core/rule.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import type { Verifier } from '../verifier/verifier.ts';
import { PowerMeter } from './power-meter.ts';
import { PowerThread } from './power-thread.ts';

/** The meter of power at work, and its thread, which begins with the first measurement. */
export function startMeter(parts: {
  readonly settings: Settings;
  readonly store: Pick<Store, 'recordings'>;
  readonly clock: Clock;
  readonly verifier: Pick<Verifier, 'noise' | 'snapshots'>;
  readonly ledger: Pick<Ledger, 'endpoints'>;
  readonly policyOf: (endpoint: EndpointId) => EndpointPolicy;
  readonly onMeasured: (endpoint: EndpointId) => void;
}): { readonly meter: PowerMeter; readonly close: () => Promise<void> } {
  const { settings, store, clock, verifier, ledger, policyOf, onMeasured } = parts;
  const thread = new PowerThread(clock);
  const meter = new PowerMeter({
    store,
    clock,
    // Asked anew each time: the settings may change.
    get demanded() {
      return settings.evidence.power;
    },
    get impossible() {
      const { bodies } = settings.redact;
      return bodies === 'redacted' ? undefined : `redact.bodies is ${bodies}`;
    },
    get compare() {
      const { maxDecodedBytes, timeoutMs } = settings.compare;
      return { policy: comparisonPolicy(settings.compare), limits: { maxDecodedBytes, timeoutMs } };
    },
    noise: () => verifier.noise(),
    snapshots: () => verifier.snapshots(),
    endpoints: () =>
      [...ledger.endpoints.values()]
        // Only safe requests are recorded.
        .filter(({ id, origin }) => origin !== 'unknown' && isSafeMethod(methodOf(id)) && !policyOf(id).retired)
        .map(({ id }) => id),
    measure: (task) => thread.measure(task),
    onMeasured,
  });
  meter.start();
  const close = async (): Promise<void> => {
    meter.close();
    await thread.close();
  };
  return { meter, close };
}

/** A star stands for safe methods. */
function methodOf(endpoint: EndpointId): string {
  const method = endpoint.slice(0, endpoint.indexOf(' '));
  return method === '*' ? 'GET' : method;
}
