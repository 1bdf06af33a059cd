import { signaturesOf, VERDICTS, type Verdict } from '../core/verdict.ts';
import { isUnexplained } from '../verifier/moved.ts';
import { type Replayed, SKIPPED, type Skipped } from './replay.ts';

export const FAIL_ON = ['new-clusters', 'any', 'none'] as const;
/** What keeps the gate shut: a cause that was not known before, any mismatch, nothing. */
export type FailOn = (typeof FAIL_ON)[number];

/** What was known before. */
export interface Baseline {
  /** Ids of clusters. */
  readonly clusters: ReadonlySet<string>;
  /** Of an earlier replay; otherwise the verdicts of then, of the same requests, tell. */
  readonly parity?: number | null;
}

export interface ReplayCluster {
  readonly id: string;
  readonly endpoint: string;
  readonly pathPattern: string;
  readonly kind: string;
  readonly transition: string;
  readonly requests: number;
  /** A request that shows it, and the values of a difference in it. */
  readonly example: string;
  readonly control?: string;
  readonly candidate?: string;
}

export interface ReplayReport {
  readonly requests: number;
  readonly asked: number;
  readonly skipped: Readonly<Record<Skipped, number>>;
  /** Secrets that were lacking, with the number of requests, the most frequent first; at most 20. */
  readonly secrets: readonly { readonly name: string; readonly requests: number }[];
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** matches / (matches + mismatches), 0 to 1; null where there was neither. */
  readonly parity: number | null;
  /** Of before, over the requests that were asked and have a verdict of then, or of the baseline's report. */
  readonly parityBefore: number | null;
  readonly clusters: {
    readonly new: readonly ReplayCluster[];
    readonly known: readonly ReplayCluster[];
    /** Ids of causes that showed in these requests then and show in none now. */
    readonly gone: readonly string[];
  };
  readonly failOn: FailOn;
  /** Whether the gate is met. Where nothing was asked, or all of it is inconclusive, none but `none` is. */
  readonly met: boolean;
}

const MOST_SECRETS = 20;

/** Sums a replay up, and says whether its gate is met. */
export function replayReport(replayed: readonly Replayed[], baseline: Baseline, failOn: FailOn): ReplayReport {
  const asked = replayed.filter((one) => 'result' in one);
  const skipped = replayed.filter((one) => 'skipped' in one);
  const verdicts = tally(VERDICTS, asked, ({ result }) => result.verdict);
  const clusters = clustersOf(asked);
  const before = new Set([...baseline.clusters, ...replayed.flatMap(({ recorded }) => recorded.clusters)]);
  const isNew = ({ id }: ReplayCluster): boolean => !before.has(id);
  const told = asked.filter(({ result }) => result.verdict !== 'inconclusive');
  const shownThen = new Set(told.flatMap(({ recorded }) => recorded.clusters));
  const shownNow = new Set(clusters.map(({ id }) => id));
  const news = clusters.filter(isNew);
  return {
    requests: replayed.length,
    asked: asked.length,
    skipped: tally(SKIPPED, skipped, (one) => one.skipped),
    secrets: secretsOf(skipped),
    verdicts,
    parity: parityOf(verdicts),
    parityBefore: baseline.parity ?? parityOf(tally(VERDICTS, told, ({ recorded }) => recorded.verdict)),
    clusters: {
      new: news,
      known: clusters.filter((one) => !isNew(one)),
      gone: [...shownThen].filter((id) => !shownNow.has(id)),
    },
    failOn,
    met: failOn === 'none' || (told.length > 0 && (failOn === 'any' ? verdicts.mismatch === 0 : news.length === 0)),
  };
}

function tally<K extends string, T>(
  keys: readonly K[],
  items: readonly T[],
  of: (item: T) => K | undefined,
): Record<K, number> {
  const sums = Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>; // every key is set
  for (const item of items) {
    const key = of(item);
    if (key !== undefined) sums[key] += 1;
  }
  return sums;
}

function parityOf({ match, mismatch }: Readonly<Record<Verdict, number>>): number | null {
  return match + mismatch === 0 ? null : match / (match + mismatch);
}

