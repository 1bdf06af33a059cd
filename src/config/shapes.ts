import { z } from 'zod';

/** A mapping with these keys and no others. `expected` completes "expected …" where something else is there, or nothing. */
export function mapping<T extends z.core.$ZodLooseShape>(shape: T, expected = 'a mapping') {
  return z.strictObject(shape, { error: expected });
}

/** A list with a bound. */
export function list<T extends z.ZodType>(element: T, max: number, min = 0) {
  const error = min === 0 ? `a list of at most ${max}` : `a list of ${min} to ${max}`;
  return z.array(element, { error }).min(min, { error }).max(max, { error });
}

/** A mapping whose keys the user chooses. */
export function table<V extends z.ZodType>(key: Parameters<typeof z.record>[0], value: V) {
  return z.record(key, value, { error: 'a mapping' });
}
