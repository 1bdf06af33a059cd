import type { BenchSection, Row, Section, SectionOptions } from '../../verify/section.ts';
import { type Opened, PERCENTS, play, type World } from '../spending-world.ts';

/** The world of the target, and others beside it. */
const WORLDS: readonly { readonly name: string; readonly world: World; readonly isTarget?: true }[] = [
  {
    name: '500 tenants × 20 endpoints, Zipf over the cells',
    world: { tenants: 500, endpoints: 20, perSecond: 1_000, proof: 'endpoint', skew: 'cells', ...usual() },
    isTarget: true,
  },
  {
    name: '500 tenants × 20 endpoints, Zipf over tenants and over endpoints',
    world: { tenants: 500, endpoints: 20, perSecond: 1_000, proof: 'endpoint', skew: 'both', ...usual() },
  },
  {
    name: '100 tenants × 100 endpoints, Zipf over the cells',
    world: { tenants: 100, endpoints: 100, perSecond: 1_000, proof: 'endpoint', skew: 'cells', ...usual() },
  },
  {
    name: '50 tenants × 10 endpoints, Zipf over the cells, each cell proven on its own',
    world: { tenants: 50, endpoints: 10, perSecond: 1_000, proof: 'cell', skew: 'cells', ...usual() },
  },
];

/** One in 10,000 comparisons mismatches: as good as a proof hopes for. */
function usual() {
  return { zipf: 1.1, mismatching: 0.0001 } as const;
}

const MAX_SECONDS = 400_000;

/** How much earlier cells open when the mirrors are spent where proofs need them. */
export const spending: BenchSection = {
  name: 'spending',
  run({ seed, quick, progress }: SectionOptions): Promise<Section> {
    const played = WORLDS.map(({ name, world, isTarget }) => {
      const small = quick ? { ...world, tenants: Math.max(10, world.tenants / 10) } : world;
      const [byNeed, uniform] = (['by need', 'uniform'] as const).map((way) => {
        const opened = play(small, way, { seed, maxSeconds: MAX_SECONDS });
        progress(`${name}, ${way}`);
        return opened;
      }) as [Opened, Opened]; // of two ways
      return { name, byNeed, uniform, isTarget };
    });
    return Promise.resolve({
      title:
        'Cells opened under the same mirror budget: 1,000 requests a second, Zipf 1.1, default settings (20 mirrors a second), spent by need against uniform sampling',
      rows: played.map(rowOf),
      tables: [
        {
          title: 'Minutes until so many of the cells were open',
          columns: ['', 'way', ...PERCENTS.map((percent) => `${percent} %`), 'mirrors'],
          rows: played.flatMap(({ name, byNeed, uniform }) => [
            [name, 'by need', ...minutes(byNeed), String(byNeed.mirrors)],
            ['', 'uniform', ...minutes(uniform), String(uniform.mirrors)],
          ]),
        },
      ],
    });
  },
};

function rowOf(played: {
  readonly name: string;
  readonly byNeed: Opened;
  readonly uniform: Opened;
  readonly isTarget?: true | undefined;
}): Row {
  const [ours, theirs] = [played.byNeed, played.uniform].map((one) => one.seconds.get(95) ?? Number.NaN) as [
    number,
    number,
  ];
  const ratio = theirs / ours;
  const value = Number.isNaN(ratio)
    ? 'not reached'
    : `${ratio.toFixed(1)} times (${(ours / 60).toFixed(0)} min against ${(theirs / 60).toFixed(0)} min)`;
  const figure = `95 % open sooner: ${played.name}`;
  return played.isTarget === true ? { figure, value, target: '≥ 3 times', met: ratio >= 3 } : { figure, value };
}

function minutes({ seconds }: Opened): string[] {
  return PERCENTS.map((percent) => {
    const second = seconds.get(percent);
    return second === undefined ? '–' : (second / 60).toFixed(0);
  });
}
