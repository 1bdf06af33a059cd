/** One part of the verifier's bench: `bench/verify/sections/NAME.ts`, listed in `sections.ts`. */
export interface BenchSection {
  /** As `--only` names it. */
  readonly name: string;
  run(options: SectionOptions): Promise<Section>;
}

export interface SectionOptions {
  /** The same seed gives the same figures, times excepted. */
  readonly seed: number;
  /** Fewer samples: to see that it works, not for figures. */
  readonly quick: boolean;
  /** How many worlds a section that goes through seeds tries; absent: as many as its target asks for. */
  readonly seeds?: number;
  /** How many faults a fleet suffers; absent: as many as the target asks for. */
  readonly faults?: number;
  /** Threads at once, where a section can use more than one. */
  readonly jobs?: number;
  /** A line for whoever waits; it goes to stderr. */
  progress(text: string): void;
}

export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly tables?: readonly Table[];
  /** Tables too long to read, for `--output json` alone. */
  readonly longTables?: readonly Table[];
  /** What went wrong, one line each, for `--details`. */
  readonly details?: readonly string[];
  /** Files that `--write` puts in the repository; paths from its root. */
  readonly files?: readonly { readonly path: string; readonly text: string }[];
}

/** One figure against what it must reach. */
export interface Row {
  readonly figure: string;
  readonly value: string;
  /** As a sentence would say it: `≤ 0.1 %`; absent where the figure only informs. */
  readonly target?: string;
  readonly met?: boolean;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** `99.53 %`; `–` where there is nothing to count. */
export function percent(part: number, whole: number, digits = 1): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(digits)} %`;
}
