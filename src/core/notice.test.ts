import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CellKey, EndpointId, TenantId } from './cell.ts';
import { applyCommand, type Command, restoreState, type TableBase } from './control-state.ts';
import { clusterNotice, makeNotice, type Notice, noticesOf, rollbackNotice } from './notice.ts';
import { slackBody, webhookBody } from './notice-body.ts';
import { PPM } from './routing.ts';

const acme = 'acme' as TenantId;
const a = 'GET /a' as EndpointId;
const cell = (name: string) => `${name} GET /a` as CellKey;
const nobody = { tenants: [], endpoints: [] };
const base: TableBase = {
  force: { control: nobody, candidate: nobody },
  cohorts: {},
  defaults: {
    proof: 'endpoint',
    maxPpm: PPM,
    writes: false,
    acts: false,
    sharedValidators: false,
    salt: 's',
    mirrorPpm: 0,
    retired: false,
  },
  endpoints: [],
  dials: [{ scope: {}, dialPpm: 0 }],
};

/** What the last of some commands, carried out by the real machine, tells. */
function told(actor: string, ...commands: Command[]): readonly Notice[] {
  let state = restoreState(new Map(), base);
  let notices: readonly Notice[] = [];
  for (const command of commands) {
    const done = applyCommand(state, command, { actor, reason: 'because.', at: 5 });
    if (!done.ok) throw new Error(done.message);
    state = done.state;
    notices = noticesOf({ sequence: 1, hash: '', ...done.journal });
  }
  return notices;
}

const open = (...names: string[]): Command => ({
  kind: 'cells.set',
  cells: names.map((name) => [cell(name), 'open'] as const),
});
const many = Array.from({ length: 250 }, (_, index) => `t${index}`);

describe('an entry of the journal', () => {
  test.each<readonly [string, string, readonly Command[], readonly (readonly [string, string])[]]>([
    [
      'a dial that a person turns',
      'cli:ann',
      [{ kind: 'dial.set', scope: {}, dialPpm: 50_000 }],
      [['step', 'Dial set: all 0% → 5%']],
    ],
    [
      'a dial that falls',
      'controller',
      [
        { kind: 'dial.set', scope: { endpoint: a }, dialPpm: 50_000 },
        { kind: 'cells.set', cells: [], dials: [{ scope: { endpoint: a }, dialPpm: 0 }] },
      ],
      [['step', 'Dial lowered: GET /a 5% → 0%']],
    ],
    ['one cell that opens', 'controller', [open('acme')], [['opened', 'Opened: acme GET /a']]],
    ['many cells that open', 'controller', [open(...many)], [['opened', '250 cells opened']]],
    [
      'a proof that is renewed moves nobody',
      'controller',
      [
        { kind: 'cells.set', cells: [[cell('acme'), 'renewing']] },
        { kind: 'cells.set', cells: [[cell('acme'), 'open']] },
      ],
      [],
    ],
    [
      'cells that close, but not those that gathered evidence before and do after',
      'controller',
      [
        open('acme', 'globex'),
        {
          kind: 'cells.set',
          cells: [
            [cell('acme'), 'closed'],
            [cell('new'), 'observing'],
            [cell('globex'), 'renewing'],
          ],
        },
      ],
      [['closed', 'Closed: acme GET /a']],
    ],
    [
      'a tripwire tells itself, not the cells it closes',
      'tripwire:hard-down',
      [
        open('acme', 'globex'),
        {
          kind: 'cells.set',
          cells: [
            [cell('acme'), 'closed'],
            [cell('globex'), 'closed'],
          ],
        },
      ],
      [['tripwire', 'Tripwire hard-down went off: 2 cells']],
    ],
    ['a rollback was told when it took effect', 'cli:ann', [{ kind: 'rollback', scope: {} }], []],
    [
      'a latch that is lifted',
      'cli:ann',
      [
        { kind: 'rollback', scope: { tenant: acme } },
        { kind: 'unlatch', scope: { tenant: acme } },
      ],
      [['rollback', 'Rollback lifted: tenant acme']],
    ],
    ['a hold', 'cli:ann', [{ kind: 'hold', scope: { endpoint: a } }], [['hold', 'Held: GET /a']]],
    [
      'the end of a hold',
      'cli:ann',
      [
        { kind: 'hold', scope: {} },
        { kind: 'resume', scope: {} },
      ],
      [['hold', 'Goes on: all']],
    ],
    ['a pin', 'cli:ann', [{ kind: 'pin.set', id: 'p', scope: {}, side: 'control' }], [['pin', 'Pinned: all']]],
    [
      'a deployment',
      'api',
      [{ kind: 'deploy', side: 'candidate', version: '2.4.0' }],
      [['deploy', 'The candidate runs 2.4.0']],
    ],
    ['what was loaded', 'config', [{ kind: 'config.load', base }], []],
    ['what was purged', 'cli:ann', [{ kind: 'purge', tenant: acme }], []],
  ])('%s', (_, actor, commands, expected) => {
    expect(told(actor, ...commands).map(({ kind, title }) => [kind, title])).toEqual(expected);
  });

  test('names the first ten cells and counts the rest', () => {
    const [notice] = told('controller', open(...many));
    expect(notice).toMatchObject({ count: 250, actor: 'controller', reason: 'because.' });
    expect(notice?.names).toHaveLength(10);
    expect(notice?.text).toContain('t0 GET /a, t1 GET /a');
    expect(notice?.text).toContain('and 240 more. By controller: because.');
  });
});

