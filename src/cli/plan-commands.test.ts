import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CliRun, runCli } from '../../test/support/cli.ts';
import { type Origin, startOrigin } from '../../test/support/proxy-rig.ts';
import { planPreview, planRevision, planRevisionText, planTaken } from '../api/plan-types.ts';
import { status } from '../api/types.ts';
import { fileOrigin, settingsIn } from '../app/plan-origin.ts';
import { type Running, startCutover } from '../app/start.ts';

/*
 * A Cutover that really runs, started with a file, and the commands that look at its plan and change it.
 */

let dir: string;
let sides: Origin[];
let running: Running;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cutover-cli-plan-'));
  sides = await Promise.all([1, 2].map(() => startOrigin((_, response) => response.end('the same'))));
  write('cutover.yaml');
  const origin = fileOrigin(join(dir, 'cutover.yaml'), {}, (settings) => settings);
  running = await startCutover(settingsIn(origin), { origin });
});
afterEach(async () => {
  await running.close();
  for (const side of sides) await side.close();
  rmSync(dir, { recursive: true });
});

/** Writes a plan: the one that runs, with other values for some keys. Gives its path. */
function write(name: string, more: Readonly<Record<string, unknown>> = {}): string {
  const [control, candidate] = sides;
  const file = join(dir, name);
  const plan = {
    listen: '127.0.0.1:0',
    api: { listen: '127.0.0.1:0' },
    control: { url: control?.url },
    candidate: { url: candidate?.url },
    identity: { tenant: 'host', subject: { header: 'x-user' } },
    store: { dir: 'state' },
    log: { level: 'error' },
    defaults: { proof: 'none', dial: '5%' },
    ...more,
  };
  writeFileSync(file, JSON.stringify(plan, undefined, 2)); // JSON is YAML
  return file;
}

function cutover(...args: readonly string[]): Promise<CliRun> {
  return runCli(args, { env: { CUTOVER_DIR: join(dir, 'state') }, cwd: dir });
}

/** What a command prints for machines. */
async function json(...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await cutover(...args, '--output', 'json');
  expect([0, 3], stderr).toContain(code);
  return JSON.parse(stdout);
}

async function ask(host: string, path: string, times: number): Promise<void> {
  for (let user = 0; user < times; user += 1)
    await new Promise<void>((resolve, reject) => {
      const headers = { host, 'x-user': `user-${user}` };
      const sent = request({ host: '127.0.0.1', port: running.proxy.port, path, headers, agent: false }, (response) => {
        response.resume();
        response.on('end', resolve);
      });
      sent.on('error', reject);
      sent.end();
    });
  await running.settle(10_000);
}

const served = async () => {
  const { control, candidate } = status.parse(await json('status')).served;
  return control + candidate;
};

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await holds())) if (performance.now() > end) throw new Error(`Never: ${what}`);
}

