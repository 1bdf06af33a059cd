import type { Exchange } from '../../src/core/observation.ts';
import { type Endpoint, type Made, type Planting, read, requestOf, TENANT } from './corpus/endpoint.ts';
import type { Injector } from './corpus/injector.ts';
import { Random } from './random.ts';

const MINUTE = 60_000;
const BEGIN = Date.parse('2026-05-10T08:00:00Z');

/** Exchanges of one made endpoint under some kinds of noise, minutes apart: two readings of the same data each. */
export class Exchanges {
  readonly #endpoint: Endpoint;
  readonly #noise: readonly Injector[];
  readonly #name: string;
  readonly #random: Random;
  #at = BEGIN;
  #count = 0;

  /** @param stream Streams of different names are independent. */
  constructor(endpoint: Endpoint, noise: readonly Injector[], stream = 'trial') {
    this.#endpoint = endpoint;
    this.#noise = noise;
    this.#name = noise[0]?.name ?? '';
    this.#random = new Random(endpoint.seed, stream, ...noise.map(({ name }) => name));
  }

  /** The next exchange: some minutes later. With a planting, the sound answer of the candidate comes too. */
  next(planting?: Planting): { exchange: Exchange; candidate: Made; sound: Made } {
    this.#count++;
    this.#at += 6 * MINUTE + this.#random.integer(0, 8 * MINUTE);
    const n = this.#random.integer(1, 500);
    const first = this.#at + this.#random.integer(2, 15);
    const gapMs = this.#random.integer(10, 90);
    const reading = (side: string, now: number) => ({
      n,
      at: this.#at,
      now,
      random: new Random(this.#endpoint.seed, this.#name, this.#count, side),
    });
    const control = read(this.#endpoint, this.#noise, reading('control', first));
    const sound = read(this.#endpoint, this.#noise, reading('candidate', first + gapMs));
    const candidate =
      planting === undefined ? sound : read(this.#endpoint, this.#noise, reading('candidate', first + gapMs), planting);
    return {
      exchange: {
        id: `${this.#at.toString(36)}-${this.#count}`,
        at: this.#at,
        cell: { tenant: TENANT, endpoint: this.#endpoint.id },
        direction: 'forward',
        request: requestOf(this.#endpoint, n),
        control: control.answer,
        candidate: candidate.answer,
        gapMs,
        versions: { control: '1', candidate: '2' },
      },
      candidate,
      sound,
    };
  }
}
