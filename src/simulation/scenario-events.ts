import { z } from 'zod';
import { count, endpoint, flag, name, oneOf, prose, share, tenant } from '../config/fields.ts';
import { mapping } from '../config/shapes.ts';
import { SIDES } from '../core/cell.ts';
import { amount, latency, rate, signedTime, time } from './scenario-fields.ts';

/** Proxies at most. */
export const MAX_PROXIES = 16;

const at = time().meta({ description: 'When, since the begin.' });

function lasting(what: string) {
  return {
    for: time(1)
      .exactOptional()
      .meta({ description: `How long ${what}.`, 'x-default': 'until the end' }),
    until: time(1).exactOptional().meta({ description: 'The same as a moment since the begin; one of both.' }),
  };
}

function side(description: string) {
  return oneOf(SIDES).prefault('candidate').meta({ description });
}

function scope(what: string) {
  return {
    endpoint: endpoint('any')
      .exactOptional()
      .meta({ description: `${what} of this endpoint only.` }),
    tenant: tenant()
      .exactOptional()
      .meta({ description: `${what} of this tenant only.` }),
    cohort: name('a cohort')
      .exactOptional()
      .meta({ description: `${what} of this cohort only.` }),
  };
}

const proxy = count(1, MAX_PROXIES).prefault(1).meta({ description: 'Which proxy, from 1.' });
const where = endpoint('any')
  .exactOptional()
  .meta({ description: 'At this endpoint only.', 'x-default': 'everywhere' });

function event<const K extends string, T extends z.core.$ZodLooseShape>(kind: K, description: string, shape: T) {
  const word = z.literal(kind).meta({ title: 'text', description: 'What happens.' });
  return mapping({ at, kind: word, ...shape }).meta({ description });
}

/** Everything that can happen, by its kind. */
export const EVENTS = {
  deploy: event('deploy', 'A side runs another version from now on.', {
    side: side('Which side.'),
    version: prose(128).meta({ description: 'Its name; differences may be planted for one version.' }),
    announced: flag().prefault(false).meta({
      description:
        'True: told to the controller, as `cutover deploy` does. Otherwise answers tell, by their version header.',
    }),
  }),
  errors: event('errors', 'A side fails another share of requests.', {
    side: side('Which side.'),
    rate: rate().meta({ description: 'Share of requests that it fails with a 5xx.' }),
    endpoint: where,
    ...lasting('it does'),
  }),
  latency: event('latency', 'A side takes another time to answer.', {
    side: side('Which side.'),
    latencyMs: latency().meta({ description: 'How long it takes, milliseconds.' }),
    ...lasting('it does'),
  }),
  'candidate-down': event('candidate-down', 'The candidate refuses every connection.', lasting('it does')),
  'control-down': event('control-down', 'The control refuses every connection.', lasting('it does')),
  traffic: event('traffic', 'More or fewer requests than usual.', {
    factor: amount(1_000, 'a factor').meta({ description: 'Times the usual rate.' }),
    ...lasting('they come'),
  }),
  'store-outage': event('store-outage', 'The store takes nothing.', {
    how: oneOf(['fails', 'silent']).prefault('fails').meta({
      description: '`fails`: refuses at once. `silent`: does not answer, and does what it was asked when it is back.',
    }),
    ...lasting('it does'),
  }),
  'controller-crash': event('controller-crash', 'The controller dies; proxies go on with their last table.', {
    for: time(1).prefault('30s').meta({ description: 'How long until it is started again.' }),
  }),
  'proxy-crash': event('proxy-crash', 'A proxy dies; others take its clients.', {
    proxy,
    for: time(1).prefault('10s').meta({ description: 'How long until it is started again, with its last table.' }),
  }),
  partition: event('partition', 'A proxy is cut off from the controller, and serves by its last table.', {
    proxy,
    ...lasting('it is'),
  }),
  'clock-jump': event('clock-jump', 'Somebody sets the wall clock.', {
    by: signedTime().meta({ description: 'By how much: `1h` forwards, `-1h` backwards.' }),
  }),
  dial: event('dial', 'A person sets a dial.', {
    dial: share().meta({ description: "The candidate's share of what may move." }),
    ...scope('The dial'),
  }),
  rollback: event(
    'rollback',
    'A person takes everything back to the control; it stays until lifted.',
    scope('What is'),
  ),
  unlatch: event('unlatch', 'A person lifts a rollback of exactly this scope.', scope('That')),
  hold: event('hold', 'A person holds promotions.', scope('Those')),
  resume: event('resume', 'A person lets promotions go on.', scope('Those')),
  pin: event('pin', 'A person orders that one side serves.', {
    side: side('Which side.'),
    ...scope('What is'),
    ...lasting('it holds'),
  }),
} as const;

export type EventKind = keyof typeof EVENTS;
export const EVENT_KINDS: readonly EventKind[] = Object.keys(EVENTS) as EventKind[]; // its own keys

/** An event as the file has it, units read. */
export type EventFile = { [K in EventKind]: z.output<(typeof EVENTS)[K]> }[EventKind];

/** Whether something names a kind of event. */
export function isEventKind(kind: unknown): kind is EventKind {
  return typeof kind === 'string' && Object.hasOwn(EVENTS, kind);
}
