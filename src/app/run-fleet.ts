import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { CutoverError } from '../core/errors.ts';
import { MAX_CONTROLLERS } from '../fleet/member.ts';
import { startController } from './fleet-controller.ts';
import { startProxy } from './fleet-proxy.ts';
import { withStore } from './open-store.ts';
import { beginOf, nextSignal, type RunOptions } from './run.ts';

/** What `cutover controller` was given. */
export interface RunControllerOptions extends Omit<RunOptions, 'listen' | 'progress'> {
  readonly name?: string;
  readonly fleetListen: string;
}

/** What `cutover proxy` was given. */
export interface RunProxyOptions extends Omit<RunOptions, 'apiListen' | 'store' | 'progress'> {
  readonly name?: string;
  readonly controller: readonly string[];
  readonly door: string;
  readonly tokenFile?: string;
}

/**
 * Runs a controller of a fleet until a signal asks it to stop; gives the exit code.
 * @throws CutoverError for everything that keeps it from starting, or from going on
 */
export async function runController(options: RunControllerOptions): Promise<number> {
  const settings = withStore(await ownSettings(options), options.store);
  const controller = await startController({
    settings,
    name: options.name ?? `${hostname()}:${process.pid}`,
    fleetListen: addressOf(options.fleetListen, '--fleet-listen'),
  });
  options.print(
    `${controller.leads() ? 'Leading' : 'Standing by'}. Proxies join at ${controller.fleetUrl}; the control API is at ${controller.apiUrl()}`,
  );
  try {
    const signal = await Promise.race([nextSignal(), controller.ended]);
    options.print(`${signal}: ending; proxies go on with the table they have.`);
  } finally {
    await controller.close();
  }
  return 0;
}

/**
 * Runs a proxy of a fleet until a signal asks it to stop; gives the exit code (0 after a drain that finished, 1 where requests were cut).
 * @throws CutoverError for everything that keeps it from starting
 */
export async function runProxy(options: RunProxyOptions): Promise<number> {
  const settings = await ownSettings(options);
  const proxy = await startProxy({
    settings,
    name: options.name ?? `${hostname()}:${process.pid}`,
    controllers: controllersOf(options.controller),
    token: tokenOf(options.tokenFile, settings),
    door: addressOf(options.door, '--door'),
  });
  options.print(`Serving on http://${proxy.proxy.host}:${proxy.proxy.port}, its own door is at ${proxy.doorUrl}`);
  const signal = await nextSignal();
  options.print(
    `${signal}: draining, at most ${settings.drain.timeoutMs / 1000} s; the same signal again ends at once`,
  );
  const forced = nextSignal().then(() => ({ finished: false, cut: -1 }));
  const drained = await Promise.race([proxy.drain(), forced]);
  await proxy.close();
  if (drained.finished) options.print('Drained: every request was finished.');
  else options.print(drained.cut < 0 ? 'Ended at once.' : `Drain time over: ${drained.cut} connections were cut.`);
  return drained.finished ? 0 : 1;
}

/** One configuration for the whole fleet, and what this process has of its own: the command line wins. */
async function ownSettings(options: Omit<RunOptions, 'progress'>): Promise<Settings> {
  const settings = beginOf(options).settings;
  const { listen, apiListen } = options;
  const dir = options.dir === undefined ? settings.store.dir : resolve(options.dir);
  // Where the file lies in the folder unless somebody named another one.
  const isInFolder = settings.api.tokenFile === join(settings.store.dir, 'api-token');
  return {
    ...settings,
    listen: listen === undefined ? settings.listen : addressOf(listen, '--listen'),
    api: {
      ...settings.api,
      listen: apiListen === undefined ? settings.api.listen : addressOf(apiListen, '--api-listen'),
      tokenFile: isInFolder ? join(dir, 'api-token') : settings.api.tokenFile,
    },
    store: { ...settings.store, dir },
  };
}

function addressOf(text: string, option: string): { readonly host: string; readonly port: number } {
  const url = URL.canParse(`tcp://${text}`) ? new URL(`tcp://${text}`) : undefined;
  if (url === undefined || url.hostname === '' || url.port === '' || (url.pathname !== '' && url.pathname !== '/'))
    throw new CutoverError('USAGE', `${option} ${text} is no address.`, { hint: `Give ${option} HOST:PORT.` });
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) };
}

function controllersOf(given: readonly string[]): readonly string[] {
  if (given.length === 0 || given.length > MAX_CONTROLLERS)
    throw new CutoverError(
      'USAGE',
      `A proxy of a fleet needs one to ${MAX_CONTROLLERS} controllers, not ${given.length}.`,
      {
        hint: 'Name each, leading or standing by: --controller http://HOST:8082. Alone on one machine: cutover run.',
      },
    );
  return given.map((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol === 'http:' && url.hostname !== '' && url.username === '' && url.password === '')
      return url.origin;
    throw new CutoverError('USAGE', 'A --controller is no address of a controller.', {
      hint: 'Give it as http://HOST:8082, where its --fleet-listen is.',
    });
  });
}

/** The token that all members share. */
function tokenOf(file: string | undefined, settings: Settings): string {
  const named = file ?? (existsSync(settings.api.tokenFile) ? settings.api.tokenFile : undefined);
  const given = process.env['CUTOVER_TOKEN'];
  const token = file === undefined && given !== undefined && given !== '' ? given : read(named);
  if (token !== undefined && /^[\x21-\x7e]{32,512}$/.test(token)) return token;
  throw new CutoverError(
    'USAGE',
    named === undefined ? 'A proxy needs the token of its fleet.' : `${named} holds no token.`,
    {
      hint: 'Copy the file api-token of a controller, and name it: --token-file FILE; or put it into CUTOVER_TOKEN.',
    },
  );
}

function read(file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
