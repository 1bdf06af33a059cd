import { z } from 'zod';
import {
  canaryInput,
  canaryView,
  closed,
  closeInput,
  freezeInput,
  gateInput,
  ramp,
  retireInput,
  unfreezeInput,
} from './ramp-types.ts';
import { changed, page, paging, type Route } from './route.ts';

/** What is asked and said about ramps. */
export const RAMP_ROUTES = {
  close: {
    method: 'POST',
    path: '/api/v1/close',
    summary:
      'Takes a scope (by default everything) back without a latch: its cells rest and gather evidence anew, its ramps begin again.',
    open: false,
    body: closeInput,
    output: closed,
    status: 200,
  },
  freeze: {
    method: 'POST',
    path: '/api/v1/freeze',
    summary: 'Freezes until an instant: nothing is raised, opened or promoted; rollback and lowering always work.',
    open: false,
    body: freezeInput,
    output: changed,
    status: 200,
  },
  unfreeze: {
    method: 'POST',
    path: '/api/v1/unfreeze',
    summary: 'Lifts the freeze by hand, and the one of the calendar until its end.',
    open: false,
    body: unfreezeInput,
    output: changed,
    status: 200,
  },
  canary: {
    method: 'GET',
    path: '/api/v1/canary',
    summary: 'The canary of a new candidate version, and what it waits for.',
    open: false,
    output: canaryView,
    status: 200,
  },
  endCanary: {
    method: 'POST',
    path: '/api/v1/canary',
    summary: 'Ends a canary: all that is open returns to the candidate, or nothing does.',
    open: false,
    body: canaryInput,
    output: changed,
    status: 200,
  },
  approve: {
    method: 'POST',
    path: '/api/v1/approve',
    summary: 'Approves the gate where a ramp waits; it goes on when enough people have.',
    open: false,
    body: gateInput,
    output: changed,
    status: 200,
  },
  reject: {
    method: 'POST',
    path: '/api/v1/reject',
    summary:
      'Rejects the gate where a ramp waits: approvals no longer count, and the ramp is held until it is resumed.',
    open: false,
    body: gateInput,
    output: changed,
    status: 200,
  },
  retire: {
    method: 'POST',
    path: '/api/v1/retire',
    summary:
      'Retires an endpoint and its journey: the control no longer serves it, the candidate always does, even under a rollback.',
    open: false,
    body: retireInput,
    output: changed,
    status: 200,
  },
  unretire: {
    method: 'POST',
    path: '/api/v1/unretire',
    summary: 'Takes an order to retire back: dials, proofs and rollbacks count again.',
    open: false,
    body: retireInput,
    output: changed,
    status: 200,
  },
  ramps: {
    method: 'GET',
    path: '/api/v1/ramps',
    summary: 'Ramps by endpoint: step, dial, and what the next one waits for.',
    open: false,
    query: z.strictObject({ ...paging }),
    output: page(ramp),
    status: 200,
  },
} as const satisfies Record<string, Route>;
