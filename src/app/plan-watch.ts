import { type FSWatcher, realpathSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock, Log, Timer } from '../core/ports.ts';

export interface PlanWatchOptions {
  /** Absolute. */
  readonly file: string;
  /** Its text, or undefined where it cannot be read at the moment. */
  readonly read: () => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Something may have changed, and the file has been the same for a moment. */
  readonly onSettled: () => void;
}

/** After the first sign of a change: editors write, rename and set times in several steps. */
const QUIET_MS = 200;
/** The same bytes twice so far apart: a file that is still being written is not taken for a short one. */
const STILL_MS = 100;
/** Looked at this often whatever the system tells: network file systems tell nothing. */
const POLL_MS = 5_000;

/**
 * Notices that a file may be another one. Watches its folder, because editors and deployment tools put a new file in the place
 * of the old one, or turn a symbolic link to another folder (as a mounted ConfigMap does).
 */
export class PlanWatch {
  readonly #options: PlanWatchOptions;
  #watchers: FSWatcher[] = [];
  #timer: Timer | undefined;
  #poll: Timer | undefined;
  #seen: string;
  #isClosed = false;
  readonly #names: Set<string> = new Set();

  constructor(options: PlanWatchOptions) {
    this.#options = options;
    this.#seen = this.#looks();
    this.#watch();
    this.#pollLater();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#poll?.cancel();
    this.#unwatch();
  }

  #watch(): void {
    this.#unwatch();
    this.#names.clear();
    for (const place of placesOf(this.#options.file)) this.#names.add(basename(place));
    for (const folder of new Set(placesOf(this.#options.file).map((place) => dirname(place)))) {
      try {
        const watcher = watch(folder, { persistent: false }, (_, name) => this.#stirred(name));
        // The folder is gone, or the system has no more to give: polling goes on.
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch (error) {
        this.#options.log.debug('plan.unwatched', { folder, error: String(error) });
      }
    }
  }

  #unwatch(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #pollLater(): void {
    this.#poll = this.#options.clock.after(POLL_MS, () => {
      const looks = this.#looks();
      if (looks !== this.#seen) {
        // It lies elsewhere, perhaps, or in a folder that was made anew.
        this.#watch();
        this.#stirred();
      }
      this.#seen = looks;
      this.#pollLater();
    });
  }

  /** Changes with the file; reads nothing of it. */
  #looks(): string {
    try {
      const { ino, size, mtimeMs } = statSync(this.#options.file);
      return `${realpathSync(this.#options.file)} ${ino} ${size} ${mtimeMs}`;
    } catch {
      return 'none';
    }
  }

  #stirred(name: string | null = null): void {
    if (this.#isClosed || this.#timer !== undefined || !this.#isOurs(name)) return;
    this.#timer = this.#options.clock.after(QUIET_MS, () => this.#settle(this.#options.read()));
  }

  #settle(before: string | undefined): void {
    this.#timer = this.#options.clock.after(STILL_MS, () => {
      const now = this.#options.read();
      if (now !== before) {
        this.#settle(now);
        return;
      }
      this.#timer = undefined;
      this.#options.onSettled();
    });
  }

  /** Logs and databases may lie beside it. A mounted ConfigMap turns a link whose name begins with two dots. */
  #isOurs(name: string | null): boolean {
    return name === null || name.startsWith('..') || this.#names.has(name);
  }
}

/** The file, and what it links to. */
function placesOf(file: string): string[] {
  try {
    return [file, realpathSync(file)];
  } catch {
    // Not there at the moment.
    return [file];
  }
}
