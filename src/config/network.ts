import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { Address } from './settings.ts';
import type { Parsed } from './units.ts';

/** One server of a side. */
export interface Target {
  /** `http://host:port`, the port always written; `unix:/path` for a Unix socket, whose host is its path and whose port is 0. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/**
 * An address to listen on: `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`.
 * The host is never left out: whether the whole network may connect is a decision, not a default.
 */
export function parseAddress(text: string): Parsed<Address> {
  if (/^:?\d+$/.test(text)) {
    const port = text.replace(':', '');
    return { ok: false, hint: `Write the host as well: 127.0.0.1:${port}, or 0.0.0.0:${port} for every network.` };
  }
  if (text.includes('://')) return { ok: false, hint: 'Leave out the scheme.' };
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):(\d{1,6})$/.exec(text);
  if (match === null) {
    return isIPv6(text.replace(/:\d+$/, ''))
      ? { ok: false, hint: 'Put an IPv6 address in brackets: [::1]:8080.' }
      : { ok: false };
  }
  const host = match[1] ?? match[2] ?? '';
  const isHost = match[1] === undefined ? isHostName(host) || isIPv4(host) : isIPv6(host);
  if (!isHost) return { ok: false };
  const port = Number(match[3]);
  if (port > 65_535) return { ok: false, hint: 'A port is a number from 0 to 65535.' };
  return { ok: true, value: { host: host.toLowerCase(), port } };
}

/** A host name (RFC 1123): labels of letters, digits and hyphens, at most 253 characters in all. */
export function isHostName(text: string): boolean {
  if (text.length > 253 || /^[\d.]+$/.test(text)) return false;
  return text
    .replace(/\.$/, '')
    .split('.')
    .every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}

/**
 * A server's address: `http://10.0.0.5:3000`. Scheme, host and port only.
 * Refuses link-local addresses and the names and addresses of cloud metadata services: through them,
 * whoever can send a request to the proxy could read the machine's credentials.
 */
export function parseTarget(text: string): Parsed<Target> {
  if (/^unix:/i.test(text)) return parseSocket(text);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    const isServer = !text.includes('/') && parseAddress(text).ok;
    return isServer || isHostName(text) ? { ok: false, hint: `Write the scheme: http://${text}` } : { ok: false };
  }
  if (scheme !== 'http' && scheme !== 'https') {
    return { ok: false, hint: `The scheme is http or https, not ${scheme}.` };
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) {
    const port = /:(\d+)\/?$/.exec(text)?.[1];
    return port !== undefined && Number(port) > 65_535
      ? { ok: false, hint: 'A port is a number from 1 to 65535.' }
      : { ok: false };
  }
  return checkTarget(url);
}

/** Longest path of a Unix socket: macOS takes 103 bytes, Linux 107. */
const MAX_SOCKET_PATH = 103;

function parseSocket(text: string): Parsed<Target> {
  const path = /^unix:(\/[!-~]+[^/])$/.exec(text)?.[1];
  if (path === undefined) return { ok: false, hint: 'Write the absolute path of the socket: unix:/run/app.sock' };
  if (path.startsWith('//')) return { ok: false, hint: `Write unix:${path.replace(/^\/+/, '/')}` };
  if (path.length > MAX_SOCKET_PATH) return { ok: false, hint: `At most ${MAX_SOCKET_PATH} characters.` };
  return { ok: true, value: { url: `unix:${path}`, host: path, port: 0 } };
}

function checkTarget(url: URL): Parsed<Target> {
  if (url.username !== '' || url.password !== '') {
    return { ok: false, hint: 'Leave out user name and password: they would end up in logs.' };
  }
  if (url.search !== '' || url.hash !== '') return { ok: false, hint: 'Leave out the query and everything after it.' };
  if (url.pathname !== '/') {
    return { ok: false, hint: `Leave out the path: requests keep their own. Write ${url.protocol}//${url.host}` };
  }
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (port === 0) return { ok: false, hint: 'A port is a number from 1 to 65535.' };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 0 && !isHostName(host)) return { ok: false };
  const refusal = refusedHost(host);
  if (refusal !== undefined) return { ok: false, ...refusal };
  return { ok: true, value: { url: `${url.protocol}//${url.hostname}:${port}`, host, port } };
}

/**
 * Where notices go: `https://hooks.example/services/x`, path and query included.
 * Loopback and private addresses are allowed, as receivers often stand beside Cutover; link-local and metadata ones are not.
 */