describe('plan', () => {
  test('tells who moves which way before anything does: 3; after apply nothing differs: 0', async () => {
    await ask('acme.example', '/orders', 40);
    await ask('beta.example', '/carts', 10);
    await until('all 50 requests are counted', async () => (await served()) === 50);
    const next = write('next.yaml', {
      defaults: { proof: 'none', dial: '20%' },
      force: { control: { tenants: ['beta.example'] } },
    });
    const run = await cutover('plan', 'next.yaml', '--output', 'json');
    expect(run).toMatchObject({ code: 3, stderr: '' });
    const preview = planPreview.parse(JSON.parse(run.stdout));
    expect(preview).toMatchObject({
      differs: true,
      revision: 1,
      restart: [],
      changes: [
        { what: 'dial', scope: 'all', before: '5%', after: '20%' },
        { what: 'force control tenants', scope: 'beta.example', before: null, after: 'forced' },
      ],
      newEpoch: false,
      movement: {
        cells: 2,
        tenants: 2,
        seen: { cells: 2, tenants: 2, requests: 50 },
        // 40 of 50 requests, of which 15 % more; 10 of 50, of which 5 % no longer.
        toCandidatePpm: 120_000,
        toControlPpm: 10_000,
        // The mean over both cells.
        subjects: { toCandidatePpm: 75_000, toControlPpm: 25_000 },
        isDealtAnew: false,
      },
      unproven: { cells: 0 },
    });
    const text = await cutover('plan', 'next.yaml');
    expect(text.code).toBe(3);
    expect(text.stdout).toContain('- dial all: 5%\n+ dial all: 20%\n');
    expect(text.stdout).toContain('2 of 2 cells move, of 2 of 2 tenants:\n');
    // Looking has changed nothing.
    expect(status.parse(await json('status')).plan.revision).toBe(1);

    expect(await cutover('apply', next)).toMatchObject({ code: 0, stderr: '' });
    const after = await cutover('plan', 'next.yaml');
    expect(after).toMatchObject({ code: 0, stderr: '' });
    expect(after.stdout).toBe('Nothing changes: next.yaml says what plan revision 2 does.\n');
    // The file that it was started with is the default, and says something else now.
    expect(await cutover('plan')).toMatchObject({ code: 3, stderr: '' });
  }, 60_000);

  test('a proof that is demanded anew: names what closes, and what each cell lacks', async () => {
    await ask('acme.example', '/orders', 3);
    await until('all 3 requests are counted', async () => (await served()) === 3);
    write('next.yaml', { defaults: { proof: 'cell', dial: '5%' } });
    const preview = planPreview.parse(await json('plan', 'next.yaml'));
    expect(preview.movement).toMatchObject({ cells: 1, toControlPpm: 50_000, toCandidatePpm: 0 });
    expect(preview.unproven).toMatchObject({
      cells: 1,
      first: [{ tenant: 'acme.example', endpoint: 'GET /orders', closes: true }],
    });
    expect(preview.unproven.first[0]?.missing).toMatch(/clean comparisons/);
    expect((await cutover('plan', 'next.yaml')).stdout).toContain('1 cell lacks proof under it');
  }, 60_000);

  test('another rule begins an epoch; a key of the start is told with its place', async () => {
    const rules = [{ name: 'r', ignore: 'body/at', reason: 'a clock' }];
    write('next.yaml', { compare: { rules }, limits: { headers: 50 }, notify: [] });
    const preview = planPreview.parse(await json('plan', 'next.yaml'));
    expect(preview).toMatchObject({ differs: true, newEpoch: true, sections: ['compare'], movement: { cells: 0 } });
    expect(preview.restart).toEqual([expect.stringMatching(/^next\.yaml:\d+:\d+: limits: /)]);
    const { stdout } = await cutover('plan', 'next.yaml');
    expect(stdout).toContain('Nobody moves: 0 of 0 cells seen.');
    expect(stdout).toContain('this needs a restart');
  }, 60_000);

  test('what a rollback, a freeze or a lock stands against is told before apply refuses it', async () => {
    write('cutover.yaml', { locked: [{ endpoint: 'GET /carts', reason: 'audit' }] });
    await running.reload();
    write('next.yaml', { defaults: { proof: 'none', dial: '20%' }, locked: [] });
    const preview = planPreview.parse(await json('plan', 'next.yaml'));
    expect(preview.refusal).toMatchObject({ ofFile: false, message: expect.stringContaining('GET /carts is locked') });
    expect((await cutover('plan', 'next.yaml')).stdout).toContain(
      'cutover apply would refuse it; the file itself is taken.',
    );
    const apply = await cutover('apply', 'next.yaml');
    expect(apply).toMatchObject({ code: 1, stdout: '' });
    expect(apply.stderr).toContain('next.yaml was refused. It lifts a lock: GET /carts is locked by the plan (audit).');
    const raise = await cutover('dial', '20%', '--endpoint', 'GET /carts');
    expect(raise).toMatchObject({ code: 1, stdout: '' });
    expect(raise.stderr).toContain('GET /carts is locked by the plan (audit)');
    expect(await cutover('dial', '1%', '--endpoint', 'GET /carts')).toMatchObject({ code: 0 });

    await cutover('rollback', '--endpoint', 'GET /orders', '--reason', 'wrong totals');
    const listed = { endpoints: [{ match: 'GET /{page}' }], locked: [{ endpoint: 'GET /carts', reason: 'audit' }] };
    write('next.yaml', listed);
    expect(planPreview.parse(await json('plan', 'next.yaml')).refusal).toMatchObject({
      ofFile: true,
      message: expect.stringContaining('GET /{page} would be the name of some of it'),
    });
    expect((await cutover('apply', 'next.yaml')).stderr).toContain('It would take requests from under a rollback');

    await cutover('freeze', '--until', '4h', '--reason', 'sale');
    write('next.yaml', {
      defaults: { proof: 'none', dial: '20%' },
      locked: [{ endpoint: 'GET /carts', reason: 'audit' }],
    });
    expect((await cutover('apply', 'next.yaml')).stderr).toMatch(
      /It raises traffic while frozen until .* \(by hand\): all: the dial from 5% to 20%/,
    );
    expect(status.parse(await json('status')).plan.revision).toBe(2);
  }, 60_000);

  test('a wrong file, none, or a word too many: 2; nothing that runs: 1', async () => {
    writeFileSync(join(dir, 'wrong.yaml'), 'control: { url: "http://127.0.0.1:1" }\ndefaults: { dial: 7 }\n');
    const wrong = await cutover('plan', 'wrong.yaml');
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('wrong.yaml has 2 problems.\n');
    expect(wrong.stderr).toContain('wrong.yaml:2:19: defaults.dial');
    const none = await cutover('plan', 'nowhere.yaml');
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toContain('The configuration nowhere.yaml does not exist.');
    expect(await cutover('plan', 'cutover.yaml', 'next.yaml')).toMatchObject({ code: 2, stdout: '' });
    const alone = await cutover('plan', '--dir', join(dir, 'elsewhere'));
    expect(alone).toMatchObject({ code: 1, stdout: '' });
    expect(alone.stderr).toContain('No running Cutover is known in');
  }, 60_000);
});

