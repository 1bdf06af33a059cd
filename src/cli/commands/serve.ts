import type { Command } from 'commander';
import { CutoverError } from '../../core/errors.ts';
import { type CommonOptions, collect, define, EXIT, parseInterval, parseWhole } from '../command.ts';
import { print, printError, printJson, safe } from '../output.ts';

interface RunCommandOptions extends CommonOptions {
  readonly config?: string;
  readonly control?: readonly string[];
  readonly candidate?: readonly string[];
  readonly listen?: string;
  readonly apiListen?: string;
  readonly dir?: string;
  readonly store?: string;
  readonly quiet?: true;
}

/** `cutover run`. */
export function addRun(program: Command): void {
  const command = program
    .command('run')
    .description('serve: with a configuration, or with just the addresses of both sides')
    .option('-c, --config <file>', 'the configuration')
    .option('--control <url>', 'address of the live service; may be repeated', collect)
    .option('--candidate <url>', 'address of its rewrite; may be repeated', collect)
    .option('--listen <address>', 'where to serve, host:port')
    .option('--api-listen <address>', 'where the control API and the page listen')
    .option('--dir <folder>', 'state folder')
    .option('--store <url>', 'a PostgreSQL database in place of the one in the state folder (CUTOVER_STORE)')
    .option('--quiet', 'no progress on the terminal');
  define<RunCommandOptions>(
    command,
    ['cutover run --control http://127.0.0.1:3000 --candidate http://127.0.0.1:4000', 'cutover run -c cutover.yaml'],
    async (options) => {
      const given = (['control', 'candidate', 'listen', 'apiListen', 'dir'] as const).filter(
        (name) => options[name] !== undefined,
      );
      if (options.config !== undefined && given.length > 0)
        throw new CutoverError('USAGE', 'Either a configuration or addresses, not both.', {
          hint: `What ${given.map((name) => (name === 'apiListen' ? '--api-listen' : `--${name}`)).join(', ')} would say belongs into ${options.config}.`,
        });
      // What goes to standard output is the log, as JSON lines; people read standard error.
      const { runCutover } = await import('../../app/run.ts');
      return runCutover({
        ...options,
        // Names of endpoints and tenants come from requests.
        print: (line) => printError(safe(line)),
        progress: options.quiet !== true && options.output === 'text',
      });
    },
  );
}

interface DemoCommandOptions extends CommonOptions {
  readonly duration?: number;
  readonly headless?: true;
  readonly port: number;
  readonly apiPort: number;
  readonly rate: number;
}

/** `cutover demo`. */
export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('two real storefronts, Cutover before them, visitors, and the page: see it work in a minute')
    .option('--duration <time>', 'end by itself after this time: 60s, 5m', parseInterval)
    .option('--headless', 'no progress, only the summary at the end')
    .option('--port <n>', 'port of the proxy; 0 is any free one', parseWhole(0, 65_535), 0)
    .option('--api-port <n>', 'port of the page; 0 is any free one', parseWhole(0, 65_535), 0)
    .option('--rate <n>', 'requests a second the visitors make', parseWhole(1, 2_000), 100);
  define<DemoCommandOptions>(
    command,
    ['cutover demo', 'cutover demo --duration 60s --headless --output json'],
    async (options) => {
      const stop = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
      const json = options.output === 'json';
      const { runDemo } = await import('../../app/demo.ts');
      const summary = await runDemo({
        durationMs: options.duration,
        headless: options.headless === true,
        port: options.port,
        apiPort: options.apiPort,
        rate: options.rate,
        print: (line) => (json ? printError : print)(safe(line)),
        signal: stop.signal,
      });
      if (json) printJson(summary);
      else {
        print();
        for (const [name, value] of Object.entries(summary)) print(`${name}: ${JSON.stringify(value)}`);
      }
      return summary.clientErrors === 0 ? EXIT.done : EXIT.failed;
    },
  );
}
