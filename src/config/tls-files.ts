import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { SIDES, type Side } from '../core/cell.ts';
import { readSmallFile, type Surroundings } from './files.ts';
import type { Finding, Path } from './problem.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';
import type { CertificateFiles, ServerTlsSettings, UpstreamTlsSettings } from './settings.ts';

/** Largest PEM file that is read: the public authorities together are a fifth of a mebibyte. */
const MAX_PEM_BYTES = 4 * 1_048_576;
/** Certificates that end within so many days are told of. */
const SOON_DAYS = 14;
const DAY_MS = 24 * 3_600_000;

/** A certificate that was read, with what a person should know about it. */
export interface ReadCertificate extends CertificateFiles {
  readonly path: Path;
  readonly leaf: X509Certificate;
}

/** What the files of a side's `tls` are. */
export interface UpstreamTlsOutside {
  readonly caFile: string | undefined;
  readonly certificate: ReadCertificate | undefined;
  readonly findings: readonly Finding[];
}

/** Reads and checks the files of a side's `tls`: they hold what they should, and the key belongs to the certificate. */
export function fetchUpstreamTls(file: Salvaged<ConfigFile>, side: Side, around: Surroundings): UpstreamTlsOutside {
  const tls = file[side]?.tls;
  const findings: Finding[] = [];
  const caFile = tls?.caFile === undefined ? undefined : fetchCaFile(tls.caFile, [side, 'tls', 'caFile'], around);
  if (caFile !== undefined && 'finding' in caFile) findings.push(caFile.finding);
  const pair = fetchCertificate({ certFile: tls?.certFile, keyFile: tls?.keyFile }, [side, 'tls'], around);
  findings.push(...pair.findings);
  return {
    caFile: caFile !== undefined && 'value' in caFile ? caFile.value : undefined,
    certificate: pair.certificate,
    findings,
  };
}

/** The settings of a side's `tls`, given what its files are. */
export function buildUpstreamTls(tls: ConfigFile['control']['tls'], outside: UpstreamTlsOutside): UpstreamTlsSettings {
  const { serverName, minVersion, insecure } = tls;
  const { caFile, certificate } = outside;
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(certificate === undefined
      ? {}
      : { certificate: { certFile: certificate.certFile, keyFile: certificate.keyFile } }),
    minVersion,
    insecure,
  };
}

/** What the files of `tls` are. */
export interface ServerTlsOutside {
  readonly certificates: readonly ReadCertificate[];
  readonly clientCaFile: string | undefined;
  readonly findings: readonly Finding[];
}

/** Reads and checks the files of `tls`, and whether client certificates could be judged. */
export function fetchServerTls({ tls }: Salvaged<ConfigFile>, around: Surroundings): ServerTlsOutside {
  const pairs = (tls?.certificates ?? []).flatMap((given, index) =>
    // Where one of the two is missing the schema says so.
    given?.certFile === undefined || given.keyFile === undefined
      ? []
      : [
          fetchCertificate(
            { certFile: given.certFile, keyFile: given.keyFile },
            ['tls', 'certificates', index],
            around,
          ),
        ],
  );
  const findings = pairs.flatMap((pair) => pair.findings);
  const path: Path = ['tls', 'clientCaFile'];
  const caFile = tls?.clientCaFile === undefined ? undefined : fetchCaFile(tls.clientCaFile, path, around);
  if (caFile !== undefined && 'finding' in caFile) findings.push(caFile.finding);
  const mode = tls?.clientCertificates;
  if (caFile === undefined && (mode === 'request' || mode === 'require')) {
    const what = `is ${mode}, while clientCaFile is not given`;
    const hint = 'Public authorities certify servers for anybody; name the one that certifies your clients.';
    findings.push({ path: ['tls', 'clientCertificates'], what, expected: 'clientCaFile as well', hint });
  }
  if (caFile !== undefined && mode === 'none') {
    const what = 'is given, while no client certificate is asked for';
    findings.push({ path, what, expected: 'clientCertificates: request or require' });
  }
  return {
    certificates: pairs.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate])),
    clientCaFile: caFile !== undefined && 'value' in caFile ? caFile.value : undefined,
    findings,
  };
}

/** The settings of `tls`, given what its files are. */
export function buildServerTls(
  tls: NonNullable<ConfigFile['tls']>,
  { certificates, clientCaFile }: ServerTlsOutside,
): ServerTlsSettings {
  return {
    certificates: certificates.map(({ certFile, keyFile }) => ({ certFile, keyFile })),
    minVersion: tls.minVersion,
    http2: tls.http2,
    clientCertificates: tls.clientCertificates,
    ...(clientCaFile === undefined ? {} : { clientCaFile }),
  };
}

/** A PROXY header is believed only of networks that are trusted. */
export function proxyProtocolFindings({ trust }: Salvaged<ConfigFile>): Finding[] {
  if (trust?.proxyProtocol !== true || trust.networks?.length !== 0) return [];
  return [
    {
      path: ['trust', 'proxyProtocol'],
      what: 'is true, while trust.networks is empty',
      expected: 'the networks of the load balancers that send PROXY headers in trust.networks',
      hint: 'Whoever may send such a header chooses the address that a request seems to come from.',
    },
  ];
}

