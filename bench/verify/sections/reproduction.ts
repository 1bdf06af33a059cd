import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { comparison, learnedNoise } from '../../../src/api/recording-types.ts';
import { type Mismatch, mismatch, mismatchSummary } from '../../../src/api/types.ts';
import { comparerOf, standardOf } from '../../../src/app/recorded-traffic.ts';
import { reproduce } from '../../../src/app/repro.ts';
import { type Running, startCutover } from '../../../src/app/start.ts';
import { settingsFromUrls } from '../../../src/config/load.ts';
import { BEARER, BUGS, openShop, type Shop, type Visits } from '../reproduction/shop.ts';
import { type BenchSection, percent, type Section, type SectionOptions } from '../section.ts';

/** Pages that can only be had in a visit, by how their address is known. */
const IN_VISIT = ['carts', 'orders', 'checkout', 'list', 'me'] as const;

/**
 * A real Cutover before two real shops that share their visits, of which one has planted faults. Each stored mismatch is then
 * reproduced on two other shops that have nothing in common: as on a laptop. It counts as reproduced where the stored cause shows.
 */
export const reproduction: BenchSection = {
  name: 'reproduction',
  async run({ quick, progress }: SectionOptions): Promise<Section> {
    const dir = await mkdtemp(join(tmpdir(), 'cutover-reproduction-'));
    const together: Visits = { bySession: new Map() };
    const open: Shop[] = [];
    const shop = async (visits: Visits, isWrong: boolean): Promise<Shop> => {
      const opened = await openShop({ visits, isWrong });
      open.push(opened);
      return opened;
    };
    const [control, candidate] = [await shop(together, false), await shop(together, true)];
    const running = await startCutover(
      settingsFromUrls({
        control: [control.url],
        candidate: [candidate.url],
        listen: '127.0.0.1:0',
        apiListen: '127.0.0.1:0',
        dir: join(dir, 'state'),
        logLevel: 'error',
        more: {
          defaults: { mirror: '100%' },
          mirror: { perSecond: 1_000, repeats: { share: '100%', perSecond: 1_000 } },
        },
      }),
    );
    try {
      const stored = await gather(running, quick ? 1 : 3, progress);
      progress(`${stored.length} mismatches stored`);
      const [there, here] = [await shop({ bySession: new Map() }, false), await shop({ bySession: new Map() }, true)];
      return section(await outcomes(running, stored, { control: there.url, candidate: here.url }));
    } finally {
      await running.close();
      await Promise.all(open.map((one) => one.close()));
      await rm(dir, { recursive: true });
    }
  },
};

/** A machine with other work to do confirms fewer mismatches: then people come again, at most so many times. */
const MOST_TURNS = 4;
const PER_ROUND = 30;

async function gather(
  running: Running,
  rounds: number,
  progress: SectionOptions['progress'],
): Promise<readonly Mismatch[]> {
  let stored: readonly Mismatch[] = [];
  for (let turn = 0; turn < MOST_TURNS && stored.length < rounds * PER_ROUND; turn += 1) {
    await visit(running, rounds, progress);
    stored = await mismatches(running);
  }
  return stored;
}

