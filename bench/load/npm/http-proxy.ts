import httpProxy from 'http-proxy';
import type { Forwarder, ForwarderOptions } from '../npm-proxy.ts';

export function forwarder(options: ForwarderOptions): Forwarder {
  return httpProxy.createProxyServer(options) as unknown as Forwarder; // it has these two methods
}
