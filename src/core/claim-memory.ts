import { type Claim, type DecodeBase64Url, readClaim, type TokenFault } from './claim.ts';

export interface ClaimMemoryOptions {
  readonly decode: DecodeBase64Url;
  /** Told for each request whose token says nothing, also where that was known already. */
  readonly onFault: (fault: TokenFault) => void;
  /** Values known, in each of two generations. Default 1,000: most services have fewer users at a moment, and others forget the oldest. */
  readonly values?: number;
  /** Their characters together, in each of two generations. Default 4 Mi. */
  readonly characters?: number;
}

const MAX_VALUES = 1_000;
const MAX_CHARACTERS = 4 * 1_048_576;

type Claims = Map<string, Claim>;

/**
 * Claims of tokens that were read, by the value they came in: clients send the same token for minutes or hours, and reading one
 * costs more than the rest of a decision. Tokens are credentials: they are in memory only, and those not sent any more
 * go as others come.
 *
 * Two generations: what is asked for moves to the younger one; where that is full, the older one goes. That keeps what is in
 * use without an order to maintain on every request.
 */
export class ClaimMemory {
  readonly #decode: DecodeBase64Url;
  readonly #onFault: (fault: TokenFault) => void;
  readonly #maxValues: number;
  readonly #maxCharacters: number;
  #young = new Map<string, Claims>();
  #old: ReadonlyMap<string, Claims> = new Map();
  #characters = 0;

  constructor({ decode, onFault, values = MAX_VALUES, characters = MAX_CHARACTERS }: ClaimMemoryOptions) {
    this.#decode = decode;
    this.#onFault = onFault;
    this.#maxValues = values;
    this.#maxCharacters = characters;
  }

  /** Values that are known; at most twice the bound. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The name under a claim; null where several tokens were sent; undefined where there is none or it says nothing. */
  claimOf(value: string, claim: string): string | null | undefined {
    const found = this.#known(value, claim) ?? this.#read(value, claim);
    if ('name' in found) return found.name;
    if (found.fault === 'several') return null;
    if (found.fault !== 'absent') this.#onFault(found.fault);
    return undefined;
  }

  #known(value: string, claim: string): Claim | undefined {
    const young = this.#young.get(value);
    if (young !== undefined) return young.get(claim);
    const old = this.#old.get(value);
    if (old === undefined) return undefined;
    this.#keep(value, old);
    return old.get(claim);
  }

  #read(value: string, claim: string): Claim {
    const found = readClaim(value, claim, this.#decode);
    const claims = this.#young.get(value);
    if (claims !== undefined) claims.set(claim, found);
    // A copy, because what was cut out of a request's head holds all of the head in memory.
    else this.#keep(copyOf(value), new Map([[claim, found]]));
    return found;
  }

  #keep(value: string, claims: Claims): void {
    if (this.#young.size >= this.#maxValues || this.#characters + value.length > this.#maxCharacters) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#characters = 0;
    }
    this.#young.set(value, claims);
    this.#characters += value.length;
  }
}

function copyOf(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string; // what was written as a text is read as one
}
