import { z } from 'zod';
import type { Lock } from '../core/plan/locks.ts';
import type { Scope } from '../core/routing.ts';
import { endpoint, message, name, prose, tenant } from './fields.ts';
import { list } from './shapes.ts';

/** Locks in one plan; more are no exceptions but a plan of their own. */
const MAX_LOCKS = 1_000;

const WHERE = '{endpoint, reason}, {tenant, reason} or {cohort, reason}';

const lock = z
  .strictObject(
    {
      endpoint: endpoint('any').exactOptional().meta({ description: 'Only this endpoint.' }),
      tenant: tenant().exactOptional().meta({ description: 'Only this tenant; with `endpoint` only its cell.' }),
      cohort: name('a cohort').exactOptional().meta({ description: 'Only the tenants of this cohort.' }),
      reason: prose(500).meta({ description: 'Why, for whoever runs into it.' }),
    },
    { error: WHERE },
  )
  .transform((given, context): Lock => {
    const { endpoint: where, tenant: who, cohort, reason } = given;
    if (who !== undefined && cohort !== undefined) {
      context.addIssue({ code: 'custom', message: message(WHERE, 'Give a tenant or a cohort, not both.') });
      return z.NEVER;
    }
    const scope: Scope = {
      ...(where === undefined ? {} : { endpoint: where.id }),
      ...(who === undefined ? {} : { tenant: who }),
      ...(cohort === undefined ? {} : { cohort }),
    };
    if (Object.keys(scope).length > 0) return { scope, reason };
    context.addIssue({ code: 'custom', message: message(WHERE, 'To stop everything, use freezes or max: 0%.') });
    return z.NEVER;
  });

export const locked = list(lock.meta({ title: 'lock' }), MAX_LOCKS)
  .prefault([])
  .meta({
    description:
      'Where nothing moves towards the candidate: no step and no evidence raises or opens anything there, and no order of a person does. Lowering and rollback always work. Only this file lifts a lock: neither `cutover apply` nor `cutover revert` does. A locked tenant holds whatever would raise it along with others, unless `force.control` keeps it on the control.',
  });
