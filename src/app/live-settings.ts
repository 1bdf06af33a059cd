import type { Settings } from '../config/settings.ts';

/**
 * The settings in force: one object whose sections are replaced when the plan changes, all at the same moment.
 * Who reads `settings.mirror.timeoutMs` each time it is needed follows by that alone; who has made something of a section
 * (a compiled pattern, a pool) must be told, and `followers` of `start.ts` lists those.
 */
export class LiveSettings {
  /** Hand this to everybody; nobody but `replace` changes it. */
  readonly current: Settings;

  constructor(first: Settings) {
    this.current = { ...first };
  }

  replace(next: Settings): void {
    // Sections that are absent from both or in both: what may come and go (`sessions`) needs a restart.
    Object.assign(this.current, next);
  }
}

/**
 * An object that is always what `now` gives: for parts that keep what they were given.
 * Members are looked up anew at each use, so a method taken from it (`const { own } = rules`) does not follow.
 */
export function following<T extends object>(now: () => T): T {
  return new Proxy({} as T, {
    get: (_, name) => Reflect.get(now(), name),
    has: (_, name) => Reflect.has(now(), name),
    ownKeys: () => Reflect.ownKeys(now()),
    getOwnPropertyDescriptor: (_, name) => {
      const found = Reflect.getOwnPropertyDescriptor(now(), name);
      return found === undefined ? undefined : { ...found, configurable: true };
    },
  });
}
