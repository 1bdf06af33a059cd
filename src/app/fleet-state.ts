import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeptTable } from '../core/fleet/kept-table.ts';
import type { Log } from '../core/ports.ts';
import type { Latch, TableData } from '../core/routing.ts';
import { codeOf, syncFolder, writeSynced } from '../store/state-dir.ts';
import { storeError } from '../store/store-error.ts';
import { readTable, TableFile } from '../store/table-file.ts';

const FILE = 'fleet.json';

/** Whose table it is, and rollbacks of the proxy's own: what the table's file does not hold. */
interface Beside {
  readonly term: number;
  readonly began: number;
  readonly own: readonly Latch[];
}

/** What a proxy of a fleet obeyed last, on its own disk: it serves by it after a restart, whoever can be reached. */
export class FleetState {
  readonly #dir: string;
  readonly #table: TableFile;
  #beside = '';
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dir: string) {
    this.#dir = dir;
    this.#table = new TableFile(dir);
  }

  /** @param none The table of a proxy that has never seen one. */
  async read(none: TableData, log: Log): Promise<KeptTable> {
    const table = await readTable(this.#dir, log);
    const beside = await this.#readBeside(log);
    // A table without its term is older than any that is told.
    return { term: 0, began: 0, own: [], ...beside, table: table ?? none };
  }

  /** Resolves when it is on disk, or what came after it. Rejects with STORE_*. */
  write(kept: KeptTable): Promise<void> {
    const { term, began, own, table } = kept;
    const text = `${JSON.stringify({ term, began, own } satisfies Beside)}\n`;
    const written = this.#turn
      .catch(() => undefined)
      .then(async () => {
        await this.#table.write(table);
        if (text !== this.#beside) await this.#writeBeside(text);
      });
    this.#turn = written;
    return written;
  }

  async #writeBeside(text: string): Promise<void> {
    const file = join(this.#dir, FILE);
    try {
      await writeSynced(`${file}.new`, text);
      await rename(`${file}.new`, file);
      await syncFolder(this.#dir);
    } catch (error) {
      throw storeError(error, file);
    }
    this.#beside = text;
  }

  async #readBeside(log: Log): Promise<Beside | undefined> {
    const file = join(this.#dir, FILE);
    try {
      return JSON.parse(await readFile(file, 'utf8')) as Beside; // as written above
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') log.warn('fleet.state-unreadable', { file });
      return undefined;
    }
  }
}
