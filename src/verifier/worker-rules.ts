import type { CompareSettings, RedactSettings } from '../config/settings.ts';
import { comparisonPolicy } from '../core/rule.ts';
import type { WorkerRules } from './worker-protocol.ts';

/** What a worker compares and stores by, of the settings. */
export function workerRules(settings: CompareSettings & { readonly redact: RedactSettings }): WorkerRules {
  const { maxDecodedBytes, timeoutMs, redact } = settings;
  return {
    policy: comparisonPolicy(settings),
    limits: { maxDecodedBytes, timeoutMs },
    redactNames: redact.names,
    bodies: redact.bodies,
  };
}
