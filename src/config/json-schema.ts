import { z } from 'zod';
import { configSchema } from './schema.ts';

/** A JSON Schema as far as ours go; unknown keywords are annotations. */
export interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly additionalProperties?: boolean | JsonSchema;
  /** Where the default depends on other fields: in words. */
  readonly 'x-default'?: string;
  /** From and to of a text with a unit. */
  readonly 'x-range'?: string;
  readonly [keyword: string]: unknown;
}

/** `cutover.yaml` as JSON Schema 2020-12, for editors: keys, types, units, defaults and their descriptions. */
export function configurationJsonSchema(): JsonSchema {
  const made = z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      // A section's default is that its fields have theirs; `{}` would say nothing.
      const isSection = jsonSchema.properties !== undefined;
      if (isSection) delete jsonSchema.default;
    },
  });
  // zod's type allows more keywords than ours; the shape is that of the standard.
  const schema = structuredClone(made) as unknown as JsonSchema;
  return withChoices(schema);
}

/** What must be given exactly once, which the loader checks between fields. */
function withChoices(schema: JsonSchema): JsonSchema {
  const { properties = {} } = schema;
  const { control = {}, candidate = {}, compare = {} } = properties;
  const rules = compare.properties?.['rules'] ?? {};
  const kinds = ['ignore', 'normalise', 'unordered', 'tolerance'];
  return {
    ...schema,
    properties: {
      ...properties,
      control: exactlyOne(control, ['url', 'targets']),
      candidate: exactlyOne(candidate, ['url', 'targets']),
      compare: {
        ...compare,
        properties: { ...compare.properties, rules: { ...rules, items: exactlyOne(rules.items ?? {}, kinds) } },
      },
    },
  };
}

function exactlyOne(schema: JsonSchema, keys: readonly string[]): JsonSchema {
  return { ...schema, oneOf: keys.map((key) => ({ required: [key] })) };
}
