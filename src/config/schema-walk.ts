import { z } from 'zod';
import type { Path } from './problem.ts';

/** What remains of a value after the parts that are wrong were left out. */
export type Salvaged<T> = T extends string | number | boolean | Whole
  ? T
  : T extends readonly (infer E)[]
    ? readonly (Salvaged<E> | undefined)[]
    : T extends object
      ? { readonly [K in keyof T]?: Salvaged<T[K]> | undefined }
      : T;

/** Fields that are read as a whole: addresses, targets, endpoints, credentials. */
type Whole =
  | { readonly host: string; readonly port: number }
  | { readonly id: string; readonly template: string }
  | { readonly kind: 'cookie' | 'header'; readonly name: string };

/**
 * The parts of `input` that are right by themselves, so that one wrong field does not hide what is wrong with the others.
 * Elements of lists keep their places; what is wrong or missing is undefined.
 */
export function salvage(schema: z.ZodType, input: unknown): unknown {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  // A field with a transform is right as a whole or not at all.
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject) return salvageFields(inner, input);
  if (inner instanceof z.ZodArray && Array.isArray(input)) {
    return input.map((element) => salvage(asSchema(inner.element), element));
  }
  return undefined;
}

function salvageFields(schema: z.ZodObject, input: unknown): Record<string, unknown> {
  const given = typeof input === 'object' && input !== null && !Array.isArray(input) ? input : {};
  const fields: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(schema.shape)) {
    const isGiven = Object.hasOwn(given, key);
    // What is absent takes its default, or stays absent.
    fields[key] = isGiven
      ? salvage(asSchema(field), Reflect.get(given, key))
      : asSchema(field).safeParse(undefined).data;
  }
  return fields;
}

/** The keys a mapping at `path` may have; undefined where there is none, or where keys are free. */
export function keysAt(schema: z.ZodType, path: Path): readonly string[] | undefined {
  let at: z.ZodType | undefined = schema;
  for (const step of path) {
    if (at === undefined) return undefined;
    at = childOf(bare(at), step);
  }
  const found = at === undefined ? undefined : mappingOf(bare(at));
  return found === undefined ? undefined : Object.keys(found.shape);
}

function childOf(schema: z.ZodType, step: PropertyKey): z.ZodType | undefined {
  if (schema instanceof z.ZodUnion) {
    for (const option of schema.options) {
      const found = childOf(bare(asSchema(option)), step);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (schema instanceof z.ZodArray) return typeof step === 'number' ? asSchema(schema.element) : undefined;
  if (schema instanceof z.ZodRecord) return asSchema(schema.valueType);
  if (!(schema instanceof z.ZodObject) || typeof step !== 'string' || !Object.hasOwn(schema.shape, step))
    return undefined;
  return asSchema(schema.shape[step]);
}

function mappingOf(schema: z.ZodType): z.ZodObject | undefined {
  if (schema instanceof z.ZodObject) return schema;
  if (!(schema instanceof z.ZodUnion)) return undefined;
  for (const option of schema.options) {
    const found = mappingOf(bare(asSchema(option)));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Without defaults, optionality and transforms. */
function bare(schema: z.ZodType): z.ZodType {
  const inner = unwrapped(schema);
  return inner instanceof z.ZodPipe ? bare(asSchema(inner.in)) : inner;
}

/** Without defaults and optionality. */
function unwrapped(schema: z.ZodType): z.ZodType {
  const isWrapper =
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodExactOptional ||
    schema instanceof z.ZodOptional;
  return isWrapper ? unwrapped(asSchema(schema.unwrap())) : schema;
}

function asSchema(schema: unknown): z.ZodType {
  // Every schema of ours is made by zod's classic API; its containers only promise the core interface.
  return schema as z.ZodType;
}
