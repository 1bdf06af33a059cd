import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { SideSettings } from '../config/settings.ts';
import type { Side } from '../core/cell.ts';
import { tlsProblem } from '../proxy/tls-problem.ts';
import { trustContext } from '../proxy/upstream-trust.ts';

/** One thing a probe noticed before any client was served. */
export interface Finding {
  readonly level: 'note' | 'warning';
  /** Stable word: `unreachable`, `virtual-hosts`, `redirect`, `cookies`, `compression`, `clock`, `status`. */
  readonly topic: string;
  /** What it is and what it means, one or two sentences. */
  readonly text: string;
}

/** What one side answered to `GET /`. */
export interface Sample {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Milliseconds between asking and the head of the answer. */
  readonly tookMs: number;
  /** When the answer came, milliseconds since the epoch. */
  readonly at: number;
}

const PROBE_TIMEOUT_MS = 3_000;
/** A difference of clocks up to here is what a `Date` header's resolution and the network make. */
const CLOCK_TOLERANCE_MS = 3_000;
const MAX_BODY_BYTES = 256 * 1024;

/** Asks a target for `/` under the given `Host`. Rejects with the connection's error. */
export function sample(target: string, host: string, side: SideSettings): Promise<Sample> {
  const url = new URL(target);
  const options = {
    ...(url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname.replace(/^\[|\]$/g, '') }),
    port: url.port === '' ? undefined : Number(url.port),
    method: 'GET',
    path: '/',
    headers: {
      host,
      accept: 'text/html,*/*',
      'accept-encoding': 'gzip, br',
      'user-agent': 'cutover-probe',
      connection: 'close',
    },
    timeout: PROBE_TIMEOUT_MS,
    ...(url.protocol === 'https:' ? tlsOptions(side.tls) : {}),
  };
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(options, (response) => {
      const tookMs = performance.now() - started;
      const at = Date.now();
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= MAX_BODY_BYTES) chunks.push(chunk);
        else response.destroy();
      });
      const finish = (): void =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
          tookMs,
          at,
        });
      response.on('end', finish);
      response.on('close', finish);
    });
    request.setTimeout(PROBE_TIMEOUT_MS, () =>
      request.destroy(new Error(`no answer within ${PROBE_TIMEOUT_MS / 1000} s`)),
    );
    request.on('error', reject);
    request.end();
  });
}

