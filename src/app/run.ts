import { describeProblem, settingsFromUrls, textFromUrls } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { CutoverError } from '../core/errors.ts';
import { withStore } from './open-store.ts';
import type { PlanOrigin } from './plan-keeper.ts';
import { fileOrigin, settingsIn, urlOrigin } from './plan-origin.ts';
import { probeSides } from './probe.ts';
import { progressLines } from './progress.ts';
import { type Running, startCutover } from './start.ts';

/** What `cutover run` was given. */
export interface RunOptions {
  /** A file, or else the addresses of both sides. */
  readonly config?: string;
  readonly control?: readonly string[];
  readonly candidate?: readonly string[];
  readonly listen?: string;
  readonly apiListen?: string;
  readonly dir?: string;
  /** Address of a PostgreSQL database, whatever the configuration says. */
  readonly store?: string;
  /** Writes one line for people. */
  readonly print: (line: string) => void;
  /** True: progress is shown while it runs. */
  readonly progress: boolean;
}

const PROGRESS_MS = 10_000;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;

/** The settings, and where they come from. */
export function beginOf(options: Omit<RunOptions, 'progress'>): {
  readonly settings: Settings;
  readonly origin: PlanOrigin;
} {
  const adjust = (settings: Settings): Settings => withStore(settings, options.store);
  if (options.config !== undefined) {
    const origin = fileOrigin(options.config, process.env, adjust);
    return { settings: settingsIn(origin), origin };
  }
  if (options.control === undefined || options.candidate === undefined) {
    throw new CutoverError('USAGE', 'Neither a configuration nor both sides were given.', {
      hint: 'cutover run --control URL --candidate URL, or cutover run -c cutover.yaml (cutover init writes one).',
    });
  }
  const given = {
    control: options.control,
    candidate: options.candidate,
    ...(options.listen === undefined ? {} : { listen: options.listen }),
    ...(options.apiListen === undefined ? {} : { apiListen: options.apiListen }),
    ...(options.dir === undefined ? {} : { dir: options.dir }),
  };
  const settings = adjust(settingsFromUrls(given));
  return { settings, origin: urlOrigin(textFromUrls(given), process.env, adjust) };
}

/**
 * Runs Cutover until a signal asks it to stop; gives the exit code (0 after a drain that finished, 1 where requests were cut).
 * @throws CutoverError for everything that keeps it from starting; nothing listens then.
 */
export async function runCutover(options: RunOptions): Promise<number> {
  const { settings, origin } = beginOf(options);
  const running = await startCutover(settings, { origin });
  const stopReloads = reloadOnHangup(running, options.print);
  options.print(
    `Serving on ${settings.tls === undefined ? 'http' : 'https'}://${running.proxy.host}:${running.proxy.port}, control ${settings.sides.control.targets.join(', ')}, candidate ${settings.sides.candidate.targets.join(', ')}`,
  );
  options.print(`The page: ${running.pageUrl}`);
  const clientHost = `${running.proxy.host}:${running.proxy.port}`;
  // Said while it serves already: a probe that waits must not hold up the first client.
  const probing = probeSides(settings.sides, clientHost).then((findings) => {
    for (const finding of findings) options.print(`${finding.level === 'warning' ? '!' : '·'} ${finding.text}`);
    if (findings.length === 0) options.print('· Both sides answer alike at first sight.');
  });
  const stopProgress = options.progress ? showProgress(running, options.print) : () => undefined;
  const signal = await nextSignal();
  stopProgress();
  stopReloads();
  options.print(
    `${signal}: draining, at most ${settings.drain.timeoutMs / 1000} s; the same signal again ends at once`,
  );
  const forced = nextSignal().then(() => ({ finished: false, cut: -1 }));
  const drained = await Promise.race([running.drain(), forced]);
  await running.close();
  await probing;
  if (drained.finished) options.print('Drained: every request was finished.');
  else options.print(drained.cut < 0 ? 'Ended at once.' : `Drain time over: ${drained.cut} connections were cut.`);
  return drained.finished ? 0 : 1;
}

export function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    const listeners = SIGNALS.map((signal) => {
      const listener = (): void => {
        for (const [name, other] of listeners) process.off(name, other);
        resolve(signal);
      };
      process.on(signal, listener);
      return [signal, listener] as const;
    });
  });
}

/** SIGHUP reads the file again; gives a function after which it only ends nothing. */
export function reloadOnHangup(running: Pick<Running, 'reload'>, print: (line: string) => void): () => void {
  let isOver = false;
  const reload = async (): Promise<void> => {
    const outcome = isOver ? undefined : await running.reload();
    if (outcome === undefined) return;
    if (!outcome.ok) {
      print(`SIGHUP: ${outcome.message} ${outcome.hint}`);
      for (const problem of outcome.problems) print(describeProblem(problem));
    } else
      print(
        `SIGHUP: ${outcome.isNew ? 'the file is in force' : 'nothing has changed'}, plan revision ${outcome.revision}`,
      );
  };
  process.on('SIGHUP', () => void reload().catch((error: unknown) => print(`SIGHUP: ${String(error)}`)));
  return () => {
    isOver = true;
  };
}

/** Prints progress when it has changed; gives a function that stops it. */
function showProgress(running: Running, print: (line: string) => void): () => void {
  let last = '';
  const show = async (): Promise<void> => {
    const { status, endpoints, clusters } = await running.look();
    if (status.requests === 0) return;
    const lines = progressLines(status, endpoints, clusters);
    const text = lines.join('\n');
    if (text === last) return;
    last = text;
    for (const line of lines) print(line);
  };
  const timer = setInterval(() => void show().catch(() => undefined), PROGRESS_MS);
  return () => clearInterval(timer);
}
