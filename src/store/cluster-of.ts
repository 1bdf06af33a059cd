import type { VerifiedExchange } from '../core/ports.ts';

/** The cluster a mismatch belongs to; empty where it has no signature. */
export function clusterOf(exchange: VerifiedExchange): string {
  return exchange.result.signature?.id ?? '';
}
