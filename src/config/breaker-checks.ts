import { adviseBreakers, extraUtilisation, FULL_UTILISATION, HIGH_UTILISATION } from '../core/breaker-plan.ts';
import type { Finding, Path } from './problem.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';
import { formatDuration } from './units.ts';

type File = Salvaged<ConfigFile>;
const PATH: Path = ['candidate', 'breaker'];

/** Breakers that nothing could probe, or whose probes would want more mirrors than there are. */
export function breakerFindings(file: File): Finding[] {
  const { mirror, defaults, endpoints = [] } = file;
  const breaker = file.candidate?.breaker;
  if (breaker === undefined || breaker === 'off') return [];
  const isUnprobed =
    mirror?.perSecond === 0 || (defaults?.mirror === 0 && endpoints.every((one) => (one?.mirror ?? 0) === 0));
  if (isUnprobed)
    return [
      {
        path: PATH,
        what: 'is on, while nothing is mirrored',
        expected: 'a share of mirrored requests, or off',
        hint: 'Probes are mirrored copies: without them a breaker that opened would never close.',
      },
    ];
  const finding = utilisationFinding(file);
  return finding === undefined || finding.utilisation <= FULL_UTILISATION ? [] : [finding.told];
}

/** Breakers whose probes are felt: above a tenth of the mirrors. */
export function breakerWarnings(file: File): Finding[] {
  const finding = utilisationFinding(file);
  return finding === undefined || finding.utilisation > FULL_UTILISATION ? [] : [finding.told];
}

function utilisationFinding({ candidate, mirror }: File): { utilisation: number; told: Finding } | undefined {
  const breaker = candidate?.breaker;
  if (breaker === undefined || breaker === 'off' || mirror?.concurrency === undefined) return undefined;
  const { openEndpoints: circuits, errorTimeout, halfOpenTimeout } = breaker;
  if (circuits === undefined || errorTimeout === undefined || halfOpenTimeout === undefined) return undefined;
  const use = {
    circuits,
    errorTimeoutMs: errorTimeout,
    halfOpenTimeoutMs: halfOpenTimeout,
    threads: mirror.concurrency,
  };
  const utilisation = extraUtilisation(use);
  if (utilisation <= HIGH_UTILISATION) return undefined;
  const [longer] = adviseBreakers(use);
  const told: Finding = {
    path: PATH,
    what: `would take ${Math.round(utilisation * 100)} % of mirror.concurrency for probes in a total outage: ${circuits} endpoints × ${formatDuration(halfOpenTimeout)} by ${formatDuration(errorTimeout)} × ${mirror.concurrency}`,
    expected: `at most ${utilisation > FULL_UTILISATION ? '100 %, better 10 %' : '10 %'}`,
    hint: `Set errorTimeout to ${formatDuration(longer?.errorTimeoutMs ?? errorTimeout)}, or halfOpenTimeout or openEndpoints lower; cutover breaker plan shows every way.`,
  };
  return { utilisation, told };
}
