import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { ParsedSettings, Settings } from '../config/load.ts';
import { CutoverError, isCutoverError } from '../core/errors.ts';
import { MAX_CONTROLLERS } from '../fleet/member.ts';
import { startController } from './fleet-controller.ts';
import { startProxy } from './fleet-proxy.ts';
import { authorityIn } from './fleet-tls.ts';
import { withStore } from './open-store.ts';
import type { PlanOrigin } from './plan-keeper.ts';
import { beginOf, nextSignal, type RunOptions, reloadOnHangup } from './run.ts';

/** What `cutover controller` was given. */
export interface RunControllerOptions extends Omit<RunOptions, 'listen' | 'progress'> {
  readonly name?: string;
  readonly fleetListen: string;
  /** Files in PEM: with both, proxies join over TLS. */
  readonly fleetCert?: string;
  readonly fleetKey?: string;
}

/** What `cutover proxy` was given. */
export interface RunProxyOptions extends Omit<RunOptions, 'apiListen' | 'store' | 'progress'> {
  readonly name?: string;
  readonly controller: readonly string[];
  /** File in PEM with the authority of the controllers' certificates. */
  readonly controllerCa?: string;
  readonly door: string;
  readonly tokenFile?: string;
}

/**
 * Runs a controller of a fleet until a signal asks it to stop; gives the exit code.
 * @throws CutoverError for everything that keeps it from starting, or from going on
 */
export async function runController(options: RunControllerOptions): Promise<number> {
  const { settings, plan } = begin(options);
  const controller = await startController({
    settings,
    plan,
    name: options.name ?? `${hostname()}:${process.pid}`,
    fleetListen: addressOf(options.fleetListen, '--fleet-listen'),
    fleetTls: { certFile: options.fleetCert, keyFile: options.fleetKey },
  });
  options.print(
    `${controller.leads() ? 'Leading' : 'Standing by'}. Proxies join at ${controller.fleetUrl}; the control API is at ${controller.apiUrl()}`,
  );
  const stopReloads = reloadOnHangup(controller, options.print);
  try {
    const signal = await Promise.race([nextSignal(), controller.ended]);
    options.print(`${signal}: ending; proxies go on with the table they have.`);
  } finally {
    stopReloads();
    await controller.close();
  }
  return 0;
}

/**
 * Runs a proxy of a fleet until a signal asks it to stop; gives the exit code (0 after a drain that finished, 1 where requests were cut).
 * @throws CutoverError for everything that keeps it from starting
 */
export async function runProxy(options: RunProxyOptions): Promise<number> {
  const { settings, plan } = begin(options);
  const authority = authorityIn(options.controllerCa);
  const proxy = await startProxy({
    settings,
    parse: plan().origin.parse,
    name: options.name ?? `${hostname()}:${process.pid}`,
    controllers: controllersOf(options.controller),
    ...(authority === undefined ? {} : { authority }),
    token: tokenOf(options.tokenFile, settings),
    door: addressOf(options.door, '--door'),
  });
  options.print(
    `Serving on ${settings.tls === undefined ? 'http' : 'https'}://${proxy.proxy.host}:${proxy.proxy.port}, its own door is at ${proxy.doorUrl}`,
  );
  process.on('SIGHUP', () =>
    options.print('SIGHUP: a proxy goes by the plan of its fleet; change that of the controllers.'),
  );
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

/**
 * What is a process's own, whatever the plan of the fleet says: where it listens, its folder, its database and its log.
 * The command line wins over its file.
 */
type Own = Pick<Settings, 'listen' | 'api' | 'store' | 'log'>;

interface Begun {
  readonly settings: Settings;
  readonly own: Own;
  /** Its configuration as it is now, as a plan; the one before where it is wrong now. */
  readonly plan: () => { readonly settings: Settings; readonly origin: PlanOrigin };
}

function begin(options: Omit<RunOptions, 'progress'>): Begun {
  const first = beginOf(options);
  const own = ownOf(first.settings, options);
  const withOwn = ({ settings, origin }: ReturnType<typeof beginOf>): ReturnType<Begun['plan']> => ({
    settings: { ...settings, ...own },
    origin: { ...origin, parse: (plan) => parsedWith(own, origin.parse(plan)) },
  });
  let last = withOwn(first);
  const plan = (): ReturnType<Begun['plan']> => {
    try {
      last = withOwn(beginOf(options));
    } catch (error) {
      // Whoever begins to lead must not fail for a file that somebody is writing.
      if (!isCutoverError(error)) throw error;
      options.print(`${error.message} The configuration that was read before counts.`);
    }
    return last;
  };
  return { settings: last.settings, own, plan };
}

function parsedWith(own: Own, parsed: ParsedSettings): ParsedSettings {
  return parsed.ok ? { ...parsed, settings: { ...parsed.settings, ...own } } : parsed;
}

function ownOf(settings: Settings, options: Omit<RunOptions, 'progress'>): Own {
  const { listen, apiListen } = options;
  const dir = options.dir === undefined ? settings.store.dir : resolve(options.dir);
  // Where the file lies in the folder unless somebody named another one.
  const isInFolder = settings.api.tokenFile === join(settings.store.dir, 'api-token');
  return {
    listen: listen === undefined ? settings.listen : addressOf(listen, '--listen'),
    api: {
      ...settings.api,
      listen: apiListen === undefined ? settings.api.listen : addressOf(apiListen, '--api-listen'),
      tokenFile: isInFolder ? join(dir, 'api-token') : settings.api.tokenFile,
    },
    store: { ...withStore(settings, options.store).store, dir },
    log: settings.log,
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
    if (
      (url?.protocol === 'http:' || url?.protocol === 'https:') &&
      url.hostname !== '' &&
      url.username === '' &&
      url.password === ''
    )
      return url.origin;
    throw new CutoverError('USAGE', 'A --controller is no address of a controller.', {
      hint: 'Give it as http://HOST:8082, or https:// where it has a certificate, and where its --fleet-listen is.',
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