/** What a person should know about TLS although everything can start. */
export function tlsWarnings(
  file: ConfigFile,
  outside: { readonly tls: Readonly<Record<Side, UpstreamTlsOutside>>; readonly serverTls: ServerTlsOutside },
  now: number,
): Finding[] {
  const own = outside.serverTls.certificates.flatMap((certificate) => endWarning(certificate, now));
  const sides = SIDES.flatMap((side) => {
    const { tls, url, targets = [] } = file[side];
    const certificate = outside.tls[side].certificate;
    const found = certificate === undefined ? [] : endWarning(certificate, now);
    if (tls.insecure) {
      found.push({
        path: [side, 'tls', 'insecure'],
        what: `is true: any certificate is taken for the ${side}'s`,
        expected: 'false',
        hint: 'Whoever is on the network path can read and change everything. Give the authority of the certificate in caFile.',
      });
    }
    const isUsed = [...(url === undefined ? [] : [url]), ...targets].some((target) => target.url.startsWith('https:'));
    const isGiven = tls.caFile ?? tls.serverName ?? tls.certFile ?? (tls.insecure || undefined);
    if (!isUsed && isGiven !== undefined) {
      const what = `has no effect: no target of the ${side} begins with https://`;
      found.push({ path: [side, 'tls'], part: 'key', what, expected: 'an https:// target, or no tls' });
    }
    return found;
  });
  return [...own, ...sides];
}

function endWarning({ leaf, path, certFile }: ReadCertificate, now: number): Finding[] {
  const endsAt = Date.parse(leaf.validTo);
  if (endsAt > now + SOON_DAYS * DAY_MS) return [];
  const ended = endsAt <= now;
  const what = `names ${JSON.stringify(certFile)}, whose certificate ${ended ? 'has ended' : 'ends'} on ${new Date(endsAt).toISOString().slice(0, 10)}`;
  return [
    { path: [...path, 'certFile'], what, expected: 'one that lasts', hint: 'A renewed file is taken over by itself.' },
  ];
}

/** A certificate and its key, or what is wrong with them; nothing of either where neither is given. */
export function fetchCertificate(
  given: { readonly certFile: string | undefined; readonly keyFile: string | undefined },
  path: Path,
  around: Surroundings,
): { readonly certificate: ReadCertificate | undefined; readonly findings: readonly Finding[] } {
  const { certFile, keyFile } = given;
  const none = (...findings: Finding[]) => ({ certificate: undefined, findings });
  if (certFile === undefined && keyFile === undefined) return none();
  if (certFile === undefined || keyFile === undefined) {
    const [there, missing] = certFile === undefined ? ['keyFile', 'certFile'] : ['certFile', 'keyFile'];
    return none({ path: [...path, there], what: `is given without ${missing}`, expected: 'both or neither' });
  }
  const chain = readPem(certFile, [...path, 'certFile'], {
    around,
    expected: 'a PEM file with a certificate',
    of: asLeaf,
  });
  const key = readPem(keyFile, [...path, 'keyFile'], { around, expected: 'a PEM file with a private key', of: asKey });
  const findings = [chain, key].flatMap((read) => ('finding' in read ? [read.finding] : []));
  if ('finding' in chain || 'finding' in key) return none(...findings);
  if (!chain.value.checkPrivateKey(key.value)) {
    const what = `is ${JSON.stringify(keyFile)}, which is not the key of ${JSON.stringify(certFile)}`;
    const hint = 'The certificate of the server itself comes first in certFile, before those of its authorities.';
    return none({ path: [...path, 'keyFile'], what, expected: 'the private key of that certificate', hint });
  }
  const files = { certFile: resolve(around.baseDir, certFile), keyFile: resolve(around.baseDir, keyFile) };
  return { certificate: { ...files, path, leaf: chain.value }, findings };
}

/** The absolute path of a bundle of certificates that can be read. */
export function fetchCaFile(
  given: string,
  path: Path,
  around: Surroundings,
): { readonly value: string } | { readonly finding: Finding } {
  const read = readPem(given, path, { around, expected: 'a readable PEM file with certificates', of: asLeaf });
  return 'finding' in read ? read : { value: resolve(around.baseDir, given) };
}

interface PemOptions<T> {
  readonly around: Surroundings;
  readonly expected: string;
  /** What a PEM text is, or why it is not: completes "a file that …". */
  readonly of: (text: string) => T | string;
}

function readPem<T extends object>(
  given: string,
  path: Path,
  { around, expected, of }: PemOptions<T>,
): { readonly value: T } | { readonly finding: Finding } {
  const problem = (why: string) => ({
    finding: { path, what: `is ${JSON.stringify(given)}, which ${why}`, expected },
  });
  const text = readSmallFile(resolve(around.baseDir, given), MAX_PEM_BYTES);
  if (!('value' in text)) return problem(text.problem);
  const value = of(text.value);
  return typeof value === 'string' ? problem(value) : { value };
}

function asLeaf(text: string): X509Certificate | string {
  if (!text.includes('-----BEGIN CERTIFICATE-----')) return 'holds no certificate';
  try {
    return new X509Certificate(text);
  } catch {
    return 'holds a certificate that cannot be read';
  }
}

function asKey(text: string): KeyObject | string {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    return 'holds an encrypted key: nobody is there at a start to tell its passphrase';
  }
  if (!/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(text)) return 'holds no private key';
  try {
    return createPrivateKey(text);
  } catch {
    // The reason may quote the key.
    return 'holds a private key that cannot be read';
  }
}
