import type { Finding, Path } from './problem.ts';
import type { Settings, SideSettings } from './settings.ts';

/** What cannot change while the process runs: where it lies in the file, and its value. */
interface Fixed {
  readonly path: Path;
  readonly of: (settings: Settings) => unknown;
}

/**
 * Keys that only a restart can change, because something was opened or sized by them: sockets, pools, threads, files.
 * Everything else follows the file.
 */
const FIXED: readonly Fixed[] = [
  { path: ['listen'], of: ({ listen }) => listen },
  { path: ['tls'], of: ({ tls }) => tls },
  { path: ['api', 'listen'], of: ({ api }) => api.listen },
  { path: ['api', 'hosts'], of: ({ api }) => api.hosts },
  { path: ['api', 'tokenFile'], of: ({ api }) => api.tokenFile },
  { path: ['api', 'people'], of: ({ api }) => api.people },
  ...sideKeys('control'),
  ...sideKeys('candidate'),
  { path: ['candidate', 'breaker'], of: ({ sides }) => sides.candidate.breaker },
  { path: ['sessions'], of: ({ ownSessions }) => ownSessions },
  { path: ['trust', 'networks'], of: ({ trust }) => trust.networks },
  { path: ['trust', 'proxyProtocol'], of: ({ trust }) => trust.proxyProtocol },
  { path: ['trust', 'tokenSecret'], of: ({ trust }) => trust.tokenSecret },
  { path: ['mirror', 'maxMemory'], of: ({ mirror }) => mirror.maxMemoryBytes },
  { path: ['compare', 'workers'], of: ({ compare }) => compare.workers },
  // Streams that are decoded while they pass are bounded by it, too.
  { path: ['compare', 'maxDecoded'], of: ({ compare }) => compare.maxDecodedBytes },
  { path: ['proxy'], of: ({ proxy }) => proxy },
  { path: ['limits'], of: ({ limits }) => limits },
  { path: ['store'], of: ({ store }) => store },
  { path: ['log'], of: ({ log }) => log },
  { path: ['tableMaxAge'], of: ({ tableMaxAgeMs }) => tableMaxAgeMs },
];

function sideKeys(side: 'control' | 'candidate'): Fixed[] {
  const keys: readonly [string, (settings: SideSettings) => unknown][] = [
    ['url', ({ targets }) => targets],
    ['hostHeader', ({ hostHeader }) => hostHeader],
    ['credentials', ({ credentials, credentialMap }) => [credentials, credentialMap]],
    ['connectTimeout', ({ connectTimeoutMs }) => connectTimeoutMs],
    ['firstByteTimeout', ({ firstByteTimeoutMs }) => firstByteTimeoutMs],
    ['idleTimeout', ({ idleTimeoutMs }) => idleTimeoutMs],
    ['maxConnections', ({ maxConnections }) => maxConnections],
    ['tls', ({ tls }) => tls],
    ['health', ({ health }) => health],
    ['versionHeader', ({ versionHeader }) => versionHeader],
  ];
  return keys.map(([key, of]) => ({ path: [side, key], of: ({ sides }) => of(sides[side]) }));
}

/** The keys in which two settings differ that a running process cannot take over; empty: all of `after` can be. */
export function needsRestart(before: Settings, after: Settings): Path[] {
  return FIXED.filter(({ of }) => JSON.stringify(of(before)) !== JSON.stringify(of(after))).map(({ path }) => path);
}

/** The same as findings, to be told with their places. Values are left out: some are secrets. */
export function restartFindings(before: Settings, after: Settings): Finding[] {
  return needsRestart(before, after).map((path) => ({
    path,
    what: 'is not what the running process was started with',
    expected: 'the same as before, or a restart',
    hint: 'Nothing of this file was taken.',
  }));
}
