import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate and its private key, in PEM. */
export interface MadeCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** DNS names and IPv4 addresses; none for authorities. */
  readonly names?: readonly string[];
  readonly commonName?: string;
  /** Absent: signs itself. */
  readonly by?: MadeCertificate & { readonly commonName: string };
  readonly isAuthority?: boolean;
  /** Days from now; default 2. Below 0: expired a while ago. */
  readonly days?: number;
}

const DAY_MS = 24 * 3_600_000;
let serial = 1;

/** Makes a certificate (RFC 5280) with a key of its own (P-256), without any program beside Node. */
export function makeCertificate(options: CertificateOptions = {}): MadeCertificate & { readonly commonName: string } {
  const {
    names = [],
    commonName = names[0] ?? 'test authority',
    by,
    isAuthority = by === undefined,
    days = 2,
  } = options;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  serial += 1;
  const to = Date.now() + days * DAY_MS;
  const from = Math.min(Date.now(), to) - DAY_MS;
  const body = sequence(
    tagged(0xa0, integer(2)),
    integer(serial),
    ECDSA_SHA256,
    nameOf(by?.commonName ?? commonName),
    sequence(time(from), time(to)),
    nameOf(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(names, isAuthority))),
  );
  const signer: KeyObject = by === undefined ? privateKey : createPrivateKey(by.key);
  const signature = sign('sha256', body, signer);
  const whole = sequence(body, ECDSA_SHA256, tagged(0x03, Buffer.from([0]), signature));
  return {
    cert: pem('CERTIFICATE', whole),
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    commonName,
  };
}

/** An authority, and a server certificate of it for `names`. */
export function makeChain(...names: string[]): {
  readonly authority: MadeCertificate & { readonly commonName: string };
  readonly server: MadeCertificate;
} {
  const authority = makeCertificate({ commonName: `authority ${serial}` });
  return { authority, server: makeCertificate({ names, by: authority }) };
}

function extensions(names: readonly string[], isAuthority: boolean): Buffer[] {
  const basic = extension('2.5.29.19', sequence(...(isAuthority ? [tagged(0x01, Buffer.from([0xff]))] : [])));
  if (names.length === 0) return [basic];
  const alternatives = names.map((name) =>
    isIP(name) === 4
      ? tagged(0x87, Buffer.from(name.split('.').map(Number)))
      : tagged(0x82, Buffer.from(name, 'latin1')),
  );
  return [basic, extension('2.5.29.17', sequence(...alternatives))];
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(identifier(id), tagged(0x04, value));
}

function nameOf(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(identifier('2.5.4.3'), tagged(0x0c, Buffer.from(commonName)))));
}

function time(at: number): Buffer {
  // UTCTime: yymmddhhmmssZ.
  const text = new Date(at)
    .toISOString()
    .replace(/[-:T]|\.\d+/g, '')
    .slice(2);
  return tagged(0x17, Buffer.from(text));
}

function integer(value: number): Buffer {
  let hex = value.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  const bytes = Buffer.from(hex, 'hex');
  return tagged(0x02, (bytes[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function identifier(id: string): Buffer {
  const [first = 0, second = 0, ...rest] = id.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const digits = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tagged(0x06, Buffer.from(bytes));
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, ...parts);
}

/** One value of DER: tag, length, contents. */
function tagged(tag: number, ...parts: Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), value]);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

const ECDSA_SHA256 = sequence(identifier('1.2.840.10045.4.3.2'));
