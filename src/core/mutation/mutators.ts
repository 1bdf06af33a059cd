import { ANSWER_FAULTS } from './answer-faults.ts';
import { HTML_FAULTS } from './html-faults.ts';
import { JSON_FAULTS } from './json-faults.ts';
import type { Mutator } from './mutator.ts';
import { VALUE_FAULTS } from './value-faults.ts';

export type { Mutator, Planted } from './mutator.ts';

/** Faults that rewrites of services have had, each with a name of its own. */
export const MUTATORS: readonly Mutator[] = [...JSON_FAULTS, ...VALUE_FAULTS, ...HTML_FAULTS, ...ANSWER_FAULTS];
