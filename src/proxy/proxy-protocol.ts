import { isIPv4, isIPv6 } from 'node:net';

/** What a PROXY header says about the connection behind it. */
export interface ProxiedConnection {
  /** The client's; undefined: that of the connection itself counts (a health check of the proxy, a family without ports). */
  readonly source: { readonly address: string; readonly port: number; readonly localPort: number } | undefined;
  /** The client spoke TLS with the proxy, which said so. */
  readonly isSecure: boolean;
}

export type ProxyHeader =
  /** So far it may become one. */
  | { readonly kind: 'more' }
  | { readonly kind: 'wrong'; readonly why: string }
  | { readonly kind: 'header'; readonly length: number; readonly connection: ProxiedConnection };

/** Longest header of version 1, its line end included (section 2.1 of the specification). */
const MAX_V1 = 107;
/** Longest header of version 2 that is read; with addresses and every usual extension it stays below a tenth of it. */
export const MAX_V2 = 4_096;

const V1 = Buffer.from('PROXY ');
const V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_HEAD = 16;
const MORE: ProxyHeader = { kind: 'more' };

/**
 * Reads the header that HAProxy's PROXY protocol, version 1 or 2, puts before a connection's first byte.
 * Strict: what a sender could not have meant is wrong, however likely a guess would be right.
 * Source: haproxy.org/download/3.0/doc/proxy-protocol.txt.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (begins(bytes, V1)) return bytes.length < V1.length ? MORE : readText(bytes);
  if (begins(bytes, V2)) return bytes.length < V2_HEAD ? MORE : readBinary(bytes);
  return wrong('the connection does not begin with a PROXY header');
}

/** Whether the bytes and the beginning are the same as far as both go. */
function begins(bytes: Buffer, beginning: Buffer): boolean {
  const length = Math.min(bytes.length, beginning.length);
  return bytes.compare(beginning, 0, length, 0, length) === 0;
}

function wrong(why: string): ProxyHeader {
  return { kind: 'wrong', why };
}

function readText(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_V1).indexOf('\r\n');
  if (end < 0) return bytes.length < MAX_V1 ? MORE : wrong(`no line end within ${MAX_V1} bytes`);
  const length = end + 2;
  const line = bytes.toString('latin1', V1.length, end);
  // What follows it says nothing that could be used.
  if (line === 'UNKNOWN' || line.startsWith('UNKNOWN ')) {
    return { kind: 'header', length, connection: { source: undefined, isSecure: false } };
  }
  const [family, from = '', to = '', fromPort = '', toPort = '', ...rest] = line.split(' ');
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : undefined;
  if (isAddress === undefined) return wrong('the family is none of TCP4, TCP6 and UNKNOWN');
  if (!isAddress(from) || !isAddress(to)) return wrong(`an address is not one of ${family}`);
  const [port, localPort] = [portOf(fromPort), portOf(toPort)];
  if (port === undefined || localPort === undefined || rest.length > 0)
    return wrong('a port is not a number up to 65535');
  return { kind: 'header', length, connection: { source: { address: from, port, localPort }, isSecure: false } };
}

/** Without a zone, which means nothing on another machine. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function portOf(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

/** Bytes of both addresses and ports, by family and transport; section 2.2. */
const STREAMS: Readonly<Record<number, number>> = { 0: 0, 17: 12, 33: 36, 49: 216 };

function readBinary(bytes: Buffer): ProxyHeader {
  const command = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const length = V2_HEAD + bytes.readUInt16BE(14);
  if (command !== 0x20 && command !== 0x21) return wrong('neither LOCAL nor PROXY of version 2');
  const addressBytes = STREAMS[family];
  if (addressBytes === undefined) return wrong('the address family or transport is none of a stream');
  if (length > MAX_V2) return wrong(`longer than ${MAX_V2} bytes`);
  const isProxied = command === 0x21;
  if (isProxied && length < V2_HEAD + addressBytes) return wrong('too short for its addresses');
  if (bytes.length < length) return MORE;
  const header = bytes.subarray(0, length);
  // Of LOCAL everything behind the length is to be skipped, whatever it is.
  if (!isProxied) return { kind: 'header', length, connection: { source: undefined, isSecure: false } };
  const extensions = readExtensions(header, V2_HEAD + addressBytes);
  if (typeof extensions === 'string') return wrong(extensions);
  return { kind: 'header', length, connection: { source: sourceOf(header, family), isSecure: extensions.isSecure } };
}

function sourceOf(header: Buffer, family: number): ProxiedConnection['source'] {
  const at = V2_HEAD;
  if (family === 0x11) {
    const address = [...header.subarray(at, at + 4)].join('.');
    return { address, port: header.readUInt16BE(at + 8), localPort: header.readUInt16BE(at + 10) };
  }
  if (family !== 0x21) return undefined;
  return {
    address: ipv6Text(header.subarray(at, at + 16)),
    port: header.readUInt16BE(at + 32),
    localPort: header.readUInt16BE(at + 34),
  };
}

/** In the one spelling that RFC 5952 gives it, which is the URL parser's. */
function ipv6Text(bytes: Buffer): string {
  // Sixteen bytes are four pairs of two digits to each side of seven colons.
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  const text = new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes.readUInt16BE(10) === 0xffff;
  return isMapped ? `::ffff:${[...bytes.subarray(12)].join('.')}` : text;
}

const TYPE_CRC32C = 0x03;
const TYPE_SSL = 0x20;
const CLIENT_SSL = 0x01;

/** Type, length, value up to the end (section 2.2.7); a text says what is wrong. */
function readExtensions(header: Buffer, from: number): { readonly isSecure: boolean } | string {
  let isSecure = false;
  for (let at = from; at < header.length; ) {
    if (at + 3 > header.length) return 'an extension is cut off';
    const type = header.readUInt8(at);
    const value = header.subarray(at + 3, at + 3 + header.readUInt16BE(at + 1));
    if (at + 3 + header.readUInt16BE(at + 1) > header.length) return 'an extension is cut off';
    if (type === TYPE_CRC32C && !isChecksum(header, at + 3, value)) return 'its checksum is wrong';
    if (type === TYPE_SSL) {
      if (value.length < 5) return 'its TLS extension is cut off';
      isSecure = (value.readUInt8(0) & CLIENT_SSL) !== 0;
    }
    at += 3 + value.length;
  }
  return { isSecure };
}

function isChecksum(header: Buffer, at: number, value: Buffer): boolean {
  if (value.length !== 4) return false;
  const zeroed = Buffer.from(header);
  zeroed.fill(0, at, at + 4);
  return crc32c(zeroed) === value.readUInt32BE(0);
}

/** Castagnoli's polynomial, RFC 4960 appendix B; bit by bit, as headers are short and rare. */
export function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (0x82f63b78 & -(sum & 1));
  }
  return (sum ^ 0xffffffff) >>> 0;
}
