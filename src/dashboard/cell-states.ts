import type { CellState } from '../core/cell.ts';

/** What a state means, for the legend and the sheet. */
export const STATE_TEXT: Readonly<Record<CellState, string>> = {
  observing: 'watched, no proof yet',
  open: 'proof is there',
  renewing: 'proof is being renewed',
  held: 'stays where it is',
  closed: 'went back, counts anew',
  latched: 'rolled back until lifted',
};
