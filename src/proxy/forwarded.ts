import { BlockList, isIP } from 'node:net';
import type { ForwardingHeaders } from './request-guard.ts';

/** Who is at the other end of a connection; worked out once per connection. */
export interface Peer {
  /** Without the `::ffff:` of IPv4 seen through a dual-stack socket. */
  readonly address: string;
  /** In one of the configured networks: its forwarding and force headers are believed. */
  readonly trusted: boolean;
  /** The port the client connected to. */
  readonly localPort: string;
  /** What a request with this Host was given last time: requests of one connection mostly name the same. */
  fresh?: { readonly host: string; readonly fields: readonly string[] };
  /** What it speaks with us, or with the proxy whose PROXY header says so. */
  readonly proto: 'http' | 'https';
}

/** Configured CIDR ranges, ready to be asked. */
export class TrustedNetworks {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  /** @param cidrs `10.0.0.0/8`, `fd00::/8` or a single address; checked by the configuration. */
  constructor(cidrs: readonly string[]) {
    this.#isEmpty = cidrs.length === 0;
    for (const cidr of cidrs) {
      const [address = '', prefix] = cidr.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (prefix === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefix), family);
    }
  }

  includes(address: string): boolean {
    if (this.#isEmpty) return false;
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** An address in one spelling: lower case, IPv4 without its IPv6 disguise. */
export function plainAddress(address: string | undefined): string {
  const lower = (address ?? '').toLowerCase();
  return lower.startsWith('::ffff:') && lower.includes('.') ? lower.slice(7) : lower;
}

/** Longest chain of proxies that is read; what lies further left is dropped. */
const MAX_HOPS = 32;

/**
 * Appends X-Forwarded-*, X-Real-IP and Forwarded (RFC 7239) to `out` and gives the client's address.
 * From a peer that is not trusted, what it said is replaced; from a trusted one it is continued.
 * The client is the rightmost address that is not in a trusted network: everything left of it may be invented.
 *
 * `Via` is not added: origins switch off compression or caching when they see one, so answers would differ from a direct
 * request, which is the opposite of what comparing needs; loops end at the upstream's own limits.
 */
export function pushForwarding(
  out: string[],
  peer: Peer,
  request: { readonly host: string; readonly said: ForwardingHeaders | undefined; readonly networks: TrustedNetworks },
): string {
  const said = peer.trusted ? request.said : undefined;
  if (said === undefined) return pushFresh(out, peer, request.host);
  const hops = hopsOf(said);
  const client = clientAddress(hops, peer, request.networks);
  const proto = lastOf(said.proto) ?? protoOf(said.forwarded) ?? peer.proto;
  const host = lastOf(said.host) ?? request.host;
  const port = lastOf(said.port) ?? peer.localPort;
  out.push('X-Forwarded-For', [...hops, peer.address].join(', '), 'X-Forwarded-Proto', proto);
  if (host !== '') out.push('X-Forwarded-Host', host);
  out.push('X-Forwarded-Port', port, 'X-Real-IP', client);
  const own = `for=${node(peer.address)}${host === '' ? '' : `;host="${quotable(host)}"`};proto=${proto}`;
  const before = said.forwarded ?? hops.map((hop) => `for=${node(hop)}`).join(', ');
  out.push('Forwarded', before === '' ? own : `${before}, ${own}`);
  return client;
}

function pushFresh(out: string[], peer: Peer, host: string): string {
  if (peer.fresh?.host !== host) peer.fresh = { host, fields: freshFields(peer, host) };
  const { fields } = peer.fresh;
  for (let at = 0; at < fields.length; at += 1) out.push(fields[at] as string); // within the bounds
  return peer.address;
}

function freshFields(peer: Peer, host: string): string[] {
  const out = ['X-Forwarded-For', peer.address, 'X-Forwarded-Proto', peer.proto];
  if (host !== '') out.push('X-Forwarded-Host', host);
  out.push('X-Forwarded-Port', peer.localPort, 'X-Real-IP', peer.address);
  const named = host === '' ? '' : `;host="${quotable(host)}"`;
  out.push('Forwarded', `for=${node(peer.address)}${named};proto=${peer.proto}`);
  return out;
}

/** Addresses the peer named, leftmost first; where both headers came, X-Forwarded-For counts. */
function hopsOf(said: ForwardingHeaders): string[] {
  const list = said.for !== undefined ? said.for.split(',') : forwardedNodes(said.forwarded);
  return list
    .map((hop) => hop.trim())
    .filter((hop) => hop !== '')
    .slice(-MAX_HOPS);
}

/** The `for` of each element of a Forwarded header (RFC 7239 section 4). */
function forwardedNodes(value: string | undefined): string[] {
  if (value === undefined) return [];
  const nodes: string[] = [];
  for (const match of value.matchAll(/(?:^|[;,])\s*for=(?:"([^"\\,]*)"|([^\s;,"]+))/gi)) {
    nodes.push(match[1] ?? match[2] ?? '');
  }
  return nodes;
}

function protoOf(forwarded: string | undefined): string | undefined {
  const all = [...(forwarded ?? '').matchAll(/(?:^|[;,])\s*proto="?([a-z]+)"?/gi)];
  return all.at(-1)?.[1]?.toLowerCase();
}

function clientAddress(hops: readonly string[], peer: Peer, networks: TrustedNetworks): string {
  let client = peer.address;
  for (let at = hops.length - 1; at >= 0; at--) {
    const address = bareAddress(hops[at] as string); // the bounds were checked
    // `unknown` and obfuscated names identify nobody: the last address we know stays.
    if (isIP(address) === 0) return client;
    client = address;
    if (!networks.includes(address)) return client;
  }
  return client;
}

/** `1.2.3.4:5678`, `[2001:db8::1]:80` and `2001:db8::1` without brackets and port. */
function bareAddress(hop: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(hop);
  if (bracketed !== null) return plainAddress(bracketed[1]);
  const ported = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop);
  return plainAddress(ported?.[1] ?? hop);
}

/** RFC 7239 section 6: an IPv6 address is bracketed and quoted; what is not a plain token is quoted. */
function node(address: string): string {
  if (isIP(address) === 6) return `"[${address}]"`;
  return /^[A-Za-z0-9._-]+$/.test(address) ? address : `"${quotable(address)}"`;
}

function quotable(text: string): string {
  return text.replace(/["\\]/g, '\\$&');
}

function lastOf(list: string | undefined): string | undefined {
  const last = list?.split(',').at(-1)?.trim();
  return last === undefined || last === '' || !/^[\w.:[\]~%-]+$/.test(last) ? undefined : last;
}
