import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type ApiAnswer, callApi, type Spawned, spawnCutover, tempFolder } from './cutover-process.ts';
import { startPostgres } from './postgres.ts';

const LIMIT_MS = 120_000;

export interface FleetController {
  readonly name: string;
  readonly apiPort: number;
  /** Where proxies join. */
  readonly fleetUrl: string;
  /** Its own configuration file. */
  readonly file: string;
  readonly process: Spawned;
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  end(signal: NodeJS.Signals): Promise<void>;
}

export interface FleetProxy {
  readonly name: string;
  readonly port: number;
  readonly doorPort: number;
  readonly file: string;
  readonly process: Spawned;
  /** At its own door. */
  door(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  end(signal: NodeJS.Signals): Promise<void>;
}

type Config = Readonly<Record<string, unknown>>;

/** A PostgreSQL, and controllers and proxies as processes; all end with the test. */
export class FleetProcesses {
  readonly folder: string = tempFolder();
  readonly store: string;
  #token = '';

  private constructor(store: string) {
    this.store = store;
  }

  static async start(): Promise<FleetProcesses> {
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    return new FleetProcesses(await server.database());
  }

  get tokenFile(): string {
    return join(this.folder, 'token');
  }

  /** Resolves when it leads or stands by. The first one makes the token of the fleet. */
  async controller(name: string, config: Config, more: readonly string[] = []): Promise<FleetController> {
    const dir = this.#folderOf(name);
    const file = this.configure(name, config);
    if (this.#token !== '') copyFileSync(this.tokenFile, join(dir, 'api-token'));
    // The same whether it stands by or leads.
    const apiPort = await freePort();
    const spawned = spawnCutover([
      ...['controller', '-c', file, '--name', name, '--dir', dir, '--store', this.store],
      ...['--api-listen', `127.0.0.1:${apiPort}`, '--fleet-listen', '127.0.0.1:0', ...more],
    ]);
    const line = await said(spawned, /^(?:Leading|Standing by)[^\n]*\n/m);
    const [fleetUrl = ''] = line.match(/https?:\/\/[\d.]+:\d+/g) ?? [];
    if (this.#token === '') {
      copyFileSync(join(dir, 'api-token'), this.tokenFile);
      this.#token = readFileSync(this.tokenFile, 'utf8').trim();
    }
    return {
      name,
      file,
      fleetUrl,
      apiPort,
      process: spawned,
      api: (method, path, body) => callApi({ port: apiPort, token: this.#token }, method, `/api/v1/${path}`, body),
      end: (signal) => end(spawned, signal),
    };
  }

  /** Resolves when it serves, whoever it reaches. */
  async proxy(
    name: string,
    config: Config,
    controllers: readonly string[],
    more: readonly string[] = [],
  ): Promise<FleetProxy> {
    const file = this.configure(name, config);
    const spawned = spawnCutover([
      ...['proxy', '-c', file, '--name', name, '--dir', this.#folderOf(name), '--token-file', this.tokenFile],
      ...['--listen', '127.0.0.1:0', '--door', '127.0.0.1:0'],
      ...controllers.flatMap((url) => ['--controller', url]),
      ...more,
    ]);
    const line = await said(spawned, /^Serving[^\n]*\n/m);
    const [port = 0, doorPort = 0] = [...line.matchAll(/https?:\/\/[\d.]+:(\d+)/g)].map(([, found]) => Number(found));
    return {
      name,
      file,
      port,
      doorPort,
      process: spawned,
      door: (method, path, body) => callApi({ port: doorPort, token: this.#token }, method, `/api/v1/${path}`, body),
      end: (signal) => end(spawned, signal),
    };
  }

  /** Writes the configuration file of one process anew; gives its place. */
  configure(name: string, config: Config): string {
    const file = join(this.#folderOf(name), 'cutover.yaml');
    writeFileSync(file, JSON.stringify(config)); // JSON is YAML
    return file;
  }

  #folderOf(name: string): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function end({ child, exited }: Spawned, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await exited;
}

/** The line by which a process says that it leads or serves. */
function said({ child, output, exited }: Spawned, line: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`It says nothing:\n${output.stderr}`)), LIMIT_MS);
    void exited.then(({ code, stderr }) => reject(new Error(`It ended with ${code}:\n${stderr}`)));
    const look = (): void => {
      const found = line.exec(output.stderr)?.[0];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    };
    child.stderr?.on('data', look);
    look();
  });
}