function tlsOptions(tls: SideSettings['tls']): ConnectionOptions {
  return {
    secureContext: trustContext(tls),
    rejectUnauthorized: !tls.insecure,
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

/** Why a target was not reached, for people. */
function reasonOf(error: unknown, target: string, { tls }: SideSettings): string {
  if (!(error instanceof Error)) return String(error);
  const expected = tls.serverName ?? new URL(target).hostname;
  const handshake = { expected, minVersion: tls.minVersion, showsCertificate: tls.certificate !== undefined };
  return tlsProblem(error, handshake) ?? (error.message || String((error as NodeJS.ErrnoException).code));
}

/** The Host a client would send that reaches a side by its own name. */
function ownHost(side: SideSettings): string {
  return new URL(side.targets[0] ?? 'http://localhost').host || 'localhost';
}

/**
 * Probes both sides as clients and mirrors will reach them and says what would go wrong:
 * unreachable targets, virtual hosts that do not know the preserved `Host`, redirects to the upstream's own name,
 * cookies of one side only, different compression, clocks apart.
 * Takes at most about 6 seconds; never rejects.
 */
export async function probeSides(
  sides: Readonly<Record<Side, SideSettings>>,
  clientHost: string,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const hostFor = (side: Side): string => (sides[side].hostHeader === 'preserve' ? clientHost : ownHost(sides[side]));
  const ask = async (side: Side): Promise<Sample | undefined> => {
    const target = sides[side].targets[0];
    if (target === undefined) return undefined;
    try {
      return await sample(target, hostFor(side), sides[side]);
    } catch (error) {
      const reason = reasonOf(error, target, sides[side]);
      findings.push({
        level: 'warning',
        topic: 'unreachable',
        text:
          side === 'control'
            ? `The control does not answer at ${target} (${reason}). Clients will get 502 until it does.`
            : `The candidate does not answer at ${target} (${reason}). The control serves; nothing can be compared.`,
      });
      return undefined;
    }
  };
  const [control, candidate] = await Promise.all([ask('control'), ask('candidate')]);
  if (control !== undefined) findings.push(...(await examineHost('control', sides.control, control, clientHost)));
  if (candidate !== undefined)
    findings.push(...(await examineHost('candidate', sides.candidate, candidate, clientHost)));
  if (control !== undefined && candidate !== undefined) findings.push(...examinePair(control, candidate));
  return findings;
}

/** What one side's own answer tells about its host names and redirects. */
async function examineHost(
  name: Side,
  side: SideSettings,
  found: Sample,
  clientHost: string,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const location = found.headers.location;
  if (location !== undefined && URL.canParse(location)) {
    const host = new URL(location).host;
    if (host === ownHost(side) && host !== clientHost) {
      findings.push({
        level: 'warning',
        topic: 'redirect',
        text: `The ${name} redirects / to its own name (${host}): clients would leave Cutover. Let it build links from X-Forwarded-Host, or set hostHeader: preserve.`,
      });
    }
  }
  if (side.hostHeader !== 'preserve' || found.status < 400) return findings;
  try {
    const byOwnName = await sample(side.targets[0] ?? '', ownHost(side), side);
    if (byOwnName.status < 400) {
      findings.push({
        level: 'warning',
        topic: 'virtual-hosts',
        text: `The ${name} answers ${found.status} under Host ${clientHost} but ${byOwnName.status} under its own name ${ownHost(side)}: it has virtual hosts. Set hostHeader: upstream for it, or send requests under a name it knows.`,
      });
    }
  } catch {
    // The first probe reached it; a second that does not is no finding about hosts.
  }
  return findings;
}

/** What the two answers tell beside each other. */
export function examinePair(control: Sample, candidate: Sample): readonly Finding[] {
  const findings: Finding[] = [];
  if (control.status !== candidate.status) {
    findings.push({
      level: 'note',
      topic: 'status',
      text: `To GET / the control answers ${control.status} and the candidate ${candidate.status}.`,
    });
  }
  const cookies = (sample: Sample): string[] =>
    (sample.headers['set-cookie'] ?? []).map((cookie) => cookie.slice(0, cookie.indexOf('=')).trim()).sort();
  const mine = cookies(control);
  const theirs = cookies(candidate);
  if (mine.join() !== theirs.join()) {
    findings.push({
      level: 'warning',
      topic: 'cookies',
      text: `The sides set different cookies (control: ${mine.join(', ') || 'none'}; candidate: ${theirs.join(', ') || 'none'}). Sessions made by one side must be known to the other before signed-in traffic can move.`,
    });
  } else if (mine.length > 0) {
    findings.push({
      level: 'note',
      topic: 'cookies',
      text: `Both sides set ${mine.join(', ')}. Make sure that a session made by one is known to the other.`,
    });
  }
  const coding = (sample: Sample): string => sample.headers['content-encoding'] ?? 'none';
  if (coding(control) !== coding(candidate)) {
    findings.push({
      level: 'note',
      topic: 'compression',
      text: `The sides compress differently (control: ${coding(control)}, candidate: ${coding(candidate)}). Bodies are compared decoded; clients see the change when traffic moves.`,
    });
  }
  for (const [name, sample] of [
    ['control', control],
    ['candidate', candidate],
  ] as const) {
    const date = sample.headers.date === undefined ? Number.NaN : Date.parse(sample.headers.date);
    const apart = Math.abs(date - sample.at);
    if (apart > CLOCK_TOLERANCE_MS) {
      findings.push({
        level: 'warning',
        topic: 'clock',
        text: `The ${name}'s clock is ${Math.round(apart / 1000)} s away from this machine's. Times in its answers will look wrong to the verifier; synchronise the clocks.`,
      });
    }
  }
  return findings;
}
