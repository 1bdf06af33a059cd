import { z } from 'zod';
import { MAX_CLASSES } from '../core/class-order.ts';
import { TRIPWIRE_ACTIONS } from '../core/tripwire.ts';
import { count, duration, flag, name, oneOf, share, tenant } from './fields.ts';
import { list, mapping } from './shapes.ts';

const DAY_MS = 24 * 3_600_000;
const MAX_PROTECTED = 10_000;

/** What a proof demands, and how long it lasts. */
export const evidence = mapping({
  cellLimit: share().prefault('1%').meta({
    description: 'Mismatch rate that a proof over one cell must exclude. At 1% and 95% that takes 332 matches.',
  }),
  pooledLimit: share().prefault('0.1%').meta({
    description:
      'Mismatch rate that a proof over all tenants of an endpoint must exclude. At 0.1% that takes 3,327 matches.',
  }),
  confidence: share().prefault('95%').meta({ description: 'How sure a proof must be, however often it is looked at.' }),
  ownMatches: count(0, 1_000).prefault(3).meta({
    description: 'Matches of its own that a cell needs where its endpoint has passed; one mismatch keeps it.',
  }),
  minRequests: count(1, 1_000)
    .prefault(10)
    .meta({ description: 'Distinct requests a proof needs; identical ones count ten times at most.' }),
  minTenants: count(1, 1_000)
    .prefault(3)
    .meta({ description: 'Distinct tenants a pooled proof needs; where fewer have been seen, all of them.' }),
  cohorts: list(name('a cohort'), 10).prefault([]).meta({
    description:
      'Cohorts whose comparisons are pooled by themselves as well. Where those of its cohort decide, for or against, a cell goes by them and not by those of all tenants: it opens by its cohort while the endpoint as a whole is not proven, and stays closed while its cohort fails. Of several the first counts.',
  }),
  statusShare: share().prefault('5%').meta({
    description:
      'What the control answers with in at least this share (2xx, 3xx, 4xx, but for 206 and 304) a proof over an endpoint must have compared, three times each.',
  }),
  minSpan: duration(0, 30 * DAY_MS)
    .prefault('10m')
    .meta({ description: 'Time between the first and the last comparison of a proof. A day covers a daily cycle.' }),
  maxInconclusive: share()
    .prefault('10%')
    .meta({ description: 'Share of inconclusive comparisons above which nothing passes.' }),
  staleAfter: duration(60_000, 365 * DAY_MS)
    .prefault('24h')
    .meta({ description: 'Evidence whose newest comparison is older opens nothing. It closes nothing either.' }),
  renewWithin: duration(1_000, 30 * DAY_MS)
    .prefault('24h')
    .meta({
      description: 'How long open cells keep serving under a new candidate version until their proof is renewed.',
    }),
  coolDown: duration(1_000, 7 * DAY_MS)
    .prefault('10m')
    .meta({
      description: 'Rest of a cell or ramp that was taken back; each further time in an epoch doubles it.',
    }),
  returnInterval: duration(1_000, 7 * DAY_MS)
    .prefault('1h')
    .meta({
      description:
        'Least time between two returns to the candidate after a taking back, within an epoch: nothing flaps faster, whatever the evidence says.',
    }),
  retries: count(1, 100).prefault(5).meta({
    description:
      'Times that a cell or ramp may be taken back in an epoch; the last time it is held until somebody resumes it.',
  }),
  falseAlarm: share().prefault('0.01%').meta({
    description: 'Chance per comparison of taking back by accident what is as good as wanted.',
  }),
  power: share().exactOptional().meta({
    description:
      'Share of known faults, planted into recorded answers, that the rules and noise in force must find before anything new opens at an endpoint; `cutover power` shows the same. Absent: none is demanded. What is open stays open.',
  }),
}).prefault({});

/** Who moves before whom. */
export const classes = list(
  mapping({
    name: name('a class').meta({ description: 'Its name, in what is told and shown.' }),
    cohorts: list(name('a cohort'), 100, 1).exactOptional().meta({ description: 'Cohorts whose tenants it has.' }),
    tenants: list(tenant(), MAX_PROTECTED, 1).exactOptional().meta({ description: 'Tenants it has.' }),
    others: flag().prefault(false).meta({
      description:
        'True: it has all tenants that are in no other class and not protected. Without such a class they come after the last one, with its `dwell` and `open`.',
    }),
    dwell: duration(0, 90 * DAY_MS)
      .prefault('1d')
      .meta({
        description:
          'How long it must have been served by the candidate, with a dial above 0 and no cell taken back, before the next class begins. A taking back begins it anew.',
      }),
    open: share()
      .prefault('95%')
      .meta({ description: 'Share of its cells with traffic that must be open, at each endpoint, rounded up.' }),
  }),
  MAX_CLASSES,
)
  .prefault([])
  .meta({
    description:
      'Classes of tenants in the order in which they move, endpoint by endpoint: cells of a class open when the classes before it stand. Who is open stays open. Where no proof is demanded nothing opens, and dials of cohorts make the order.',
  });

