import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { cellOf, verifiedExchange } from '../../test/support/traffic.ts';
import type { EndpointId } from '../core/cell.ts';
import type { NoisePath, Recording } from '../core/ports.ts';
import type { EndpointPower } from '../core/power.ts';
import { PowerMeter, type PowerMeterOptions } from './power-meter.ts';
import type { Measured } from './power-thread.ts';
import type { PowerTask } from './power-worker.ts';

const A = 'GET /a' as EndpointId;
const B = 'GET /b' as EndpointId;

function recording(id: string): Recording {
  const cell = cellOf('acme', A);
  const exchange = {
    ...verifiedExchange(cell, 'match'),
    answers: { control: { status: 200 }, candidate: { status: 201 } },
  };
  return { id, at: 1, cell, exchange };
}

const found = (answers: number): EndpointPower => ({
  endpoint: A,
  answers,
  faults: [],
  power: 0.9,
  rules: [],
  noiseHides: 0,
});

class Bench {
  readonly clock = new ManualClock();
  readonly tasks: PowerTask[] = [];
  readonly measured: EndpointId[] = [];
  endpoints: EndpointId[] = [A];
  recordings: Recording[] = [];
  paths: NoisePath[] = [];
  isDown = false;
  answer = async (task: PowerTask): Promise<Measured> => ({ found: found(task.recordings.length) });
  readonly meter: PowerMeter;

  constructor(more: Partial<PowerMeterOptions> = {}) {
    this.meter = new PowerMeter({
      store: {
        recordings: async ({ limit }) => {
          if (this.isDown) throw new Error('gone');
          return { items: this.recordings.slice(0, limit) };
        },
      },
      clock: this.clock,
      demanded: 0.95,
      impossible: undefined,
      compare: {
        policy: { rules: [], headers: [], keyOrder: false },
        limits: { maxDecodedBytes: 1_000, timeoutMs: 1_000 },
      },
      noise: () => new Map([[A, this.paths]]),
      snapshots: () => new Map([[A, { of: 'a' }]]),
      endpoints: () => this.endpoints,
      measure: (task) => {
        this.tasks.push(task);
        return this.answer(task);
      },
      onMeasured: (endpoint) => this.measured.push(endpoint),
      ...more,
    });
  }

  /** Lets so many seconds pass, with a look each second. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.clock.advance(1_000);
      await this.meter.round();
    }
  }
}

const ten = Array.from({ length: 10 }, (_, n) => recording(`r${n}`));

describe('the meter of power', () => {
  test('says so where nothing is recorded, and measures with the first recording, by the noise of the endpoint', async () => {
    const bench = new Bench();
    await bench.pass(2);
    expect(bench.meter.known(A)).toMatchObject({ recorded: 0, found: undefined, trouble: '' });
    bench.recordings = [recording('r1')];
    await bench.pass(10);
    expect(bench.meter.known(A)).toMatchObject({ recorded: 1, found: { answers: 1, power: 0.9 } });
    expect(bench.tasks).toHaveLength(1);
    expect(bench.tasks[0]?.standard.noise).toEqual(new Map([[A, { of: 'a' }]]));
    // The candidate's answer has no part in it.
    expect(bench.tasks[0]?.recordings[0]).toMatchObject({ control: { status: 200 }, candidate: {} });
    expect(bench.measured).toEqual([A, A]);
  });

  test('measures anew when noise changed, or some minutes later when recordings did, and otherwise never', async () => {
    const bench = new Bench();
    bench.recordings = ten;
    await bench.pass(600);
    expect(bench.tasks).toHaveLength(1);
    bench.paths = [{ path: 'body/id', class: 'token', envelope: '', samples: 9 }];
    await bench.pass(40);
    expect(bench.tasks).toHaveLength(2);
    bench.paths = [{ path: 'body/id', class: 'token', envelope: 'of 20 characters', samples: 10 }];
    bench.recordings = [recording('r10'), ...ten];
    await bench.pass(200);
    expect(bench.tasks).toHaveLength(2);
    await bench.pass(140);
    expect(bench.tasks).toHaveLength(3);
  });

  test('takes fewer answers where all of them take too long, and rests after that', async () => {
    const bench = new Bench();
    bench.recordings = ten;
    bench.answer = async () => ({ trouble: 'measuring took longer than 60 s', isLong: true });
    await bench.pass(200);
    expect(bench.tasks.map(({ recordings }) => recordings.length)).toEqual([10, 2]);
    expect(bench.meter.known(A)).toMatchObject({ found: undefined, trouble: 'measuring took longer than 60 s' });
    bench.answer = async (task) => ({ found: found(task.recordings.length) });
    await bench.pass(200);
    expect(bench.meter.known(A)).toMatchObject({ found: { answers: 2 }, trouble: '' });
  });

  test('keeps what it knows while the store is gone, and forgets endpoints that are no more', async () => {
    const bench = new Bench();
    bench.recordings = ten;
    bench.endpoints = [A, B];
    await bench.pass(3);
    expect(bench.meter.known(B)).toBeDefined();
    bench.isDown = true;
    await bench.pass(100);
    expect(bench.meter.known(A)).toMatchObject({ recorded: 10 });
    bench.endpoints = [B];
    await bench.pass(2);
    expect(bench.meter.known(A)).toBeUndefined();
  });

  test('without a demand measures only while somebody looks', async () => {
    const bench = new Bench({ demanded: undefined });
    bench.recordings = ten;
    await bench.pass(60);
    expect(bench.tasks).toHaveLength(0);
    expect(bench.meter.look().endpoints).toEqual(new Map([[A, undefined]]));
    await bench.pass(2);
    expect(bench.meter.look().endpoints.get(A)).toMatchObject({ found: { power: 0.9 } });
    await bench.pass(601);
    bench.paths = [{ path: 'body/id', class: 'token', envelope: '', samples: 9 }];
    await bench.pass(60);
    expect(bench.tasks).toHaveLength(1);
  });

  test('says why where bodies are not kept', () => {
    const bench = new Bench({ demanded: undefined, impossible: 'redact.bodies is none' });
    expect(bench.meter.look().endpoints.get(A)).toMatchObject({ trouble: 'redact.bodies is none', found: undefined });
  });
});
