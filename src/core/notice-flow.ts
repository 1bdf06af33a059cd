import { countedTitle, type GatheredKind, MAX_NAMES_TOLD, makeNotice, type Notice, namesText } from './notice.ts';

/** How long things of which many may come are gathered into one notice. */
export const GATHER_MS = 60_000;
const GATHERED: readonly GatheredKind[] = ['opened', 'closed', 'cluster'];

interface Group {
  readonly kind: GatheredKind;
  readonly first: Notice;
  readonly endsAt: number;
  count: number;
  readonly names: string[];
}

/**
 * Makes one notice of what comes in numbers: cells opened or closed and clusters found within a minute of the first.
 * Everything else passes at once. At most one group a kind.
 */
export class NoticeGatherer {
  readonly #groups = new Map<GatheredKind, Group>();

  /** The notice itself where it is to be told at once. `now` is steady time. */
  add(notice: Notice, now: number): Notice | undefined {
    const kind = GATHERED.find((one) => one === notice.kind);
    if (kind === undefined) return notice;
    const group = this.#groups.get(kind);
    if (group === undefined) {
      const { count, names } = notice;
      this.#groups.set(kind, { kind, first: notice, endsAt: now + GATHER_MS, count, names: [...names] });
      return undefined;
    }
    group.count += notice.count;
    for (const name of notice.names) {
      if (group.names.length < MAX_NAMES_TOLD && !group.names.includes(name)) group.names.push(name);
    }
    return undefined;
  }

  /** Whether anything is being gathered. */
  get isGathering(): boolean {
    return this.#groups.size > 0;
  }

  /** The groups whose minute is over, oldest first; all of them at the end of time. */
  due(now: number): readonly Notice[] {
    const due = [...this.#groups.values()].filter(({ endsAt }) => now >= endsAt);
    for (const { kind } of due) this.#groups.delete(kind);
    return due.sort((a, b) => a.endsAt - b.endsAt).map(noticeOf);
  }
}

function noticeOf({ kind, first, count, names }: Group): Notice {
  if (count === first.count) return first;
  const { at, actor, revision } = first;
  return makeNotice({
    kind,
    at,
    actor,
    ...(revision === undefined ? {} : { revision }),
    title: countedTitle(kind, count, names),
    text: `${namesText(names, count)}Within a minute; the first: ${first.reason === '' ? first.text : first.reason}`,
    scope: `${count} ${kind === 'cluster' ? 'clusters' : 'cells'}`,
    reason: first.reason,
    evidence: { count, names },
    count,
    names,
  });
}

/** Notices a target gets a minute: people read no more. */
export const RATE = { notices: 30, withinMs: 60_000 } as const;

/** Bounds what one target gets: 30 within a minute from the first; the rest is summed up in one notice when that minute is over. */
export class NoticeRate {
  #endsAt: number | undefined;
  #passed = 0;
  #kept = new Map<string, number>();

  /** Whether the notice may go; what may not is counted. `now` is steady time. Ask `due` first. */
  admit(notice: Notice, now: number): boolean {
    this.#endsAt ??= now + RATE.withinMs;
    if (this.#passed < RATE.notices) {
      this.#passed += 1;
      return true;
    }
    this.#kept.set(notice.kind, (this.#kept.get(notice.kind) ?? 0) + 1);
    return false;
  }

  /** Whether something is kept back. */
  get isHolding(): boolean {
    return this.#kept.size > 0;
  }

  /** Where the minute is over: begins anew, and gives the sum of what was kept back, if anything was. `at` is what people read. */
  due(now: number, at: number): Notice | undefined {
    if (this.#endsAt === undefined || now < this.#endsAt) return undefined;
    const kept = [...this.#kept].sort((a, b) => b[1] - a[1]);
    this.#endsAt = undefined;
    this.#passed = 0;
    this.#kept = new Map();
    if (kept.length === 0) return undefined;
    const count = kept.reduce((sum, [, one]) => sum + one, 0);
    const parts = kept.map(([kind, one]) => `${one} ${kind}`);
    return makeNotice({
      kind: 'more',
      at,
      title: `And ${count} more: ${parts.join(', ')}`,
      text: `More than ${RATE.notices} notices came within a minute. All changes are in the journal: cutover journal`,
      evidence: Object.fromEntries(kept),
      count,
    });
  }
}
