import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeChain } from '../../test/support/certificates.ts';
import { type Cuttable, cuttable } from '../../test/support/cuttable.ts';
import type { CellKey, EndpointId, Side, TenantId } from '../core/cell.ts';
import { CellStates } from '../core/cell-states.ts';
import type { KeptTable } from '../core/fleet/kept-table.ts';
import type { Log, ServedRecord } from '../core/ports.ts';
import type { Latch, TableData } from '../core/routing.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLog } from '../telemetry/log.ts';
import { type Certificate, Hub, type HubWork } from './hub.ts';
import { Member, type MemberOptions } from './member.ts';
import type { Report } from './messages.ts';

const TOKEN = 'a'.repeat(64);
const WAIT = { timeout: 30_000, interval: 10 };
const LISTEN = { host: '127.0.0.1', port: 0 };
const NOBODY = { tenants: [], endpoints: [] };
let lines: string[];
const log: Log = createLog({ level: 'info', write: (line) => lines.push(line) });
let ends: (() => unknown)[];

beforeEach(() => {
  lines = [];
  ends = [];
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
});

function table(revision: number, more: Partial<TableData> = {}): TableData {
  return {
    revision,
    madeAt: revision,
    latches: [],
    force: { control: NOBODY, candidate: NOBODY },
    pins: [],
    cohorts: {},
    dials: [],
    defaults: {
      proof: 'none',
      maxPpm: 1_000_000,
      writes: false,
      acts: false,
      sharedValidators: false,
      salt: 's',
      mirrorPpm: 0,
      retired: false,
    },
    endpoints: [],
    cells: CellStates.EMPTY,
    ...more,
  };
}

interface HubRig {
  readonly hub: Hub;
  readonly url: string;
  readonly port: number;
  readonly reports: Report[];
  readonly latches: Latch[];
  readonly work: HubWork;
}

async function controller(id: string, certificate?: Certificate): Promise<HubRig> {
  const tls = certificate === undefined ? {} : { certificate };
  const hub = new Hub({ ...tls, listen: LISTEN, token: TOKEN, clock: systemClock, log, id });
  const { port } = await hub.listen();
  ends.push(() => hub.close());
  const reports: Report[] = [];
  const latches: Latch[] = [];
  const recorded = new Map<string, Side>();
  const work: HubWork = {
    report: (report) => void reports.push(report),
    keys: (keys) =>
      Promise.resolve(
        keys.map(({ hash, side }) => {
          const first = recorded.get(hash) ?? side;
          recorded.set(hash, first);
          return first;
        }),
      ),
    latch: (_, latch) => {
      latches.push(latch);
      return Promise.resolve(true);
    },
    needs: () => undefined,
  };
  return {
    hub,
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    reports,
    latches,
    work,
  };
}

interface MemberRig {
  readonly member: Member;
  readonly obeyed: TableData[];
}

function proxy(name: string, controllers: readonly string[], more: Partial<MemberOptions> = {}): MemberRig {
  const obeyed: TableData[] = [];
  const kept: KeptTable = { term: 0, began: 0, table: table(0), own: [] };
  const member = new Member({
    controllers,
    token: TOKEN,
    clock: systemClock,
    log,
    kept,
    hello: () => ({ name, id: name, role: 'proxy', version: '1', startedAt: 0, door: `http://${name}` }),
    alive: () => ({
      outstanding: { control: 0, candidate: 0 },
      cachedForSeconds: 0,
      plan: { hash: '', trouble: '' },
    }),
    onTable: (inForce) => obeyed.push(inForce),
    onNeeds: () => undefined,
    ...more,
  });
  member.start();
  ends.push(() => member.close());
  return { member, obeyed };
}

const joined = (hub: Hub, count: number) =>
  expect.poll(() => hub.members().filter(({ connected }) => connected).length, WAIT).toBe(count);
const revisionOf = ({ member }: MemberRig): number => member.kept.table.revision;

function record(at: number): ServedRecord {
  return {
    at,
    tenant: 'acme' as TenantId,
    endpoint: 'GET /a' as EndpointId,
    origin: 'found',
    decision: {
      side: 'control',
      reason: 'no-dial',
      endpoint: 'GET /a' as EndpointId,
      rule: '',
      bucket: 1,
      dialPpm: 0,
      revision: 1,
    } as unknown as ServedRecord['decision'],
    servedBy: 'control',
    method: 'GET',
    status: 200,
    failedOver: false,
    failure: undefined,
    durationMs: 1,
    upstreamMs: 1,
    overheadMs: 0,
    clientAborted: false,
  };
}

