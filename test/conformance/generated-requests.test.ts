import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type CutoverProcess, startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { type Attack, apiAttack, attack } from '../support/generated-requests.ts';
import { askOnce, startLoad } from '../support/load.ts';
import { Seeded } from '../support/seeded.ts';
import { TestUpstream } from '../support/test-upstream.ts';

const SEED = 20_261_120;
const AT_PROXY = 10_000;
const AT_API = 2_000;
const AT_ONCE = 48;
/** After this much silence the client ends its half, after as much again it goes away. */
const QUIET_MS = 60;
const CONNECTION_MS = 10_000;
/** Longest time the event loop may be busy with one thing, in CPU time of its thread: others on the machine do not count, but slow it. */
const STALL_MS = 200;

const LOOP_WATCH = fileURLToPath(new URL('../support/loop-watch.cjs', import.meta.url));

interface Outcome {
  readonly text: string;
  readonly hung: boolean;
}

/** Does to a server what the attack says, and gives what came back. */
function strike(port: number, { bytes, manner }: Attack): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    let isEnding = false;
    const finish = (hung: boolean): void => {
      clearTimeout(limit);
      clearTimeout(quiet);
      socket.destroy();
      resolve({ text, hung });
    };
    const limit = setTimeout(() => finish(true), CONNECTION_MS);
    const onQuiet = (): void => {
      if (isEnding || manner === 'half') {
        finish(false);
        return;
      }
      isEnding = true;
      socket.end();
      quiet = setTimeout(onQuiet, QUIET_MS);
    };
    let quiet = setTimeout(onQuiet, QUIET_MS);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      if (text.length < 200_000) text += chunk;
      clearTimeout(quiet);
      quiet = setTimeout(onQuiet, QUIET_MS);
    });
    socket.on('close', () => finish(false));
    socket.on('error', () => undefined);
    if (manner === 'half') socket.write(bytes.slice(0, Math.ceil(bytes.length / 2)), 'latin1');
    else if (manner === 'whole') socket.write(bytes, 'latin1');
    else {
      socket.setNoDelay(true);
      const send = (at: number): void => {
        if (at >= bytes.length || !socket.writable) return;
        clearTimeout(quiet);
        quiet = setTimeout(onQuiet, QUIET_MS);
        socket.write(bytes.charAt(at), 'latin1', () => setImmediate(send, at + 1));
      };
      send(0);
    }
  });
}

/** Runs `count` attacks, a bounded number at once. */
async function strikeAll(
  count: number,
  port: number,
  make: (n: number) => Attack,
  look: (attack: Attack, outcome: Outcome) => void,
) {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const one = make(next++);
      look(one, await strike(port, one));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** The longest time the event loop was busy with one thing since the last call. */
async function worstStall(cutover: CutoverProcess): Promise<{ cpuMs: number; wallMs: number }> {
  const before = cutover.stderr().length;
  cutover.signal('SIGUSR2');
  await expect.poll(() => cutover.stderr().slice(before), { interval: 5, timeout: 60_000 }).toMatch(/loop-watch .*\n/);
  const said = /loop-watch (.*)\n/.exec(cutover.stderr().slice(before))?.[1] ?? '{}';
  return JSON.parse(said) as { cpuMs: number; wallMs: number }; // written by loop-watch.cjs
}

test(`${AT_PROXY} generated requests at the proxy and ${AT_API} at the control API: no crash, no stall, no foreign answer`, async () => {
  const upstreams = [await TestUpstream.start('control'), await TestUpstream.start('candidate')];
  const [control, candidate] = upstreams;
  const file = writeConfig(
    tempFolder(),
    { control: control?.url ?? '', candidate: candidate?.url ?? '' },
    { limits: { headTimeout: '2s', bodyIdleTimeout: '2s', keepAliveTimeout: '5s' }, drain: { timeout: '10s' } },
  );
  const cutover = await startCutover(file, { env: { NODE_OPTIONS: `--require ${LOOP_WATCH}` } });
  const good = startLoad({
    port: () => cutover.proxyPort,
    workers: 2,
    pauseMs: 5,
    name: 'good',
    path: (n) => `/good-${n % 50}`,
  });
  await expect.poll(() => good.answered.length, { timeout: 60_000 }).toBeGreaterThan(200);
  // Loading modules is behind it now, and does not count.
  await worstStall(cutover);
  await expect.poll(() => good.answered.length, { timeout: 60_000 }).toBeGreaterThan(400);
  const idle = await worstStall(cutover);

  const random = new Seeded(SEED);
  const foreign: string[] = [];
  const hanging: string[] = [];
  const broken: string[] = [];
  const statuses = new Map<string, number>();
  const look = (one: Attack, { text, hung }: Outcome): void => {
    if (hung) hanging.push(one.bytes.slice(0, 500));
    if (text !== '' && !/^HTTP\/1\.1 [1-5]\d\d /.test(text))
      broken.push(`${one.bytes.slice(0, 500)} => ${text.slice(0, 200)}`);
    for (const [, status = ''] of text.matchAll(/HTTP\/1\.1 (\d\d\d) /g))
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  await strikeAll(
    AT_PROXY,
    cutover.proxyPort,
    (n) => attack(random, `id-${n}-`),
    (one, outcome) => {
      look(one, outcome);
      if (/"id":"good/.test(outcome.text)) foreign.push(one.bytes);
      for (const [, other = ''] of outcome.text.matchAll(/"id":"[^"]*?id-(\d+)/g)) {
        // A mutation may have changed its own digits; they must at least be in what was sent.
        if (!one.bytes.replace(/[^\w-]/g, '').includes(`id-${other}`)) foreign.push(`${one.bytes} => ${outcome.text}`);
      }
    },
  );
  const underFire = await worstStall(cutover);
  const answers = statuses.get('200') ?? 0;
  const refusals = [...statuses].filter(([status]) => /^[45]/.test(status)).reduce((sum, [, count]) => sum + count, 0);
  expect({ foreign, hanging, broken }).toEqual({ foreign: [], hanging: [], broken: [] });
  // Both kinds must be there, or the requests would prove nothing.
  expect(Math.min(answers, refusals)).toBeGreaterThan(AT_PROXY / 10);

  statuses.clear();
  await strikeAll(AT_API, cutover.apiPort, () => apiAttack(random, cutover.token), look);
  const apiUnderFire = await worstStall(cutover);
  expect({ hanging, broken }).toEqual({ hanging: [], broken: [] });
  // Nothing that anybody can send is a fault of ours.
  expect(statuses.get('500')).toBeUndefined();
  expect(statuses.get('200')).toBeGreaterThan(AT_API / 20);
  expect((statuses.get('400') ?? 0) + (statuses.get('401') ?? 0)).toBeGreaterThan(AT_API / 10);

  const report = await good.stop();
  // The control API's attacks may have turned dials; who answers is the same to this client.
  expect(report.failures).toEqual([]);
  expect(report.answered.length).toBe(report.sent.size);
  process.stderr.write(`longest work of the event loop: ${JSON.stringify({ idle, underFire, apiUnderFire })}\n`);
  for (const { cpuMs } of [underFire, apiUnderFire]) expect(cpuMs).toBeLessThan(STALL_MS);
  expect(await askOnce({ port: cutover.proxyPort, id: 'after' })).toMatchObject({ status: 200, echo: 'after' });
  const ended = await cutover.stop();
  expect(ended).toMatchObject({ code: 0, signal: null });
  expect(ended.stdout).not.toMatch(/"level":"error"|uncaught/i);
}, 300_000);
