import { readFileSync } from 'node:fs';
import type { Finding } from '../config/problem.ts';
import { fetchCaFile, fetchCertificate } from '../config/tls-files.ts';
import { CutoverError, isCutoverError } from '../core/errors.ts';
import type { Clock, Log, Timer } from '../core/ports.ts';
import type { Certificate } from '../fleet/hub.ts';

/** How often it is looked whether somebody renewed a certificate. */
const LOOK_MS = 60_000;

/** A certificate and its key, in PEM; undefined where neither is named. @throws CutoverError USAGE */
export function readCertificate(
  certFile: string | undefined,
  keyFile: string | undefined,
): { readonly files: { readonly certFile: string; readonly keyFile: string }; readonly pair: Certificate } | undefined {
  const around = { env: {}, baseDir: process.cwd() };
  const { certificate, findings } = fetchCertificate({ certFile, keyFile }, [], around);
  if (findings.length > 0) throw unfit('--fleet-cert and --fleet-key', findings);
  if (certificate === undefined) return undefined;
  const { certFile: cert, keyFile: key } = certificate;
  return {
    files: { certFile: cert, keyFile: key },
    pair: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
  };
}

/** Tells of a certificate that was renewed on disk; gives what ends that. One that does not fit is told once and not taken. */
export function followCertificate(
  files: { readonly certFile: string; readonly keyFile: string },
  { clock, log, onNew }: { readonly clock: Clock; readonly log: Log; readonly onNew: (pair: Certificate) => void },
): () => void {
  let [last, trouble] = [JSON.stringify(readCertificate(files.certFile, files.keyFile)?.pair), ''];
  let timer: Timer;
  const look = (): void => {
    try {
      const pair = readCertificate(files.certFile, files.keyFile)?.pair;
      if (pair !== undefined && JSON.stringify(pair) !== last) {
        onNew(pair);
        log.info('fleet.certificate-renewed', { file: files.certFile });
        last = JSON.stringify(pair);
      }
      trouble = '';
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== trouble) log.error('fleet.certificate-unfit', { message: why });
      trouble = why;
    }
    timer = clock.after(LOOK_MS, look);
  };
  timer = clock.after(LOOK_MS, look);
  return () => timer.cancel();
}

/**
 * The authority that controllers are trusted by, read anew for each connection; one that cannot be read any more stays what it
 * was. Undefined where no file is named: then those that Node brings.
 * @throws CutoverError USAGE where the file is none at the start
 */
export function authorityIn(caFile: string | undefined): (() => string) | undefined {
  if (caFile === undefined) return undefined;
  const read = (): string => {
    const found = fetchCaFile(caFile, [], { env: {}, baseDir: process.cwd() });
    if ('finding' in found) throw unfit('--controller-ca', [found.finding]);
    return readFileSync(found.value, 'utf8');
  };
  let last = read();
  return () => {
    try {
      last = read();
    } catch (error) {
      if (!isCutoverError(error)) throw error;
    }
    return last;
  };
}

function unfit(option: string, findings: readonly Finding[]): CutoverError {
  const [first] = findings;
  return new CutoverError('USAGE', `${option}: ${first?.what ?? ''}.`, { hint: `Give ${first?.expected ?? ''}.` });
}
