import { murmur3 } from './bucket.ts';

/**
 * Counts by hash in a fixed number of slots. Two names in one slot share its count, so a cap is met too early at worst: never too late.
 * Memory: two bytes a slot.
 */
export class SlotCounts {
  private readonly slots: Uint16Array;
  /** Slots that hold anything: a lower bound of the distinct names seen. */
  distinct = 0;

  constructor(size: number) {
    this.slots = new Uint16Array(size);
  }

  get size(): number {
    return this.slots.length;
  }

  get(name: string): number {
    return this.slots[murmur3(name) % this.slots.length] ?? 0;
  }

  add(name: string): void {
    const slot = murmur3(name) % this.slots.length;
    const count = this.slots[slot] ?? 0;
    if (count === 0) this.distinct += 1;
    if (count < 0xffff) this.slots[slot] = count + 1;
  }

  /** Adds the counts of another of the same size; those that are full stay full. */
  merge(other: SlotCounts): void {
    this.distinct = 0;
    for (let slot = 0; slot < this.slots.length; slot++) {
      const sum = Math.min(0xffff, (this.slots[slot] ?? 0) + (other.slots[slot] ?? 0));
      this.slots[slot] = sum;
      if (sum > 0) this.distinct += 1;
    }
  }

  toJSON(): (readonly [number, number])[] {
    return [...this.slots].flatMap((count, slot) => (count === 0 ? [] : [[slot, count] as const]));
  }

  restore(entries: unknown): void {
    if (!Array.isArray(entries)) return;
    for (const entry of entries) {
      if (!Array.isArray(entry)) continue;
      const [slot, count] = entry as unknown[]; // looked at below
      if (typeof slot !== 'number' || typeof count !== 'number' || !(slot in this.slots)) continue;
      this.slots[slot] = count;
    }
    this.distinct = this.slots.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
  }
}
