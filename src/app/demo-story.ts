import { RELEASES, type Release } from '../../examples/storefront/releases.ts';
import type { Application } from './demo-children.ts';

/**
 * When each release after the first is deployed, as a share of the demo. Between the themes and the bad release traffic
 * must have time to move, after the last one to move again.
 */
const SHARES: Readonly<Record<(typeof RELEASES)[number]['version'], number>> = {
  '1.0.0': 0,
  '1.1.0': 0.12,
  '1.2.0': 0.19,
  '1.3.0': 0.26,
  '1.4.0': 0.33,
  '1.5.0': 0.66,
  '1.5.1': 0.74,
};
/** The story takes a minute at least; a shorter demo shows its beginning. */
const SHORTEST_MS = 60_000;
/** Without an end: so long until the next release, and so often that until the bad one. */
const USUAL_MS = 15_000;
const WAITS: Readonly<Record<string, number>> = { '1.5.0': 2 };

export interface Planned {
  readonly release: Release;
  /** From the start. */
  readonly atMs: number;
}

/** The releases that are deployed before the demo ends, in order; `durationMs` undefined: without end. */
export function timeline(durationMs: number | undefined): Planned[] {
  if (durationMs === undefined) {
    let atMs = 0;
    return RELEASES.slice(1).map((release) => {
      atMs += USUAL_MS * (WAITS[release.version] ?? 1);
      return { release, atMs };
    });
  }
  const wholeMs = Math.max(durationMs, SHORTEST_MS);
  return RELEASES.slice(1)
    .map((release) => ({ release, atMs: Math.round(SHARES[release.version] * wholeMs) }))
    .filter(({ atMs }) => atMs < durationMs);
}

/** A release that ran, from when (milliseconds since the epoch). */
export interface Deployed {
  readonly release: Release;
  readonly at: number;
}

/** Deploys one release after the other while the demo runs. */
export class Story {
  readonly #candidate: Application;
  readonly #announce: (line: string) => void;
  readonly #deployed: Deployed[] = [];
  #timers: readonly NodeJS.Timeout[] = [];

  constructor(candidate: Application, announce: (line: string) => void) {
    this.#candidate = candidate;
    this.#announce = announce;
  }

  /** What ran, oldest first. */
  get deployed(): readonly Deployed[] {
    return this.#deployed;
  }

  begin(plan: readonly Planned[]): void {
    this.#deployed.push({ release: RELEASES[0], at: Date.now() });
    this.#timers = plan.map(({ release, atMs }) =>
      setTimeout(() => this.#candidate.tell(`deploy ${release.version}`), atMs),
    );
  }

  /** A line the candidate printed. */
  heard(line: string): void {
    const version = /^deployed (\S+)$/.exec(line)?.[1];
    const release = RELEASES.find((one) => one.version === version);
    if (release === undefined) return;
    this.#deployed.push({ release, at: Date.now() });
    this.#announce(`deployed ${release.version}: ${release.says}`);
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
