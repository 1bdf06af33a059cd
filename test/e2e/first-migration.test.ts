import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { guideBlocks } from '../support/guide.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUIDE = join(ROOT, 'docs', 'guide', 'first-migration.md');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-guide-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Ports of the guide, 3000, 4000, 8080 and 8081, as they stand there; free ones for the test. */
async function freePorts(): Promise<ReadonlyMap<string, string>> {
  const servers = ['3000', '4000', '8080', '8081'].map((port) => ({ port, server: createServer() }));
  const found = await Promise.all(
    servers.map(
      ({ port, server }) =>
        new Promise<[string, string]>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve([port, String(typeof address === 'object' && address !== null ? address.port : 0)]);
          });
        }),
    ),
  );
  await Promise.all(servers.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  return new Map(found);
}

/** One bash with job control, as a reader's terminal has it; gives everything printed. */
function runScript(script: string): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const environment = {
      ...process.env,
      PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
      NO_COLOR: '1',
      CUTOVER_DIR: join(folder, 'cutover-data'),
    };
    const shell = spawn('bash', ['-m', '-c', script], {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    shell.stdout.on('data', (text: Buffer) => {
      output += text.toString('utf8');
    });
    shell.stderr.on('data', (text: Buffer) => {
      output += text.toString('utf8');
    });
    const timer = setTimeout(() => {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
    }, 170_000);
    shell.on('exit', (code) => {
      clearTimeout(timer);
      endGroup(shell.pid);
      resolve({ code, output });
    });
  });
}

/** What the guide's commands started and its end did not reach, because a runner of packages stood between. */
function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGTERM');
  } catch {
    // Nobody is left.
  }
}

/** Ports of what the guide starts, by name. */
const PORTS: Readonly<Record<string, string>> = { control: '3000', candidate: '4000', cutover: '8080' };

/** Waits until something listens on the port. */
const ANSWERS = `answers() { for n in $(seq 300); do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return; sleep 0.1; done; return 1; }`;

/** Saves what a command lists once it is as it should be; with more customers in between, up to ten times. */
function untilTrue(list: string, condition: string): string {
  const isTrue = `const { items } = JSON.parse(require('fs').readFileSync('${list}.json', 'utf8')); process.exit(${condition} ? 0 : 1)`;
  return `for n in $(seq 10); do npx cutover ${list} --output json > ${list}.json; node -e ${quoted(isTrue)} && break; node customers.mjs 100; done`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

test('the guide of a first migration works, command by command', async () => {
  const ports = await freePorts();
  const withPorts = (text: string): string => text.replace(/\b(3000|4000|8080)\b/g, (port) => ports.get(port) ?? port);
  const script = ['set -e', ANSWERS, "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"];
  for (const block of guideBlocks(GUIDE)) {
    if (block.kind === 'file') {
      // The ports of the addresses that the guide leaves to their defaults.
      const defaults =
        block.name === 'cutover.yaml'
          ? `listen: 127.0.0.1:8080\napi: { listen: "127.0.0.1:${ports.get('8081')}" }\n`
          : '';
      script.push(`cat > ${block.name} <<'END_OF_FILE'\n${withPorts(defaults + block.text)}END_OF_FILE`);
      continue;
    }
    for (const line of block.text.trim().split('\n')) {
      // What is installed is this checkout, not what the registry has.
      script.push(line === 'npm install cutover' ? ':' : withPorts(line));
      // A person types slower than services start and end.
      const [, started] = /^(?:node |npx )(\w+).*&$/.exec(line) ?? [];
      if (started !== undefined) script.push(`answers ${ports.get(PORTS[started] ?? '')}`);
      if (line.startsWith('kill ')) script.push(`${line.replace('kill', 'wait')} || true`);
      // And looks again where a busy machine has not compared enough yet.
      if (line.startsWith('node customers.mjs 300')) script.push(untilTrue('clusters', 'items.length > 0'));
      if (line.startsWith('node customers.mjs 500'))
        script.push(untilTrue('cells', 'items.length === 3 && items.every(({ state }) => state === "open")'));
    }
  }
  mkdirSync(join(folder, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(join(ROOT, 'bin', 'cutover.cjs'), join(folder, 'node_modules', '.bin', 'cutover'));
  writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
  const { code, output } = await runScript(script.join('\n'));
  expect(code, output).toBe(0);
  const read = (name: string): { items: readonly Record<string, unknown>[] } =>
    JSON.parse(execFileSync('cat', [join(folder, name)], { encoding: 'utf8' }));
  expect(read('clusters.json').items.map((cluster) => cluster['pathPattern'])).toEqual(['body/total']);
  expect(read('cells.json').items.map((cell) => cell['state'])).toEqual(['open', 'open', 'open']);
  expect(output).toContain('The candidate serves');
  expect(output).toContain('The control serves');
});
