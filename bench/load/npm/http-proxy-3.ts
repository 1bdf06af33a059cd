import { createProxyServer } from 'http-proxy-3';
import type { Forwarder, ForwarderOptions } from '../npm-proxy.ts';

export function forwarder(options: ForwarderOptions): Forwarder {
  return createProxyServer(options) as unknown as Forwarder; // it has these two methods
}
