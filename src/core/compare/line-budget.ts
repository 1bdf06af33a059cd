import type { Budget } from './budget.ts';

/** Counts the lines of a text as work before it is split: millions of empty ones take no bytes to send and much to hold. */
export function spendLines(text: string, budget: Budget): void {
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) budget.spend(1);
}
