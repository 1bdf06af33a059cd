import { FAULTS, type Fault, type FleetOutcome, FleetWorld } from '../../../test/support/fleet-world.ts';
import { Seeded } from '../../../test/support/seeded.ts';
import type { BenchSection, Row, Section, SectionOptions, Table } from '../../verify/section.ts';

const ROUNDS = { quick: FAULTS.length, whole: 1_000 } as const;
const TOLD_EVERY = 10;
/** Of each kind of what must not be, as many are told. */
const MAX_TOLD = 20;

/**
 * Controllers and the store are killed and cut off, one fault after the other in one world that goes on, while clients of
 * every proxy never stop and somebody decides all the time. A SIGTERM ends it early, and its ledger tells what was done until then.
 */
export const faults: BenchSection = {
  name: 'faults',
  async run({ seed, quick, faults: asked, progress }: SectionOptions): Promise<Section> {
    const rounds = asked ?? (quick ? ROUNDS.quick : ROUNDS.whole);
    const chance = new Seeded(seed);
    const world = await FleetWorld.start();
    const stop = { isAsked: false };
    const onSignal = (): void => {
      stop.isAsked = true;
    };
    process.once('SIGTERM', onSignal);
    try {
      let done = 0;
      let rest: Fault[] = [];
      while (done < rounds && !stop.isAsked) {
        if (rest.length === 0) rest = [...FAULTS];
        const [fault] = rest.splice(chance.below(rest.length), 1);
        if (fault !== undefined) await world.suffer(fault);
        done += 1;
        if (done % TOLD_EVERY === 0) progress(`${done} of ${rounds} faults; ${told(world)}`);
      }
      const outcome = await world.finish();
      return {
        title: `${done} faults: two controllers, three proxies and PostgreSQL on one machine (seed ${seed})`,
        rows: rowsOf(outcome, done, rounds),
        tables: [healed(outcome), ...wrongs(outcome)],
      };
    } finally {
      process.off('SIGTERM', onSignal);
      await world.close();
    }
  },
};

function told(world: FleetWorld): string {
  const { acknowledged, rollbacks, requests, wrong } = world.tally();
  return `${requests} requests, ${acknowledged} decisions and ${rollbacks} rollbacks acknowledged, ${wrong} wrong`;
}

function rowsOf(outcome: FleetOutcome, done: number, rounds: number): Row[] {
  const none = (figure: string, found: readonly string[]): Row => ({
    figure,
    value: String(found.length),
    target: '0',
    met: found.length === 0,
  });
  const { acknowledged, rollbacks, requests, byCandidate, terms } = outcome;
  return [
    { figure: 'faults', value: String(done), target: String(rounds), met: done >= rounds },
    none(
      `acknowledged decisions lost, of ${acknowledged} and ${rollbacks} rollbacks, in ${terms} terms`,
      outcome.lostDecisions,
    ),
    none('requests served by the candidate without a proof that is demanded', outcome.servedWithoutProof),
    none('requests served by the candidate after every proxy had acknowledged a rollback', outcome.servedUnderLatch),
    none(`client errors, of ${requests} requests, ${byCandidate} by the candidate`, outcome.clientErrors),
    none('breaks in the chain of the journal', outcome.brokenJournal === undefined ? [] : [outcome.brokenJournal]),
  ];
}

function healed({ healedMs }: FleetOutcome): Table {
  return {
    title: 'Milliseconds from a fault until somebody leads and every proxy obeys: median (most)',
    columns: ['fault', 'times', 'median', 'most'],
    rows: FAULTS.map((fault) => {
      const times = healedMs.filter((one) => one.fault === fault).map(({ ms }) => ms);
      const middle = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
      return [fault, String(times.length), middle.toFixed(0), Math.max(0, ...times).toFixed(0)];
    }),
  };
}

/** What must not be, where it was. */
function wrongs(outcome: FleetOutcome): Table[] {
  const { clientErrors, servedWithoutProof, servedUnderLatch, lostDecisions } = outcome;
  const found = Object.entries({ clientErrors, servedWithoutProof, servedUnderLatch, lostDecisions });
  const rows = found.flatMap(([kind, list]) => list.slice(0, MAX_TOLD).map((what) => [kind, what]));
  return rows.length === 0 ? [] : [{ title: 'What must not be', columns: ['kind', 'what'], rows }];
}
