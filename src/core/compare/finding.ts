import type { DifferenceKind } from '../verdict.ts';
import type { Path } from './path.ts';
import { pathPattern, pathText } from './path.ts';

export type ValueType = 'null' | 'boolean' | 'number' | 'text' | 'array' | 'object' | 'element' | 'bytes';

/** A value on one side of a finding. */
export interface Value {
  readonly type: ValueType;
  /** A text or number in full; trees and bytes rendered and cut. */
  readonly text: string;
  /** For trees: what they are made of, without content. */
  readonly shape?: string;
}

/** One difference as the walk found it, before rules and noise have been asked. */
export interface Finding {
  readonly place: Place;
  readonly kind: DifferenceKind;
  readonly control?: Value;
  readonly candidate?: Value;
  /** Names the cause before everything but the status: the answer itself says that it failed. */
  readonly grave?: true;
  /** Already accounted for by the way the walk was told to compare: an unordered list, a random pick. */
  readonly accounted?: Accounted;
}

export interface Accounted {
  readonly noise?: string;
  readonly rule?: string;
  readonly ignored?: true;
}

/** Where a finding is. */
export interface Place {
  /** As reported: `body/items/0/id`, `header:location`. */
  readonly path: string;
  /** The same with indices and varying keys replaced. */
  readonly pattern: string;
  /** Finer than the path where the report has no word for it: `session/samesite` of a cookie. */
  readonly detail?: string;
  /** A name that tells what the value is: the member, the cookie, the `name` of the form field. */
  readonly name: string;
}

/** The place of a path in a body. */
export function placeOf(path: Path, name?: string): Place {
  return { path: pathText(path), pattern: pathPattern(path), name: name ?? nameOf(path) };
}

/** The nearest segment that is no index. */
function nameOf(path: Path): string {
  for (let at: Path | undefined = path; at !== undefined; at = at.parent) {
    if (at.pattern !== '*') return at.text;
  }
  return '';
}

/** Findings kept of one comparison; a pair that differs in more is a mismatch whatever rules say. */
const MAX_FINDINGS = 10_000;

/** Collects what the walks find. */
export class Findings {
  readonly list: Finding[] = [];
  /** Found in all, also those no longer kept. */
  count = 0;

  add(finding: Finding): void {
    this.count++;
    if (this.list.length < MAX_FINDINGS) this.list.push(finding);
  }

  /** Whether some were found but not kept. */
  get overflowed(): boolean {
    return this.count > this.list.length;
  }
}

/** A text as a finding's value. */
export function textValue(text: string): Value {
  return { type: 'text', text };
}
