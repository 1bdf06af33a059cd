import { z } from 'zod';
import { count, duration } from './fields.ts';
import { mapping } from './shapes.ts';

const fields = mapping({
  errorThreshold: count(1, 1_000).prefault(3).meta({ description: 'Failures in a row until a breaker opens.' }),
  errorTimeout: duration(10, 3_600_000)
    .prefault('20s')
    .meta({ description: 'How long a breaker stays open before the next probe.' }),
  halfOpenTimeout: duration(10, 300_000).prefault('2s').meta({
    description:
      'A probe that takes longer has failed. Keep it above what the candidate usually takes, or a breaker never closes.',
  }),
  successThreshold: count(1, 1_000)
    .prefault(2)
    .meta({ description: 'Probes in a row that must succeed until a breaker closes.' }),
  tickets: count(1, 65_535).exactOptional().meta({
    description: 'Bulkhead: requests at the candidate at once; what comes beyond them is served by the control.',
    'x-default': 'as many as come',
  }),
  openEndpoints: count(1, 1_000).prefault(8).meta({
    description:
      'Endpoints whose breakers may be open at once, and probes under way at once. Where more endpoints fail, the candidate as a whole is held to be down and probed alone.',
  }),
  probesPerSecond: count(1, 1_000).prefault(5).meta({ description: 'Probes per second of all breakers together.' }),
});

/** Breakers of the candidate, or `off`. Given as an empty mapping its fields have their defaults. */
export const breaker = z
  .union([z.enum(['off'], { error: 'off, or a mapping' }), fields], { error: 'off, or a mapping' })
  .meta({ title: '`off` or mapping' });
