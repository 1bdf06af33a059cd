import type { Cell, Side } from '../core/cell.ts';
import type { CellCounts } from '../core/ports.ts';
import { VERDICTS, type Verdict } from '../core/verdict.ts';

/** Where each count lies in a tally: 2 sides, 4 verdicts, unverified. */
const SERVED: Readonly<Record<Side, number>> = { control: 0, candidate: 1 };
const VERDICT: Readonly<Record<Verdict, number>> = { match: 2, ignored: 3, mismatch: 4, inconclusive: 5 };
const UNVERIFIED = 6;
const SIZE = 7;

/** The counts of a cell or an endpoint: seven numbers in one array, so that counting allocates nothing. */
export class Tally {
  readonly #values: Float64Array = new Float64Array(SIZE);

  addServed(side: Side, by = 1): void {
    this.#add(SERVED[side], by);
  }

  addVerdict(verdict: Verdict, by = 1): void {
    this.#add(VERDICT[verdict], by);
  }

  addUnverified(by = 1): void {
    this.#add(UNVERIFIED, by);
  }

  #add(index: number, by: number): void {
    this.#values[index] = (this.#values[index] ?? 0) + by;
  }

  /** Adds (or, with -1, takes away) what another has counted. */
  addAll(other: Tally, sign: 1 | -1 = 1): void {
    for (let i = 0; i < SIZE; i++) this.#add(i, sign * (other.#values[i] ?? 0));
  }

  addCounts(counts: Omit<CellCounts, 'cell'>): void {
    this.addServed('control', counts.served.control);
    this.addServed('candidate', counts.served.candidate);
    for (const verdict of VERDICTS) this.addVerdict(verdict, counts.verdicts[verdict]);
    this.addUnverified(counts.unverified);
  }

  clear(): void {
    this.#values.fill(0);
  }

  get isZero(): boolean {
    return this.#values.every((value) => value === 0);
  }

  served(side: Side): number {
    return this.#values[SERVED[side]] ?? 0;
  }

  get servedTotal(): number {
    return this.served('control') + this.served('candidate');
  }

  verdict(verdict: Verdict): number {
    return this.#values[VERDICT[verdict]] ?? 0;
  }

  get unverified(): number {
    return this.#values[UNVERIFIED] ?? 0;
  }

  /** Comparisons that told something: all but the inconclusive ones. */
  get verified(): number {
    return this.verdict('match') + this.verdict('ignored') + this.verdict('mismatch');
  }

  /** matches / (matches + mismatches); null before the first of either. */
  get parity(): number | null {
    const match = this.verdict('match');
    const told = match + this.verdict('mismatch');
    return told > 0 ? match / told : null;
  }

  get servedCounts(): Record<Side, number> {
    return { control: this.served('control'), candidate: this.served('candidate') };
  }

  get verdictCounts(): Record<Verdict, number> {
    return {
      match: this.verdict('match'),
      ignored: this.verdict('ignored'),
      mismatch: this.verdict('mismatch'),
      inconclusive: this.verdict('inconclusive'),
    };
  }

  toCounts(cell: Cell): CellCounts {
    return { cell, served: this.servedCounts, verdicts: this.verdictCounts, unverified: this.unverified };
  }
}
