import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { JsonSchema } from './json-schema.ts';
import { configurationJsonSchema } from './json-schema.ts';

const golden = join(import.meta.dirname, '../../test/golden/config');

function fields(schema: JsonSchema, path = ''): [string, JsonSchema][] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, field]): [string, JsonSchema][] => [
    [`${path}.${key}`, field],
    ...fields(field, `${path}.${key}`),
  ]);
  const inner = [...(schema.items === undefined ? [] : [schema.items]), ...(schema.anyOf ?? [])];
  return [...own, ...inner.flatMap((option) => fields(option, `${path}[]`))];
}

/** Without the choices of required keys, a form which zod does not read; a test of their own covers them. */
function readable(schema: JsonSchema): z.core.JSONSchema.JSONSchema {
  const text = JSON.stringify(schema, (key, value: unknown) => (key === 'oneOf' ? undefined : value));
  // Our interface is a part of the standard's.
  return JSON.parse(text) as z.core.JSONSchema.JSONSchema;
}

describe('the JSON Schema for editors', () => {
  test('describes every key', () => {
    const all = fields(configurationJsonSchema());
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter(([, field]) => (field.description ?? '').length < 8).map(([path]) => path)).toEqual([]);
  });

  test('refuses unknown keys in every mapping', () => {
    const sections = fields(configurationJsonSchema()).filter(([, field]) => field.properties !== undefined);
    expect(sections.filter(([, field]) => field.additionalProperties !== false)).toEqual([]);
  });

  // zod reads the published document back, so what is checked is not the schema it was made of.
  const published = z.fromJSONSchema(readable(configurationJsonSchema()));
  const inputs = readdirSync(golden)
    .filter((name) => name.startsWith('right-'))
    .map((name) => [name, parse(readFileSync(join(golden, name), 'utf8').split('\n----------\n')[0] ?? '')] as const);

  test.each(inputs)('accepts what the loader accepts: %s', (_name, input) => {
    expect(published.safeParse(input).error?.issues ?? []).toEqual([]);
  });

  test('asks for one way to name the servers of a side, and for one kind of each rule', () => {
    const { control, candidate, compare } = configurationJsonSchema().properties ?? {};
    const servers = [{ required: ['url'] }, { required: ['targets'] }];
    expect([control?.['oneOf'], candidate?.['oneOf']]).toEqual([servers, servers]);
    expect(compare?.properties?.['rules']?.items?.['oneOf']).toHaveLength(4);
  });

  test.each([
    ['a share without its sign', { defaults: { dial: '5' } }],
    ['a duration without unit', { drain: { timeout: '25' } }],
    ['a size in decimal units', { mirror: { maxBody: '64KB' } }],
    ['an unknown key', { mirorr: {} }],
    ['a word that is none of the choices', { log: { level: 'loud' } }],
    ['a number out of range', { compare: { workers: 0 } }],
  ])('refuses %s', (_what, more) => {
    const sides = { control: { url: 'http://127.0.0.1:3000' }, candidate: { url: 'http://127.0.0.1:3001' } };
    expect(published.safeParse(sides).success).toBe(true);
    expect(published.safeParse({ ...sides, ...more }).success).toBe(false);
  });
});
