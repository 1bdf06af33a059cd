/** Bytes that captures hold together; whoever finds it full gives its capture up. */
export class CapturePool {
  readonly #limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Under pressure from 90 % on. */
  get isNearlyFull(): boolean {
    return this.#usedBytes >= this.#limitBytes * 0.9;
  }
}