describe('apply, revisions and revert', () => {
  test('apply puts a text in force as a revision with its reason, and the file it began with differs: 0', async () => {
    const next = write('next.yaml', { defaults: { proof: 'none', dial: '30%' } });
    const run = await cutover('apply', next, '--reason', 'more for all');
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain(`${next} is in force, as plan revision 2.\n`);
    expect(run.stdout).toMatch(/cutover\.yaml says something else: it counts again when it changes\.\n$/);
    const { plan } = status.parse(await json('status'));
    expect(plan).toMatchObject({ revision: 2, from: 'apply', reason: 'more for all', file: { state: 'differs' } });
    expect(await cutover('apply', next)).toMatchObject({
      code: 0,
      stdout: 'Nothing to do: that is plan revision 2, which is in force.\n',
    });
    expect(planTaken.parse(await json('apply', next))).toMatchObject({ isNew: false, plan: { revision: 2 } });
  }, 60_000);

  test('apply of a key of the start applies nothing, and names it with its place: 1', async () => {
    const next = write('next.yaml', { limits: { headers: 50 }, defaults: { proof: 'none', dial: '30%' } });
    const run = await cutover('apply', next);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain('next.yaml was not applied, nothing of it: only a restart can change limits.\n');
    expect(run.stderr).toMatch(/next\.yaml:\d+:\d+: limits: /);
    expect(run.stderr).toContain('cutover plan shows what the rest would do.');
    expect(status.parse(await json('status')).plan.revision).toBe(1);
  }, 60_000);

  test('apply of a wrong file or none: 2; over a revision that is not in force: 1; nothing changes', async () => {
    writeFileSync(join(dir, 'wrong.yaml'), 'nothing: 1\n');
    const wrong = await cutover('apply', 'wrong.yaml');
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('wrong.yaml:1:1: nothing');
    const none = await cutover('apply', 'nowhere.yaml');
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toContain('Name a file that is there');
    expect(none.stderr).not.toContain('-c');
    const next = write('next.yaml', { defaults: { proof: 'none', dial: '30%' } });
    const stale = await cutover('apply', next, '--if-revision', '7');
    expect(stale).toMatchObject({ code: 1, stdout: '' });
    expect(stale.stderr).toContain('The plan in force is revision 1');
    expect(status.parse(await json('status')).plan.revision).toBe(1);
    expect(await cutover('apply', next, '--if-revision', '1')).toMatchObject({ code: 0, stderr: '' });
  }, 60_000);

  test('revisions lists who and why, newest first; show tells what one changed; revert goes back: 0', async () => {
    await cutover('apply', write('next.yaml', { defaults: { proof: 'none', dial: '30%' } }), '--reason', 'try it');
    const listed = (await json('revisions')) as unknown[]; // each is parsed below
    expect(listed.map((one) => planRevision.parse(one))).toMatchObject([
      { revision: 2, from: 'apply', name: 'next.yaml', reason: 'try it', inForce: true },
      { revision: 1, from: 'file', inForce: false },
    ]);
    expect((await cutover('revisions')).stdout).toContain('applied next.yaml');
    const shown = await cutover('revisions', 'show', '2');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain('-     "dial": "5%"\n+     "dial": "30%"\n');
    expect(planRevisionText.parse(await json('revisions', 'show', '2')).before).toMatchObject({ revision: 1 });

    const back = await cutover('revert', '1', '--reason', 'it was too much');
    expect(back).toMatchObject({ code: 0, stderr: '' });
    expect(back.stdout).toContain('The plan of revision 1 is in force again, as revision 3.');
    expect(status.parse(await json('status')).plan).toMatchObject({ revision: 3, from: 'revert', of: 1 });
    expect(await cutover('plan')).toMatchObject({ code: 0, stderr: '' });
  }, 60_000);

  test('a revision that is not there, is none, or is in force already: 1, 2, 1', async () => {
    const unknown = await cutover('revert', '9');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toContain('There is no revision 9');
    expect(await cutover('revisions', 'show', '9')).toMatchObject({ code: 1, stdout: '' });
    expect(await cutover('revert', 'last')).toMatchObject({ code: 2, stdout: '' });
    expect(await cutover('revert')).toMatchObject({ code: 2, stdout: '' });
    const present = await cutover('revert', '1');
    expect(present).toMatchObject({ code: 1, stdout: '' });
    expect(present.stderr).toContain('Revision 1 is in force already.');
  }, 60_000);
});
