import { loadSettings, settingsFromUrls } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { CutoverError } from '../core/errors.ts';
import { withStore } from './open-store.ts';
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

export async function settingsOf(options: Omit<RunOptions, 'progress'>): Promise<Settings> {
  if (options.config !== undefined) return loadSettings(options.config, process.env);
  if (options.control === undefined || options.candidate === undefined) {
    throw new CutoverError('USAGE', 'Neither a configuration nor both sides were given.', {
      hint: 'cutover run --control URL --candidate URL, or cutover run -c cutover.yaml (cutover init writes one).',
    });
  }
  return settingsFromUrls({
    control: options.control,
    candidate: options.candidate,
    ...(options.listen === undefined ? {} : { listen: options.listen }),
    ...(options.apiListen === undefined ? {} : { apiListen: options.apiListen }),
    ...(options.dir === undefined ? {} : { dir: options.dir }),
  });
}

/**
 * Runs Cutover until a signal asks it to stop; gives the exit code (0 after a drain that finished, 1 where requests were cut).
 * @throws CutoverError for everything that keeps it from starting; nothing listens then.
 */
export async function runCutover(options: RunOptions): Promise<number> {
  const settings = withStore(await settingsOf(options), options.store);
  const running = await startCutover(settings);
  options.print(
    `Serving on http://${running.proxy.host}:${running.proxy.port}, control ${settings.sides.control.targets.join(', ')}, candidate ${settings.sides.candidate.targets.join(', ')}`,
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
