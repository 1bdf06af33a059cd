import { hash48 } from '../compare/hash.ts';

/** Patterns watched, and values kept of each. */
const MAX_PATTERNS = 500;
const MAX_VALUES = 64;

interface Seen {
  readonly control: string;
  readonly candidate: string;
  readonly exchange: string;
}

/** A value that should be drawn anew, on both sides. */
export interface Drawn {
  readonly pattern: string;
  /** Path and time of the request: the same pair may be checked more than once. */
  readonly exchange: string;
  readonly control: string;
  readonly candidate: string;
}

/** Remembers drawn values as hashes, so that one that comes again is noticed. */
export class ReuseGuard {
  private readonly patterns = new Map<string, { byControl: Map<string, Seen>; byCandidate: Map<string, Seen> }>();

  /**
   * `frozen`: the candidate gave this value before, for another one of the control.
   * `stable`: the control gave this value before, for another one of the candidate: it is not drawn anew at all.
   */
  note(drawn: Drawn): 'frozen' | 'stable' | 'fresh' {
    const known = this.watched(drawn.pattern);
    if (known === undefined) return 'fresh';
    const seen = { control: hash48(drawn.control), candidate: hash48(drawn.candidate), exchange: drawn.exchange };
    const sameCandidate = known.byCandidate.get(seen.candidate);
    const sameControl = known.byControl.get(seen.control);
    if (sameCandidate === undefined) keep(known.byCandidate, seen.candidate, seen);
    if (sameControl === undefined) keep(known.byControl, seen.control, seen);
    if (sameCandidate !== undefined && isOther(sameCandidate, seen)) return 'frozen';
    return sameControl !== undefined && isOther(sameControl, seen) ? 'stable' : 'fresh';
  }

  private watched(pattern: string): { byControl: Map<string, Seen>; byCandidate: Map<string, Seen> } | undefined {
    let known = this.patterns.get(pattern);
    if (known === undefined && this.patterns.size < MAX_PATTERNS) {
      known = { byControl: new Map(), byCandidate: new Map() };
      this.patterns.set(pattern, known);
    }
    return known;
  }
}

/** Another pair with other values; the same exchange looked at again is none. */
function isOther(a: Seen, b: Seen): boolean {
  return a.exchange !== b.exchange && (a.control !== b.control || a.candidate !== b.candidate);
}

/** The oldest makes room. */
function keep(map: Map<string, Seen>, key: string, seen: Seen): void {
  if (map.size >= MAX_VALUES) {
    const oldest = map.keys().next();
    if (!oldest.done) map.delete(oldest.value);
  }
  map.set(key, seen);
}
