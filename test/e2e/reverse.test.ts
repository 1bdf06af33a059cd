import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { type CutoverProcess, eventually, startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import type { SideReport } from '../support/side-process.ts';

const SIDE = new URL('../support/side-process.ts', import.meta.url);
const PRODUCTS = 20;
const WRONG = [5, 10, 15, 20].map((id) => `/products/${id}`);

/** A side as a process; it ends with the test. */
async function startSide(side: 'control' | 'candidate') {
  const child = fork(SIDE, [side], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  });
  const hear = async (): Promise<unknown> => ((await once(child, 'message')) as unknown[])[0];
  return {
    url: String(await hear()),
    report: async (): Promise<SideReport> => {
      const heard = hear();
      child.send('report');
      return (await heard) as SideReport; // it says nothing else by now
    },
  };
}

interface Answered {
  readonly side: string | null;
  readonly cookie: string;
  readonly body: Record<string, unknown>;
}

async function ask(cutover: CutoverProcess, path: string, cookie = ''): Promise<Answered> {
  const answer = await fetch(`http://127.0.0.1:${cutover.proxyPort}${path}`, {
    headers: cookie === '' ? {} : { cookie },
  });
  return {
    side: answer.headers.get('x-side'),
    cookie: answer.headers.getSetCookie()[0]?.split(';')[0] ?? '',
    body: (await answer.json()) as Record<string, unknown>,
  };
}

async function counted(cutover: CutoverProcess): Promise<number> {
  const { verdicts, unverified } = await cutover.status();
  return [...Object.values(verdicts), ...Object.values(unverified)].reduce((sum, count) => sum + count, 0);
}

interface Told {
  readonly direction: string;
  readonly target: string;
  readonly differences: readonly { readonly path: string; readonly control: string; readonly candidate: string }[];
}

async function mismatches(cutover: CutoverProcess): Promise<readonly Told[]> {
  const { items } = (await cutover.api('GET', '/api/v1/mismatches?limit=200')).body as {
    readonly items: readonly Told[];
  };
  return items;
}

/** Pages that only the cookie of a session opens. */
async function basketMatches(cutover: CutoverProcess): Promise<number> {
  const { items } = (await cutover.api('GET', '/api/v1/endpoints?limit=200')).body as {
    readonly items: readonly { readonly endpoint: string; readonly verdicts: { readonly match: number } }[];
  };
  return items
    .filter(({ endpoint }) => endpoint.startsWith('GET /baskets/'))
    .reduce((sum, { verdicts }) => sum + verdicts.match, 0);
}

test('where the candidate serves, the control is mirrored: sessions of its own too, and what differs is told as reverse', async () => {
  const [control, candidate] = [await startSide('control'), await startSide('candidate')];
  const cutover = await startCutover(
    writeConfig(
      tempFolder(),
      { control: control.url, candidate: candidate.url },
      {
        defaults: { dial: '100%', proof: 'none', mirror: '100%' },
        sessions: { own: ['cookie:sid'] },
        mirror: { perSecond: 1_000, concurrency: 100, repeats: { share: '100%', perSecond: 1_000 } },
        // It is wrong on purpose, and shall go on serving.
        tripwires: { candidateFailures: 'off', hardDown: 'off', reverseMismatch: 'off' },
      },
    ),
  );

  // On a machine with other work copies are shed; then people come again.
  const answers: Answered[] = [];
  await eventually(
    'every wrong price and some baskets are compared',
    async () => {
      for (let id = 1; id <= PRODUCTS; id += 1) answers.push(await ask(cutover, `/products/${id}`));
      const begun = await ask(cutover, '/begin');
      const me = await ask(cutover, '/me', begun.cookie);
      const seen = await ask(cutover, `/baskets/${String(me.body['basketId'])}`, begun.cookie);
      expect(seen.body).toEqual({ basketId: me.body['basketId'], items: 3 });
      answers.push(begun, me, seen);
      await eventually('what was asked is told of', async () => (await counted(cutover)) >= answers.length);
      const targets = new Set((await mismatches(cutover)).map(({ target }) => target));
      return targets.size >= WRONG.length && (await basketMatches(cutover)) >= 2;
    },
    150_000,
  );

  // I1: clients have what the candidate said, right or wrong, and nothing of the control's.
  expect(new Set(answers.map(({ side }) => side))).toEqual(new Set(['candidate']));
  expect(answers[4]?.body).toEqual({ id: 5, price: 51 });
  const found = await mismatches(cutover);
  expect([...new Set(found.map(({ target }) => target))].sort()).toEqual([...WRONG].sort());
  for (const { direction, differences } of found) {
    expect(direction).toBe('reverse');
    const [{ path, control: right, candidate: wrong } = { path: '', control: '', candidate: '' }] = differences;
    expect(path).toBe('body/price');
    expect(Number(wrong)).toBe(Number(right) + 1);
  }
  // Each copy reached the control, under its own names: no cookie of the candidate's ever did.
  const reports = [await control.report(), await candidate.report()];
  expect(reports.map(({ foreign }) => foreign)).toEqual([0, 0]);
  expect(reports[0]?.requests).toBeGreaterThan(WRONG.length);
  expect(await cutover.stop()).toMatchObject({ code: 0 });
});