export function parseNoticeUrl(text: string): Parsed<{ readonly url: string }> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) {
    const isBare = !text.includes('://') && URL.canParse(`https://${text}`);
    return isBare ? { ok: false, hint: 'Write the scheme: https:// or http://.' } : { ok: false };
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return { ok: false, hint: `The scheme is http or https, not ${url.protocol.slice(0, -1)}.` };
  }
  if (url.username !== '' || url.password !== '') {
    return { ok: false, hint: 'Leave out user name and password; `secret` signs what is sent.' };
  }
  if (url.hash !== '') return { ok: false, hint: 'Leave out the # and everything after it.' };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.port === '0' || (isIP(host) === 0 && !isHostName(host))) return { ok: false };
  const refusal = refusedHost(host);
  if (refusal !== undefined) return { ok: false, ...refusal };
  return { ok: true, value: { url: url.href } };
}

/** Whether an IP address is link-local or a cloud's metadata service; also for what a name resolved to. */
export function isLinkLocal(address: string): boolean {
  return contains(LINK_LOCAL, address);
}

const METADATA_NAMES = ['metadata', 'metadata.google.internal', 'instance-data'];

function refusedHost(host: string): { expected: string; hint: string } | undefined {
  if (contains(LINK_LOCAL, host) || METADATA_NAMES.includes(host.replace(/\.$/, ''))) {
    return {
      expected: 'an address that is not link-local',
      hint: 'Link-local addresses lead to the metadata service of cloud machines, which hands out credentials.',
    };
  }
  if (isWildcard(host)) {
    return { expected: 'the address of one server', hint: 'Write 127.0.0.1 for this machine.' };
  }
  return undefined;
}

/** A range of addresses: `10.0.0.0/8`, `fd00::/8`. Bits beyond the prefix must be zero, because they hint at a slip. */
export function parseNetwork(text: string): Parsed<string> {
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text);
  if (match?.[1] === undefined) {
    const bits = isIPv4(text) ? 32 : isIPv6(text) ? 128 : undefined;
    return bits === undefined ? { ok: false } : { ok: false, hint: `Write ${text}/${bits} for this one address.` };
  }
  const [address, prefix] = [match[1], Number(match[2])];
  const bits = isIPv4(address) ? 32 : 128;
  if (isIP(address) === 0 || prefix > bits) return { ok: false };
  if (hasHostBits(address, prefix)) {
    return { ok: false, hint: `The address has bits beyond the first ${prefix}; set them to zero.` };
  }
  return { ok: true, value: `${address.toLowerCase()}/${prefix}` };
}

function hasHostBits(address: string, prefix: number): boolean {
  const bits = isIPv4(address) ? ipv4Bits(address) : ipv6Bits(address);
  return bits.slice(prefix).includes('1');
}

function ipv4Bits(address: string): string {
  return address
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
}

function ipv6Bits(address: string): string {
  // The URL parser writes every IPv6 address in one form, without embedded IPv4.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
}

/** Whether an address reaches only this machine. */
export function isLoopback(host: string): boolean {
  return isLocalName(host) || contains(LOOPBACK, host);
}

/**
 * Whether credentials may go there by default: Unix sockets, loopback, RFC 1918 and unique local (RFC 4193) addresses.
 * Names are not private: what they resolve to can change.
 */
export function isPrivate(host: string): boolean {
  return host.startsWith('/') || isLoopback(host) || contains(PRIVATE, host);
}

/** Whether listening on `address` would receive what is sent to `target`. Port 0 is not known yet and never collides. */
export function reaches(target: { readonly host: string; readonly port: number }, address: Address): boolean {
  if (target.port !== address.port || address.port === 0) return false;
  if (sameHost(target.host, address.host)) return true;
  return isWildcard(address.host) ? isLoopback(target.host) || isWildcard(target.host) : isWildcard(target.host);
}

/** Whether two hosts are certainly the same machine; all names of this machine are. */
export function sameHost(a: string, b: string): boolean {
  const plain = (host: string) => (isLoopback(host) ? 'localhost' : host.toLowerCase().replace(/\.$/, ''));
  return plain(a) === plain(b);
}

function isLocalName(host: string): boolean {
  return /(^|\.)localhost\.?$/i.test(host);
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || (isIPv6(host) && !ipv6Bits(host).includes('1'));
}

function contains(list: BlockList, host: string): boolean {
  return isIP(host) !== 0 && list.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');
}

function networks(...ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of ranges) list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6');
  return list;
}

const LOOPBACK = networks(['127.0.0.0', 8], ['::1', 128]);
const PRIVATE = networks(['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['fc00::', 7]);
// fd00:ec2::254 is the metadata service of one large cloud; it lies outside the link-local range.
const LINK_LOCAL = networks(['169.254.0.0', 16], ['fe80::', 10], ['fd00:ec2::254', 128]);
