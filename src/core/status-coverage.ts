/** Comparisons that a class of status takes to count as compared. */
export const PER_CLASS = 3;
/** Answers of the control from which on shares are told. */
const MIN_ANSWERS = 100;
/** Answers after which what was seen counts half. */
const MEMORY = 10_000;

/** Three bits for each of the classes 1 to 5; seven is seven or more. */
const BITS = 3;
const MOST = (1 << BITS) - 1;

/** How many comparisons of a class are counted: 0 to 7. */
export function classCompared(packed: number, statusClass: number): number {
  return statusClass < 1 || statusClass > 5 ? 0 : (packed >> (BITS * (statusClass - 1))) & MOST;
}

/** Takes one comparison in. All classes are one number, because every cell has it. */
export function comparedWith(packed: number, statusClass: number, by = 1): number {
  if (statusClass < 1 || statusClass > 5) return packed;
  const before = classCompared(packed, statusClass);
  return packed + ((Math.min(MOST, before + by) - before) << (BITS * (statusClass - 1)));
}

/** What two have compared, each by itself. */
export function mergedCompared(one: number, other: number): number {
  return [1, 2, 3, 4, 5].reduce((sum, of) => comparedWith(sum, of, classCompared(other, of)), one);
}

/** The control's answers by class of status, index 1 to 5; index 0 is not used. */
export type Answers = readonly number[];

export function noAnswers(): number[] {
  return [0, 0, 0, 0, 0, 0];
}

/**
 * Takes an answer of the control in, in place: it is called for every request. 206 and 304 tell nothing of their own: a part
 * of an answer, and one that the client has already; such pairs are never compared.
 */
export function noteAnswer(answers: number[], status: number): void {
  const statusClass = Math.floor(status / 100);
  if (status === 206 || status === 304 || statusClass < 2 || statusClass > 5) return;
  answers[statusClass] = (answers[statusClass] ?? 0) + 1;
  if (total(answers) < MEMORY) return;
  for (const [index, count] of answers.entries()) answers[index] = count / 2;
}

/**
 * The classes of status that a proof must have compared: what the control answers with in a relevant share. Its failures
 * (5xx) are none: where both fail nothing can be told.
 * @param share From 0 to 1.
 */
export function classesToCompare(answers: Answers, share: number): readonly number[] {
  const all = total(answers);
  if (all < MIN_ANSWERS) return [];
  return [2, 3, 4].filter((of) => (answers[of] ?? 0) / all >= share);
}

function total(answers: Answers): number {
  return answers.reduce((sum, count) => sum + count, 0);
}

/** Saved answers; none where they are not of their form. */
export function answersOf(saved: unknown): number[] {
  const isWhole =
    Array.isArray(saved) &&
    saved.length === noAnswers().length &&
    saved.every((count) => typeof count === 'number' && count >= 0 && count <= MEMORY);
  return isWhole ? [...(saved as number[])] : noAnswers(); // looked at
}
