/** Relative error of every quantile within the range. */
const ERROR = 0.01;
const GAMMA = (1 + ERROR) / (1 - ERROR);
const LOG_GAMMA = Math.log(GAMMA);
/** Range in milliseconds: 1 microsecond to 1 hour. Values outside count as the nearer end. */
const MIN_MS = 0.001;
const MAX_MS = 3_600_000;
const FIRST = Math.ceil(Math.log(MIN_MS) / LOG_GAMMA);
const LAST = Math.ceil(Math.log(MAX_MS) / LOG_GAMMA);
/** 1,101 counters of 8 bytes: a sketch takes 9 KB, however much it has seen. */
const SIZE = LAST - FIRST + 1;

/** A sketch as it is stored: pairs of bin and count, empty bins left out. */
export interface LatencySketchJson {
  readonly version: 1;
  readonly bins: readonly (readonly [bin: number, count: number])[];
}

/**
 * Quantiles of durations within 1 % of the true value, in constant memory, mergeable without loss.
 * DDSketch with a fixed range: Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
 * relative-error guarantees", VLDB 2019, sections 2.1 and 2.2: bin i holds (γ^(i-1), γ^i] with γ = 1.01/0.99,
 * and 2γ^i/(γ+1) is within 1 % of everything in it.
 */
export class LatencySketch {
  readonly #bins: Float64Array = new Float64Array(SIZE);
  #count = 0;

  /** Counts one duration in milliseconds; anything that is not a number of at least 0 is not counted. */
  record(ms: number): void {
    if (!(ms >= 0)) return;
    const bin = binOf(ms);
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
    this.#count += 1;
  }

  /**
   * The value at rank ⌊q(n−1)⌋ of all recorded, in milliseconds; undefined while nothing was recorded.
   * @param q 0 to 1; outside counts as the nearer end.
   */
  quantile(q: number): number | undefined {
    if (this.#count === 0) return undefined;
    const rank = Math.floor(Math.min(1, Math.max(0, q)) * (this.#count - 1));
    let seen = 0;
    for (let bin = 0; bin < SIZE; bin++) {
      seen += this.#bins[bin] ?? 0;
      if (seen > rank) return middleOf(bin);
    }
    return middleOf(SIZE - 1);
  }

  /** Adds what another sketch has seen; the other stays as it is. */
  merge(other: LatencySketch): void {
    for (let bin = 0; bin < SIZE; bin++) this.#bins[bin] = (this.#bins[bin] ?? 0) + (other.#bins[bin] ?? 0);
    this.#count += other.#count;
  }

  /** How many durations were recorded. */
  get count(): number {
    return this.#count;
  }

  toJSON(): LatencySketchJson {
    const bins: [number, number][] = [];
    for (let bin = 0; bin < SIZE; bin++) {
      const count = this.#bins[bin] ?? 0;
      if (count > 0) bins.push([bin, count]);
    }
    return { version: 1, bins };
  }

  /** The sketch `toJSON` wrote; undefined for anything else. */
  static fromJSON(json: unknown): LatencySketch | undefined {
    if (typeof json !== 'object' || json === null || !('version' in json) || json.version !== 1) return undefined;
    if (!('bins' in json) || !Array.isArray(json.bins)) return undefined;
    const sketch = new LatencySketch();
    for (const entry of json.bins as unknown[]) {
      if (!isBin(entry)) return undefined;
      sketch.#bins[entry[0]] = (sketch.#bins[entry[0]] ?? 0) + entry[1];
      sketch.#count += entry[1];
    }
    return sketch;
  }
}

function isBin(entry: unknown): entry is [number, number] {
  if (!Array.isArray(entry) || entry.length !== 2) return false;
  const [bin, count] = entry as unknown[];
  return (
    Number.isInteger(bin) && Number(bin) >= 0 && Number(bin) < SIZE && Number.isSafeInteger(count) && Number(count) > 0
  );
}

function binOf(ms: number): number {
  const clamped = Math.min(MAX_MS, Math.max(MIN_MS, ms));
  return Math.ceil(Math.log(clamped) / LOG_GAMMA) - FIRST;
}

function middleOf(bin: number): number {
  return (2 * GAMMA ** (bin + FIRST)) / (GAMMA + 1);
}