/** Tenants that come last. */
export const protectedTenants = list(tenant(), MAX_PROTECTED).prefault([]).meta({
  description:
    'Tenants that are promoted last: their cells open only when every other cell of the endpoint with traffic is open.',
});

function within(usual: string) {
  return duration(1_000, 3_600_000).prefault(usual).meta({ description: 'The window.' });
}

/** A tripwire, or `off`. Absent: its fields have their defaults. */
function tripwire<T extends z.ZodObject>(fields: T, description: string) {
  const error = 'off, or a mapping';
  return z.union([z.enum(['off'], { error }), fields], { error }).meta({ title: '`off` or mapping', description });
}

/** What takes traffic back without waiting. */
export const tripwires = mapping({
  candidateFailures: tripwire(
    mapping({
      count: count(1, 100_000)
        .prefault(5)
        .meta({ description: 'How many at least, of those that count in the evidence.' }),
      within: within('10s').meta({
        description: 'The window for a candidate that is certainly broken. Statistics have none.',
      }),
    }),
    'Requests to one endpoint that the candidate failed (5xx, refused, reset, silent) while the control did not: where it certainly fails more than it may (about six in a row), or where by chance 1 in 100 at most would candidates of which none fails more than the control be taken back, on live traffic and on pairs.',
  ).prefault({}),
  hardDown: tripwire(
    mapping({ consecutive: count(1, 100_000).prefault(5).meta({ description: 'How many in a row.' }) }),
    'Requests to one endpoint in a row to which the candidate gave no answer at all.',
  ).prefault({}),
  reverseMismatch: tripwire(
    mapping({
      count: count(1, 100_000).prefault(3).meta({ description: 'How many.' }),
      within: within('10s'),
    }),
    'Confirmed mismatches at one endpoint between what the candidate served and the control.',
  ).prefault({}),
  latency: tripwire(
    mapping({
      count: count(1, 100_000).prefault(5).meta({ description: 'How many people with slow answers at least.' }),
      warmUp: duration(0, 3_600_000)
        .prefault('60s')
        .meta({ description: "Time after the candidate's first answer in which nothing counts." }),
      action: oneOf(TRIPWIRE_ACTIONS).prefault('hold').meta({
        description: '`hold`: nothing more is promoted until `cutover resume`. `take-back`: the control serves.',
      }),
    }),
    "The candidate of one endpoint is slow more often than 1.2 times as often as the control: slow is what takes longer to its first byte than 95 % (99 %) of the control's last 512 answers. By chance, 1 in 100 at most of candidates that are no slower.",
  ).prefault({}),
  limits: tripwire(
    mapping({
      errorRate: share().exactOptional().meta({ description: 'Share of its requests that the candidate may fail.' }),
      p99: duration(1, 3_600_000)
        .exactOptional()
        .meta({ description: 'Time to the first byte that one of its requests in a hundred may exceed.' }),
      within: within('60s'),
    }),
    'Limits at one endpoint that count whatever the control does, unless the control breaks them as much. One is broken where the window leaves no reasonable doubt (0.1 %).',
  ).prefault('off'),
}).prefault({});

/** What a new candidate version gets at first. */
export const canary = tripwire(
  mapping({
    share: share().prefault('5%').meta({ description: 'Cap on every dial meanwhile. 0% only compares.' }),
    duration: duration(1_000, 30 * DAY_MS)
      .prefault('10m')
      .meta({ description: 'How long the tests must have watched without saying anything against the new version.' }),
    analysis: mapping({
      requests: count(0, 1_000_000_000).prefault(100).meta({
        description:
          'Requests that the candidate must have served meanwhile. Where there was less to judge, nothing returns yet.',
      }),
    })
      .prefault({})
      .meta({
        description: 'What must have been there to judge by. The tests are those of `tripwires` and `evidence`.',
      }),
  }),
  'A canary whenever the candidate runs another version (answer header, `version`, `cutover deploy`): open traffic goes back to the control but for a share. When its time is over without a tripwire, a taking back of an endpoint, or a warning, all of it returns at once; else nothing does, until another version comes or somebody says so (`cutover canary`). Ramps stand still meanwhile; what is pinned or forced is as ever.',
).prefault('off');
