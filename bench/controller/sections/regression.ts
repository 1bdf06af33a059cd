import { movementRules } from '../../../src/controller/movement-rules.ts';
import type { EndpointId, TenantId } from '../../../src/core/cell.ts';
import { Evidence } from '../../../src/core/evidence.ts';
import { Tripwires } from '../../../src/core/tripwire.ts';
import { Random } from '../../verify/random.ts';
import type { BenchSection, Section, SectionOptions } from '../../verify/section.ts';
import { defaultSettings } from '../spending-world.ts';

const PER_SECOND = 100;
const REVERSE_SHARE = 0.05;
const TENANTS = 40;
/** Good seconds before one answer in a hundred is wrong. */
const BEFORE = 7_200;
const PATIENCE = 3_600;

/** How soon wrong answers are noticed after a promotion, by comparing the other way round. */
export const regression: BenchSection = {
  name: 'regression',
  run({ seed, quick, progress }: SectionOptions): Promise<Section> {
    const trials = quick ? 21 : 301;
    const found = Array.from({ length: trials }, (_, trial) => notice(new Random('regression', seed, trial)));
    progress(`${trials} runs`);
    const early = found.filter((seconds) => seconds < 0).length;
    const late = found.filter((seconds) => seconds >= 0).toSorted((a, b) => a - b);
    const at = (share: number): number => late[Math.floor(share * late.length)] ?? Number.POSITIVE_INFINITY;
    return Promise.resolve({
      title:
        'After a promotion 1 % of the answers turn wrong: 100 requests a second, 5 % of them compared, two good hours before, default settings',
      rows: [
        {
          figure: `noticed, median (90 %) of ${trials}`,
          value: `${at(0.5)} s (${at(0.9)} s)`,
          target: '≤ 120 s',
          met: at(0.5) <= 120,
        },
        { figure: 'taken back in the good hours before', value: `${early} of ${trials}` },
      ],
    });
  },
};

/** Seconds from the first wrong answer until the round that takes the endpoint back; negative: before there was one. */
function notice(random: Random): number {
  const settings = defaultSettings();
  const policy = movementRules(settings).pooled('endpoint', TENANTS);
  const evidence = new Evidence(4_096);
  const tripwires = new Tripwires(settings.tripwires);
  for (let second = 0; second < BEFORE + PATIENCE; second++) {
    for (let number = 0; number < PER_SECOND; number++) {
      if (!random.chance(REVERSE_SHARE)) continue;
      const verdict = second >= BEFORE && random.chance(0.01) ? 'mismatch' : 'match';
      const at = 1 + second * 1_000 + number * 10;
      const tenant = `t${random.integer(1, TENANTS)}`;
      const request = `${tenant} ${random.integer(1, 5_000)}`;
      const subject = `u${random.integer(1, 2_000)}`;
      evidence.add({ at, verdict, proves: true, request, subject, tenant, statusClass: 2 }, policy);
      const pair = {
        id: 'x',
        at,
        cell: { tenant: tenant as TenantId, endpoint: 'GET /a' as EndpointId }, // as the product names them
        direction: 'reverse',
        requestHash: request,
        result: { verdict, differences: [], differenceCount: 0, identical: verdict === 'match' },
        statuses: { control: 200, candidate: 200 },
        durationsMs: { control: 20, candidate: 20 },
        versions: { control: 'v1', candidate: 'v2' },
      } as const;
      if (tripwires.verified(pair, true) !== undefined) return second - BEFORE;
    }
    if (evidence.hasTurned(policy)) return second + 1 - BEFORE;
  }
  return Number.POSITIVE_INFINITY;
}
