import type { ClusterView, Endpoint, Status } from '../api/types.ts';

const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 2 });
const COUNT = new Intl.NumberFormat('en');

/** A share of 0 to 1 as people read it, never rounded up to 100 %; `–` where nothing was measured. */
function percent(share: number | null): string {
  if (share === null) return '–';
  const shown = PERCENT.format(share);
  return share < 1 && shown === '100%' ? '>99.99%' : shown;
}

function compared(endpoint: Endpoint): number {
  const { match, ignored, mismatch, inconclusive } = endpoint.verdicts;
  return match + ignored + mismatch + inconclusive;
}

/**
 * What the terminal shows while Cutover runs: one line of sums, then the busiest endpoints, the noise learned,
 * the clusters and what is missing for a proof. At most about 25 lines.
 */
export function progressLines(
  status: Status,
  endpoints: readonly Endpoint[],
  clusters: readonly ClusterView[],
): string[] {
  const total = Object.values(status.verdicts).reduce((sum, count) => sum + count, 0);
  const lines = [
    `${COUNT.format(status.requests)} requests, candidate serves ${percent(status.candidatePpm / 1_000_000)}, ${COUNT.format(total)} compared, parity ${percent(status.parity)}, ${percent(status.verifiedShare)} of requests verified`,
  ];
  for (const warning of status.warnings.slice(0, 3)) lines.push(`  ! ${warning}`);
  for (const latch of status.latches.slice(0, 3))
    lines.push(`  ! rolled back: ${latch.reason === '' ? 'no reason given' : latch.reason} (${latch.actor})`);
  const busiest = [...endpoints].sort((a, b) => compared(b) - compared(a)).slice(0, 8);
  for (const endpoint of busiest) {
    const noise =
      endpoint.noise.length === 0
        ? ''
        : `, noise on ${endpoint.noise.length} ${endpoint.noise.length === 1 ? 'path' : 'paths'}`;
    lines.push(
      `  ${endpoint.endpoint}  ${COUNT.format(compared(endpoint))} compared, parity ${percent(endpoint.parity)}${noise}`,
    );
  }
  const learned = busiest.flatMap((endpoint) => endpoint.noise.map((noise) => `${noise.class} at ${noise.path}`));
  if (learned.length > 0)
    lines.push(`  noise learned: ${[...new Set(learned)].slice(0, 4).join('; ')}${learned.length > 4 ? '; …' : ''}`);
  for (const cluster of clusters.slice(0, 5)) {
    lines.push(
      `  cluster ${cluster.id}  ${COUNT.format(cluster.count)} × ${cluster.endpoint} ${cluster.pathPattern} ${cluster.kind} (${cluster.transition}); cutover show ${cluster.example}`,
    );
  }
  for (const missing of status.missing.slice(0, 3)) lines.push(`  missing for a proof: ${missing}`);
  return lines;
}
