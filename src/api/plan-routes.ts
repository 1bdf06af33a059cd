import { z } from 'zod';
import {
  planInput,
  planPreview,
  planRevision,
  planRevisionText,
  planStatus,
  planTaken,
  previewInput,
  revertInput,
} from './plan-types.ts';
import { page, paging, type Route } from './route.ts';

/** Looking at plans, and changing which is in force. */
export const PLAN_ROUTES = {
  plan: {
    method: 'GET',
    path: '/api/v1/plan',
    summary: 'Which plan is in force, and how the file on disk stands to it.',
    open: false,
    output: planStatus,
    status: 200,
  },
  applyPlan: {
    method: 'POST',
    path: '/api/v1/plan',
    summary:
      'Puts a configuration in force while everything runs, whole or not at all; the file on disk stays as it is.',
    open: false,
    body: planInput,
    bodyBytes: 4 * 1_048_576,
    output: planTaken,
    status: 200,
  },
  previewPlan: {
    method: 'POST',
    path: '/api/v1/plan/preview',
    summary: 'What a configuration would change if it came into force now; changes nothing.',
    open: false,
    body: previewInput,
    bodyBytes: 4 * 1_048_576,
    output: planPreview,
    status: 200,
  },
  planRevisions: {
    method: 'GET',
    path: '/api/v1/plan/revisions',
    summary: 'Plans that were in force, newest first; 200 are kept.',
    open: false,
    query: z.strictObject({ ...paging }),
    output: page(planRevision),
    status: 200,
  },
  planRevision: {
    method: 'GET',
    path: '/api/v1/plan/revisions/{revision}',
    summary: 'One of them with its text, and the text of the one before.',
    open: false,
    params: z.strictObject({ revision: z.coerce.number().int().min(1) }),
    output: planRevisionText,
    status: 200,
  },
  revertPlan: {
    method: 'POST',
    path: '/api/v1/plan/revert',
    summary: 'Puts the text of an earlier revision in force again, at once. Latches, pins and holds stay.',
    open: false,
    body: revertInput,
    output: planTaken,
    status: 200,
  },
} as const satisfies Record<string, Route>;