/** Requests of many people, one after the other; what each gets back tells where it goes next. */
async function visit(running: Running, rounds: number, progress: SectionOptions['progress']): Promise<void> {
  const at = `http://127.0.0.1:${running.proxy.port}`;
  const get = async (path: string, headers: Record<string, string> = {}): Promise<Response> => {
    const answer = await fetch(`${at}${path}`, { headers, redirect: 'manual' });
    return answer;
  };
  const read = async (path: string, headers?: Record<string, string>): Promise<void> => {
    await (await get(path, headers)).arrayBuffer();
    await running.settle(5_000);
  };
  for (let round = 0; round < rounds; round += 1) {
    for (let bug = 0; bug < BUGS.length; bug += 1) {
      const n = round * BUGS.length + bug;
      await read(`/products/${n}`);
      await read(`/account/${n}`, { authorization: BEARER });
      // People behind one address look like one person: their visits are mixed.
      const visits = await Promise.all(Array.from({ length: 1 + (round % 2) }, () => beginVisit(get, round)));
      await running.settle(5_000);
      for (const place of IN_VISIT) {
        for (const { cookie, text } of visits) await read(pathIn(place, text, bug), { cookie });
        for (let more = 0; more < round; more += 1) await read(`/products/${n}`);
      }
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
}

type Get = (path: string) => Promise<Response>;

async function beginVisit(get: Get, round: number): Promise<{ readonly cookie: string; readonly text: string }> {
  const begun = await get(`/begin/${round % 2 === 0 ? 'json' : 'page'}`);
  const cookie = (begun.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  return { cookie, text: await begun.text() };
}

/** The address of a page as the first answer of the visit tells it. */
function pathIn(place: (typeof IN_VISIT)[number], text: string, kind: number): string {
  const found = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? 'missing';
  switch (place) {
    case 'carts':
      return `/carts/${found(/(?:"cart":{"id":"|\/carts\/)([0-9a-f-]{36})/)}?kind=${kind}`;
    case 'orders':
      return `/orders/${found(/(?:"order":{"id":|\/orders\/)(\d+)/)}?kind=${kind}`;
    case 'checkout':
      return `/checkout?form_key=${found(/(?:"formKey":"|name="form_key" value=")([0-9a-f]+)/)}&kind=${kind}`;
    case 'list':
      return `/list?cursor=${found(/cursor=([\w-]+)/)}&kind=${kind}`;
    case 'me':
      return `/me?kind=${kind}`;
  }
}

async function ask<T>(running: Running, path: string, type: z.ZodType<T>): Promise<T> {
  const answer = await fetch(`${running.apiUrl}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${running.token}` },
  });
  return type.parse(await answer.json());
}

async function mismatches(running: Running): Promise<readonly Mismatch[]> {
  const page = z.object({ items: z.array(mismatchSummary), next: z.string().exactOptional() });
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const found = await ask(running, `mismatches?limit=200${cursor === undefined ? '' : `&cursor=${cursor}`}`, page);
    ids.push(...found.items.map(({ id }) => id));
    cursor = found.next;
  } while (cursor !== undefined);
  const found: Mismatch[] = [];
  for (const id of ids) found.push(await ask(running, `mismatches/${id}`, mismatch));
  return found;
}

interface Outcome {
  readonly mismatch: Mismatch;
  readonly isSession: boolean;
  readonly isReproduced: boolean;
  readonly said: string;
}

async function outcomes(
  running: Running,
  stored: readonly Mismatch[],
  sides: { readonly control: string; readonly candidate: string },
): Promise<readonly Outcome[]> {
  const noise = await ask(running, 'noise?limit=200', z.object({ items: z.array(learnedNoise) }));
  const standard = standardOf(await ask(running, 'comparison', comparison), noise.items);
  const credentials = new Map([['header:authorization', BEARER]]);
  const found: Outcome[] = [];
  for (const one of stored) {
    const result = await reproduce({
      mismatch: one,
      ...sides,
      credentials,
      comparer: comparerOf(standard, one.endpoint),
    });
    found.push({
      mismatch: one,
      // By what the request is, not by what was stored of it.
      isSession: !/^\/(?:products|account|begin)\//.test(one.target),
      isReproduced: result.verdict === 'mismatch' && result.sameCause,
      said: `${result.verdict}${result.reason === undefined ? '' : ` (${result.reason})`}${result.missingSecrets.length === 0 ? '' : `, lacks ${result.missingSecrets.join(', ')}`}`,
    });
  }
  return found;
}

function section(found: readonly Outcome[]): Section {
  const row = (figure: string, list: readonly Outcome[], target: number) => {
    const hits = list.filter(({ isReproduced }) => isReproduced).length;
    return {
      figure: `${figure}, ${list.length} mismatches`,
      value: percent(hits, list.length),
      target: `≥ ${target} %`,
      met: list.length > 0 && hits * 100 >= list.length * target,
    };
  };
  const missed = found.filter(({ isReproduced }) => !isReproduced);
  return {
    title: 'Stored mismatches made again on servers that share nothing with those they were found on',
    rows: [
      row(
        'stateless requests reproduced',
        found.filter(({ isSession }) => !isSession),
        95,
      ),
      row(
        'requests of a session reproduced',
        found.filter(({ isSession }) => isSession),
        80,
      ),
    ],
    tables: [
      {
        title: 'Not reproduced',
        columns: ['request', 'what was found instead'],
        rows: missed.slice(0, 20).map(({ mismatch: { method, target }, said }) => [`${method} ${target}`, said]),
      },
    ],
  };
}
