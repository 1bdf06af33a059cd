import { z } from 'zod';
import { configurationJsonSchema, type JsonSchema } from '../config/json-schema.ts';
import { scenarioSchema } from './scenario-schema.ts';

/** A scenario as JSON Schema 2020-12, for editors; the plan is what `cutover.yaml` may hold, nothing of it required. */
export function scenarioJsonSchema(): JsonSchema {
  const made = z.toJSONSchema(scenarioSchema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      // A section's default is that its fields have theirs; `{}` would say nothing.
      if (jsonSchema.properties !== undefined) delete jsonSchema.default;
    },
  });
  // zod's type allows more keywords than ours; the shape is that of the standard.
  const schema = structuredClone(made) as unknown as JsonSchema;
  const { properties = {}, ...rest } = schema;
  const plan = properties['plan'] ?? {};
  const { properties: parts = {} } = configurationJsonSchema();
  const { control: _control, candidate: _candidate, ...free } = parts;
  return {
    ...rest,
    properties: {
      ...properties,
      plan: {
        ...(plan.title === undefined ? {} : { title: plan.title }),
        ...(plan.description === undefined ? {} : { description: plan.description }),
        type: 'object',
        // The servers of a whole `cutover.yaml` may stand there; nobody asks them.
        properties: { ...free, control: { type: 'object' }, candidate: { type: 'object' } },
        additionalProperties: false,
      },
    },
  };
}
