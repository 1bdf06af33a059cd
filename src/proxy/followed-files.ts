import { readFileSync, statSync } from 'node:fs';
import type { Clock, Log, Timer } from '../core/ports.ts';

export interface FollowedFilesOptions<T> {
  /** Absolute. */
  readonly files: readonly string[];
  /** Makes of their contents, in the same order, what is used; throws where they do not fit together. */
  readonly make: (contents: readonly Buffer[]) => T;
  /** What they are, for the log: `control.tls`. */
  readonly name: string;
  /** What was made anew is in force. */
  readonly onRenewed?: (value: T) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Files are looked at this often; what changed is taken once it looked the same twice, after 5 to 10 s. */
export const LOOK_MS = 5_000;

/**
 * Something made of files that other programs renew, such as certificates: made at the start, and anew when they change.
 * Files that are unreadable or do not fit together leave in force what was made before, and the log tells it once.
 */
export class FollowedFiles<T> {
  readonly #options: FollowedFilesOptions<T>;
  #value: T;
  /** How the files looked that were last tried. */
  #tried: string;
  #seen: string;
  #timer: Timer | undefined;
  /** Counts up with each change that was taken. */
  generation = 0;

  /** Throws what `make` throws, or the reason why a file cannot be read. */
  constructor(options: FollowedFilesOptions<T>) {
    this.#options = options;
    this.#tried = this.#looks();
    this.#seen = this.#tried;
    this.#value = this.#make();
    if (options.files.length > 0) this.#lookLater();
  }

  get value(): T {
    return this.#value;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #make(): T {
    return this.#options.make(this.#options.files.map((file) => readFileSync(file)));
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.after(LOOK_MS, () => {
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const looks = this.#looks();
    const isStill = looks === this.#seen;
    this.#seen = looks;
    // A certificate and its key are two files: between the two renames they do not belong together.
    if (!isStill || looks === this.#tried) return;
    this.#tried = looks;
    const { log, name, files } = this.#options;
    try {
      this.#value = this.#make();
      this.generation += 1;
      this.#options.onRenewed?.(this.#value);
      log.info('tls.renewed', { name, files });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      log.error('tls.refused', { name, files, message, hint: 'What was read before stays in use; mend the files.' });
    }
  }

  /** Follows links, so that a turned one (a mounted secret) shows. */
  #looks(): string {
    return this.#options.files
      .map((file) => {
        try {
          const { ino, size, mtimeMs } = statSync(file);
          return `${ino} ${size} ${mtimeMs}`;
        } catch {
          return 'none';
        }
      })
      .join('\n');
  }
}