describe('a table', () => {
  test('reaches every member, cell by cell, and each says that it obeys', async () => {
    const { hub, url, work } = await controller('c');
    hub.lead(1, 0, work);
    const members = ['a', 'b', 'c'].map((name) => proxy(name, [url]));
    await joined(hub, 3);
    const key = 'acme GET /a' as CellKey;
    const first = table(1, { cells: CellStates.of([[key, 'open']]) });
    hub.publish(first);
    const one = await hub.acknowledged(1, 20_000);
    expect(one).toMatchObject({ missing: [], acknowledged: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] });
    hub.publish({ ...first, revision: 2, cells: first.cells.with([[key, 'closed']]) });
    expect((await hub.acknowledged(2, 20_000)).missing).toEqual([]);
    for (const { obeyed } of members) {
      expect(obeyed[0]?.cells.get(key)).toBe('open');
      expect(obeyed.at(-1)).toMatchObject({ revision: 2 });
      expect(obeyed.at(-1)?.cells.get(key)).toBe('closed');
    }
  });

  test('is obeyed by a member that joins later, and one that is away is named', async () => {
    const { hub, url, work } = await controller('c');
    hub.lead(1, 0, work);
    hub.publish(table(5));
    const here = proxy('here', [url]);
    const line = await cuttable(Number(new URL(url).port));
    ends.push(() => line.close());
    const away = proxy('away', [`http://127.0.0.1:${line.port}`]);
    await expect.poll(() => [revisionOf(here), revisionOf(away)], WAIT).toEqual([5, 5]);
    line.cut();
    await joined(hub, 1);
    hub.publish(table(6));
    expect(await hub.acknowledged(6, 20_000)).toMatchObject({
      acknowledged: [{ name: 'here' }],
      missing: [{ name: 'away', door: 'http://away', why: expect.stringContaining('not connected') }],
    });
    line.mend();
    await expect.poll(() => revisionOf(away), WAIT).toBe(6);
  });

  test('of a leader that is over is refused, and its rollback tells who did not obey', async () => {
    const [late, next] = [await controller('late'), await controller('next')];
    late.hub.lead(1, 0, late.work);
    const member = proxy('a', [late.url, next.url]);
    late.hub.publish(table(3));
    await expect.poll(() => revisionOf(member), WAIT).toBe(3);
    late.hub.pause();
    next.hub.lead(2, 3, next.work);
    next.hub.publish(table(4));
    await expect.poll(() => member.member.kept.term, WAIT).toBe(2);
    late.hub.publish(table(9));
    expect(await late.hub.acknowledged(9, 500)).toMatchObject({
      acknowledged: [],
      missing: [{ name: 'a', why: expect.stringContaining('term 2') }],
    });
    expect(revisionOf(member)).toBe(4);
  });

  test('is asked for where no connection is let through', async () => {
    const { hub, work, port } = await controller('c');
    hub.lead(1, 0, work);
    hub.publish(table(4));
    // What a middlebox does that does not know the upgrade.
    const { createServer, request } = await import('node:http');
    const box = createServer((incoming, outgoing) => {
      const { upgrade: _, connection: __, ...headers } = incoming.headers;
      request({ port, path: incoming.url, headers, agent: false }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502);
        answer.pipe(outgoing);
      }).end();
    });
    await new Promise<void>((resolve) => box.listen(0, '127.0.0.1', resolve));
    ends.push(() => {
      box.closeAllConnections();
      box.close();
    });
    const address = box.address();
    const member = proxy('a', [`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`]);
    await expect.poll(() => revisionOf(member), WAIT).toBe(4);
    hub.publish(table(5));
    await expect.poll(() => revisionOf(member), WAIT).toBe(5);
  });
});