test('a rollback of a tripwire is told as what it is', () => {
  const rollback = { scope: 'GET /a', actor: 'tripwire:hard-down', reason: 'refused', revision: 4 };
  expect(rollbackNotice(rollback, 7)).toMatchObject({ kind: 'tripwire', title: 'Rolled back: GET /a', revision: 4 });
  expect(rollbackNotice({ ...rollback, actor: 'cli:ann', scope: 'all' }, 7).kind).toBe('rollback');
});

describe('a body', () => {
  const cluster = { id: 'c1', endpoint: a, pathPattern: 'body/total', kind: 'value', firstVersion: 'v2' } as const;

  test('of a webhook says everything, and leaves out evidence that is too long', () => {
    const notice = clusterNotice(cluster, 9);
    expect(JSON.parse(webhookBody({ id: 'n1', notice }))).toEqual({
      id: 'n1',
      kind: 'cluster',
      at: 9,
      title: 'New difference: body/total (value) at GET /a',
      text: 'First seen in candidate v2. See it: cutover cluster c1',
      scope: 'GET /a',
      actor: 'controller',
      reason: '',
      revision: null,
      count: 1,
      evidence: { cluster: 'c1', path: 'body/total', kind: 'value', firstVersion: 'v2' },
    });
    const long = { ...notice, evidence: 'x'.repeat(20_000) };
    expect(JSON.parse(webhookBody({ id: 'n1', notice: long }))).not.toHaveProperty('evidence');
  });

  test('of Slack holds no link, no mention and nothing hidden, whatever a tenant calls itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (name) => {
        const given = `<!channel> <http://x|y> & @all\u202e\u0007 ${name}`;
        const notice = makeNotice({ kind: 'opened', at: 1, title: given, text: given, scope: given });
        const body = slackBody({ id: 'n1', notice });
        const texts = [...body.matchAll(/"text":"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text ?? '');
        expect(texts.length).toBeGreaterThanOrEqual(4);
        for (const text of texts) {
          expect(text).not.toMatch(/[<>\u202e]|\\u0007|&(?!amp;|lt;|gt;)|@(?!\u200b)/);
        }
      }),
    );
  });
});

test('texts are cut to their bounds and stay whole characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
      const { title } = makeNotice({ kind: 'hold', at: 1, title: text });
      expect(title.length).toBeLessThanOrEqual(200);
      const halves = (one: string) => /\p{Surrogate}/u.test(one);
      expect(halves(title) && !halves(text)).toBe(false);
    }),
  );
});
