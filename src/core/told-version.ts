/** Whether a text can be a version: 1 to 128 visible ASCII characters. */
export function isVersion(text: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(text);
}

/** Deepest place a pointer may name; version pages are flat. */
const MAX_STEPS = 32;

/** The steps of a JSON pointer (RFC 6901, section 3): `/build/id` gives `build`, `id`, an empty text none; undefined where it is none. */
export function pointerSteps(pointer: string): readonly string[] | undefined {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined;
  const steps = pointer.slice(1).split('/');
  // Section 4: first `~1`, then `~0`, so that `~01` is `~1` and no slash.
  return steps.length > MAX_STEPS ? undefined : steps.map((one) => one.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What lies at the steps (RFC 6901, section 4); undefined where there is nothing. */
export function valueAt(json: unknown, steps: readonly string[]): unknown {
  let value = json;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return undefined;
    // Elements are counted without leading zeros; `-` is the one after the last, which is not there.
    if (Array.isArray(value)) value = /^(?:0|[1-9]\d{0,9})$/.test(step) ? value[Number(step)] : undefined;
    else value = Object.hasOwn(value, step) ? (value as Readonly<Record<string, unknown>>)[step] : undefined;
  }
  return value;
}

/** What a version page answered. */
export interface VersionAnswer {
  /** Without parameters, lower case; empty where none was told. */
  readonly mediaType: string;
  readonly text: string;
}

export type ToldVersion =
  | { readonly ok: true; readonly version: string }
  /** `problem` completes "the answer …", without anything of the answer in it. */
  | { readonly ok: false; readonly problem: string };

/**
 * The version an answer tells: with a pointer the string or whole number there; a JSON answer without one must be such a value
 * itself; of any other text the first line, trimmed. Pages in HTML tell none: they are what a wrong path gives.
 * Numbers beyond 2^53 and fractions are none either: two versions could read as one (`1.10` and `1.1`).
 */
export function toldVersion({ mediaType, text }: VersionAnswer, pointer: readonly string[] | undefined): ToldVersion {
  if (pointer === undefined && /\bhtml\b/.test(mediaType)) return none('is a page in HTML');
  const bare = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (pointer === undefined && !/[/+]json$/.test(mediaType) && !/^\s*[[{]/.test(bare)) {
    return checked(firstLine(bare));
  }
  let json: unknown;
  try {
    json = JSON.parse(bare);
  } catch {
    return none('is no JSON');
  }
  const value = valueAt(json, pointer ?? []);
  if (typeof value === 'string') return checked(value.trim());
  if (typeof value === 'number' && Number.isSafeInteger(value)) return checked(String(value));
  if (pointer === undefined) return none('is JSON; say with `pointer` where in it the version is');
  return none(
    value === undefined ? 'has nothing at the pointer' : 'has neither a text nor a whole number at the pointer',
  );
}

function firstLine(text: string): string {
  return (
    text
      .trimStart()
      .split(/[\r\n]/, 1)[0]
      ?.trim() ?? ''
  );
}

function checked(version: string): ToldVersion {
  if (isVersion(version)) return { ok: true, version };
  return none('holds no version: 1 to 128 visible ASCII characters without spaces');
}

function none(problem: string): ToldVersion {
  return { ok: false, problem };
}

/** What polls of one side have told. */
export interface PolledVersion {
  /** What was last announced by a poll, or found in force already. */
  readonly told: string | undefined;
  /** What the last poll told, where that is another. */
  readonly next: string | undefined;
}

/**
 * Takes a poll in; `announce` is there where two polls in a row told the same change: while a deployment rolls over several
 * servers, each tells its own.
 */
export function polled(before: PolledVersion, version: string): PolledVersion & { readonly announce?: string } {
  if (version === before.told) return { told: before.told, next: undefined };
  if (version !== before.next) return { told: before.told, next: version };
  return { told: version, next: undefined, announce: version };
}