function clustersOf(asked: readonly Extract<Replayed, { readonly result: unknown }>[]): readonly ReplayCluster[] {
  const found = new Map<string, ReplayCluster>();
  for (const { recorded, result } of asked) {
    for (const { id, endpoint, pathPattern, kind, transition } of signaturesOf(result)) {
      const known = found.get(id);
      if (known !== undefined) {
        found.set(id, { ...known, requests: known.requests + 1 });
        continue;
      }
      // Of several causes, the difference that shows this one: of its kind, and where nothing accounts for it.
      const open = result.differences.filter(isUnexplained);
      const shown = open.find((difference) => difference.kind === kind) ?? open[0];
      found.set(id, {
        id,
        endpoint,
        pathPattern,
        kind,
        transition,
        requests: 1,
        example: `${recorded.request.method} ${recorded.request.target}`,
        ...(shown?.control === undefined ? {} : { control: shown.control }),
        ...(shown?.candidate === undefined ? {} : { candidate: shown.candidate }),
      });
    }
  }
  return [...found.values()].sort((a, b) => b.requests - a.requests);
}

function secretsOf(skipped: readonly Extract<Replayed, { readonly skipped: Skipped }>[]): ReplayReport['secrets'] {
  const requests = new Map<string, number>();
  for (const name of skipped.flatMap(({ missing }) => missing)) requests.set(name, (requests.get(name) ?? 0) + 1);
  return [...requests]
    .map(([name, count]) => ({ name, requests: count }))
    .sort((a, b) => b.requests - a.requests)
    .slice(0, MOST_SECRETS);
}

/** A share to a tenth of a percent, never rounded up to all. */
export function shareText(share: number | null): string {
  if (share === null) return '–';
  const tenths = Math.floor(share * 1_000) / 10;
  return `${tenths.toFixed(1)} %`;
}

/** One line: `parity 93.1 % → 93.6 %, 2 clusters gone, 1 new`. */
export function replayLine({ parity, parityBefore, clusters }: ReplayReport): string {
  const shown = parityBefore === null ? shareText(parity) : `${shareText(parityBefore)} → ${shareText(parity)}`;
  const gone = clusters.gone.length;
  return `parity ${shown}, ${gone} ${gone === 1 ? 'cluster' : 'clusters'} gone, ${clusters.new.length} new`;
}

/** What was not asked, a sentence each. */
export function skippedLines({ requests, skipped, secrets }: ReplayReport): string[] {
  const names = secrets.slice(0, 5).map(({ name }) => name);
  return [
    ...(skipped.secrets === 0
      ? []
      : [
          `${skipped.secrets} of ${requests} need secrets (${names.join(', ')}${secrets.length > 5 ? ', …' : ''}): give --header, --cookie or --credentials, or --anonymous to go without`,
        ]),
    ...(skipped.acts === 0 ? [] : [`${skipped.acts} of ${requests} change something and are never sent`]),
    ...(skipped.noAnswer === 0
      ? []
      : [
          `${skipped.noAnswer} of ${requests} have no answer to compare with, because it was not kept whole or without its values: name a --control`,
        ]),
  ];
}

/** Rows of clusters in a summary; further ones are counted. */
const MOST_ROWS = 20;

/** A summary for a pull request, in GitHub's Markdown. */
export function replayMarkdown(report: ReplayReport): string {
  const { verdicts, clusters } = report;
  const lines = [
    `### Cutover: ${report.met ? 'gate met' : 'gate not met'}`,
    '',
    `**${replayLine(report)}**`,
    '',
    `${report.asked} of ${report.requests} recorded requests asked: ${verdicts.match} match, ${verdicts.mismatch} differ, ${verdicts.ignored} ignored, ${verdicts.inconclusive} inconclusive.`,
    ...skippedLines(report).map((line) => `- ${line}`),
  ];
  const rows = [
    ...clusters.new.map((one) => ({ ...one, mark: 'new' })),
    ...clusters.known.map((one) => ({ ...one, mark: 'known' })),
  ];
  if (rows.length > 0)
    lines.push(
      '',
      '| | requests | endpoint | where | control | candidate | example |',
      '|---|--:|---|---|---|---|---|',
    );
  for (const row of rows.slice(0, MOST_ROWS)) {
    const cells = [
      row.endpoint,
      `${row.pathPattern} (${row.kind})`,
      row.control ?? 'absent',
      row.candidate ?? 'absent',
      row.example,
    ];
    lines.push(`| ${row.mark} | ${row.requests} | ${cells.map(inCell).join(' | ')} |`);
  }
  if (rows.length > MOST_ROWS) lines.push('', `and ${rows.length - MOST_ROWS} clusters more`);
  return `${lines.join('\n')}\n`;
}

const CELL_CHARS = 80;

/** Text from elsewhere as code in a table: it must neither end the cell nor become markup. */
function inCell(text: string): string {
  const cut = text.length > CELL_CHARS ? `${text.slice(0, CELL_CHARS - 1)}…` : text;
  const plain = cut
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
    .replaceAll('`', "'")
    .replaceAll('|', '\\|')
    .trim();
  return plain === '' ? '` `' : `\`${plain}\``;
}
