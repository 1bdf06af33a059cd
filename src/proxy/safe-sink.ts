import type { Log, TrafficSink } from '../core/ports.ts';

/** Faults of the sink between two log lines: one each would drown the log, and the first tells what is wrong. */
const LOG_EVERY = 1_000;

/** A sink whose faults stay here: counting wrongly is bad, failing a client for it is worse (I2, I11). */
export function safeSink(sink: TrafficSink, log: Log): TrafficSink {
  let faults = 0;
  const guarded = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      if (faults % LOG_EVERY === 0) log.error('proxy.sink-fault', { faults: faults + 1, message: String(error) });
      faults += 1;
    }
  };
  return {
    served: (record, path) => guarded(() => sink.served(record, path)),
    mirrored: (exchange) => guarded(() => sink.mirrored(exchange)),
    unverified: (cell, reason) => guarded(() => sink.unverified(cell, reason)),
    health: (change) => guarded(() => sink.health(change)),
  };
}