describe('a plan', () => {
  test('comes with the table that it belongs to, to those that are there and those that join', async () => {
    const { hub, url, work } = await controller('c');
    const taken: string[] = [];
    const follow = (name: string): Partial<MemberOptions> => ({
      onTable: ({ revision }, _, plan) => {
        if (plan !== undefined) taken.push(`${name} takes ${plan.text} with ${revision}`);
      },
    });
    hub.plan({ hash: 'h1', text: 'first' });
    hub.publish(table(1));
    hub.lead(1, 0, work);
    const here = proxy('here', [url], follow('here'));
    await expect.poll(() => revisionOf(here), WAIT).toBe(1);
    hub.plan({ hash: 'h2', text: 'second' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toEqual(['here takes first with 1']);
    hub.publish(table(2));
    await expect.poll(() => revisionOf(here), WAIT).toBe(2);
    const late = proxy('late', [url], follow('late'));
    await expect.poll(() => revisionOf(late), WAIT).toBe(2);
    expect(taken).toEqual(['here takes first with 1', 'here takes second with 2', 'late takes second with 2']);
  });

  test('of a leader that is over is not taken', async () => {
    const [late, next] = [await controller('late'), await controller('next')];
    const taken: (string | undefined)[] = [];
    late.hub.plan({ hash: 'h1', text: 'late' });
    late.hub.lead(1, 0, late.work);
    late.hub.publish(table(3));
    const member = proxy('a', [late.url, next.url], { onTable: (_, __, plan) => taken.push(plan?.text) });
    await expect.poll(() => revisionOf(member), WAIT).toBe(3);
    next.hub.plan({ hash: 'h2', text: 'next' });
    next.hub.lead(2, 3, next.work);
    next.hub.publish(table(4));
    await expect.poll(() => revisionOf(member), WAIT).toBe(4);
    late.hub.plan({ hash: 'h3', text: 'later' });
    late.hub.publish(table(9));
    await late.hub.acknowledged(9, 300);
    expect(taken).toEqual(['late', 'next']);
  });
});

test('a rollback that no leader has stored is told to each, until one says that it has', async () => {
  const [first, second, third] = [await controller('1'), await controller('2'), await controller('3')];
  const member = proxy('a', [first.url, second.url, third.url]);
  const notYet = { latch: () => Promise.resolve(false) };
  first.hub.lead(1, 0, { ...first.work, ...notYet });
  const everything: Latch = { scope: {}, at: 1, actor: 'cli', reason: 'bad' };
  first.hub.publish(table(7, { latches: [everything] }), ['all']);
  await expect.poll(() => revisionOf(member), WAIT).toBe(7);
  await first.hub.close();
  // It began with a revision that is later, does not know of the rollback, and ends before it stores it.
  second.hub.lead(2, 20, { ...second.work, ...notYet });
  second.hub.publish(table(21));
  await expect.poll(() => revisionOf(member), WAIT).toBe(21);
  await second.hub.close();
  third.hub.lead(3, 40, third.work);
  third.hub.publish(table(41));
  await expect.poll(() => third.latches, WAIT).toContainEqual(everything);
  const [one, two, three] = member.obeyed;
  for (const obeyed of [one, two, three]) expect(obeyed?.latches).toEqual([everything]);
  expect([one, two, three].map((obeyed) => obeyed?.revision)).toEqual([7, 21, 41]);
  await expect.poll(() => member.member.kept.own, WAIT).toEqual([]);
});

test('a rollback that is stored is of its leader alone', async () => {
  const { hub, url, work, latches } = await controller('c');
  hub.lead(1, 0, { ...work, latch: () => Promise.resolve(false) });
  const member = proxy('a', [url]);
  hub.publish(table(7, { latches: [{ scope: {}, at: 1, actor: 'cli', reason: 'bad' }] }), ['all']);
  await expect.poll(() => member.member.kept.own.length, WAIT).toBe(1);
  hub.stored('all');
  await expect.poll(() => member.member.kept.own, WAIT).toEqual([]);
  hub.publish(table(8), []);
  await expect.poll(() => revisionOf(member), WAIT).toBe(8);
  expect(member.obeyed.at(-1)?.latches).toEqual([]);
  expect(latches).toEqual([]);
});

describe('over TLS', () => {
  const trouble = (rig: MemberRig): string => rig.member.controllers()[0]?.trouble ?? '';

  test('members obey a controller whose authority they were given, also after its certificate was renewed', async () => {
    const { authority, server } = makeChain('127.0.0.1');
    const { hub, url, work } = await controller('c', server);
    hub.lead(1, 0, work);
    hub.publish(table(1));
    const first = proxy('first', [url], { authority: () => authority.cert });
    await expect.poll(() => revisionOf(first), WAIT).toBe(1);
    const renewed = makeChain('127.0.0.1');
    hub.renew(renewed.server);
    const second = proxy('second', [url], { authority: () => renewed.authority.cert });
    await expect.poll(() => revisionOf(second), WAIT).toBe(1);
    hub.publish(table(2));
    await expect.poll(() => [revisionOf(first), revisionOf(second)], WAIT).toEqual([2, 2]);
  });

  test('a member tells its token to nobody that it does not trust', async () => {
    const { server } = makeChain('127.0.0.1');
    const { authority, server: elsewhere } = makeChain('other.example');
    const [unknown, misnamed] = [await controller('c', server), await controller('d', elsewhere)];
    const members = [
      proxy('without', [unknown.url]),
      proxy('with another', [unknown.url], { authority: () => authority.cert }),
      proxy('of another name', [misnamed.url], { authority: () => authority.cert }),
      proxy('plain', [unknown.url.replace('https:', 'http:')]),
    ];
    for (const { hub, work } of [unknown, misnamed]) {
      hub.lead(1, 0, work);
      hub.publish(table(1));
    }
    for (const member of members) await expect.poll(() => trouble(member), WAIT).not.toBe('');
    expect(members.map(revisionOf)).toEqual([0, 0, 0, 0]);
    expect([...unknown.hub.members(), ...misnamed.hub.members()]).toEqual([]);
    expect(trouble(members[2] as MemberRig)).toContain('does not match certificate');
  });
});

describe('what members report', () => {
  test('is taken once, in order, whatever becomes of the connection', async () => {
    const { hub, reports, work, port } = await controller('c');
    hub.lead(1, 0, work);
    const line: Cuttable = await cuttable(port);
    ends.push(() => line.close());
    const { member } = proxy('a', [`http://127.0.0.1:${line.port}`]);
    const numbers = Array.from({ length: 3_000 }, (_, n) => n);
    for (const n of numbers) {
      member.outbox.served(record(n));
      if (n % 1_000 !== 500) continue;
      await expect.poll(() => member.leader !== undefined, WAIT).toBe(true);
      // The report arrives, and that it did does not.
      line.dropAnswer('"taken"');
      await expect.poll(() => reports.flatMap(({ served }) => served).length, WAIT).toBeGreaterThan(n);
    }
    await expect.poll(() => member.outbox.waiting, WAIT).toBe(0);
    expect(reports.flatMap(({ served }) => served.map(({ at }) => at))).toEqual(numbers);
    expect(member.outbox.lost).toBe(0);
  });

  test('goes to the next leader, and what the last one may have counted is not counted twice but told as lost', async () => {
    const [one, two] = [await controller('one'), await controller('two')];
    const line = await cuttable(one.port);
    ends.push(() => line.close());
    one.hub.lead(1, 0, one.work);
    const { member } = proxy('a', [`http://127.0.0.1:${line.port}`, two.url]);
    await expect.poll(() => member.leader !== undefined, WAIT).toBe(true);
    line.dropAnswer('"taken"');
    member.outbox.served(record(1));
    await expect.poll(() => one.reports.length, WAIT).toBe(1);
    line.cut();
    one.hub.standBy();
    two.hub.lead(2, 0, two.work);
    member.outbox.served(record(2));
    await expect.poll(() => two.reports.flatMap(({ served }) => served.map(({ at }) => at)), WAIT).toEqual([2]);
    expect(member.outbox.lost).toBe(1);
    await expect.poll(() => two.hub.members()[0]?.lost, WAIT).toBe(1);
  });

  test('waits for a leader up to a bound, and what is more is told as lost', () => {
    const { member } = proxy('a', ['http://127.0.0.1:1']);
    for (let n = 0; n < 20_010; n += 1) member.outbox.served(record(n));
    expect([member.outbox.waiting, member.outbox.lost]).toEqual([20_000, 10]);
  });
});

test('a rollback at a member is in force at once, reaches the leader when there is one, and the rest by its table', async () => {
  const { hub, url, latches, work } = await controller('c');
  const { member, obeyed } = proxy('a', [url]);
  await joined(hub, 1);
  const latch: Latch = { scope: { tenant: 'acme' as TenantId }, at: 1, actor: 'cli:ann', reason: 'wrong' };
  member.rollback(latch);
  expect(obeyed.at(-1)?.latches).toEqual([latch]);
  hub.lead(1, 0, work);
  hub.publish(table(1));
  await expect.poll(() => latches, WAIT).toContainEqual(latch);
});

test('two members that see one idempotency key first at once go to one side', async () => {
  const { hub, url, work } = await controller('c');
  hub.lead(1, 0, work);
  const members = [proxy('a', [url]), proxy('b', [url])];
  await joined(hub, 2);
  await expect.poll(() => members.every(({ member }) => member.leader !== undefined), WAIT).toBe(true);
  const sides = await Promise.all(
    members.map(({ member }, at) => member.key({ hash: 'h', side: at === 0 ? 'control' : 'candidate', at: 1 })),
  );
  expect(sides[0]).toBe(sides[1]);
});

test('a key is refused, not waited for, where nobody leads', async () => {
  const { member } = proxy('a', ['http://127.0.0.1:1']);
  await expect(member.key({ hash: 'h', side: 'control', at: 1 })).rejects.toMatchObject({ code: 'STORE_FAILED' });
});

test('a member with a wrong token is told so, and never joins', async () => {
  const { hub, url, work } = await controller('c');
  hub.lead(1, 0, work);
  proxy('a', [url], { token: 'b'.repeat(64) });
  await expect.poll(() => lines.join(), WAIT).toContain('the token is wrong');
  expect(hub.members()).toEqual([]);
});

test('a member that says goodbye is forgotten, one that is silent is not', async () => {
  const { hub, url, work, port } = await controller('c');
  hub.lead(1, 0, work);
  const line = await cuttable(port);
  ends.push(() => line.close());
  proxy('silent', [`http://127.0.0.1:${line.port}`]);
  const { member } = proxy('leaves', [url]);
  await joined(hub, 2);
  await member.close();
  line.stall();
  await expect
    .poll(() => hub.members().map(({ name, connected }) => [name, connected]), WAIT)
    .toEqual([['silent', false]]);
});
