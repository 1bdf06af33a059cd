import type { JsonSchema } from '../../src/config/json-schema.ts';
import { configurationJsonSchema } from '../../src/config/json-schema.ts';
import { initTemplate } from '../../src/config/template.ts';
import { GENERATED_NOTE, markdownTable } from './markdown.ts';

/** `schema/cutover.schema.json`, for editors. */
export function configurationSchema(): string {
  return `${JSON.stringify(configurationJsonSchema(), null, 2)}\n`;
}

/** `docs/reference/configuration.md`, from the schema's own words. */
export function configurationPage(): string {
  const sections = Object.entries(configurationJsonSchema().properties ?? {});
  const template = initTemplate({ control: 'http://127.0.0.1:3000', candidate: 'http://127.0.0.1:3001' });
  return `${GENERATED_NOTE}
# Configuration

Everything that can stand in \`cutover.yaml\`.
Only \`control\` and \`candidate\` are required.
The file is checked as a whole before anything starts: unknown keys are errors, and all problems are told at once with line and column.
\`cutover check\` does the same without starting.

## Values

- **Shares** are percentages with their sign: \`5%\`, \`0.1%\`. One part per million, \`0.0001%\`, is the finest.
- **Durations** have a unit: \`250ms\`, \`30s\`, \`5m\`, \`2h\`, \`7d\`.
- **Sizes** have a binary unit: \`512B\`, \`64KiB\`, \`1MiB\`, \`2GiB\`.
- **Endpoints** are a method and a path: \`GET /orders/{id}\`. \`{rest*}\` at the end takes all that follows.
- **Difference paths** name a place in an answer: \`status\`, \`header:etag\`, \`body/items/*/id\`. \`*\` is one segment, \`**\` any number.
- **Paths of files** are relative to the folder of \`cutover.yaml\`.
- **Secrets** are never written into the file, only where they lie: \`{env: NAME}\` or \`{file: path}\`.
- **Variables** such as \`\${PORT}\` are not filled in: the file says what runs.

The file is YAML 1.2, at most 1 MiB, without tags. For completion and checks while typing, begin it with:

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/cutover/schema/cutover.schema.json
\`\`\`

${sections.map(([key, schema]) => sectionText(key, schema)).join('\n\n')}

## A file to start from

\`cutover init\` writes it.

\`\`\`yaml
${template.trimEnd()}
\`\`\`
`;
}

/** Titles of the tables of keys. */
export const HEAD = ['Key', 'Type', 'Default', 'What it does'];

/** A section of a page of keys. */
export function sectionText(key: string, schema: JsonSchema): string {
  const rows = rowsOf(key, schema);
  const isLeaf = rows.length === 1 && rows[0]?.[0] === `\`${key}\``;
  const about = isLeaf || schema.description === undefined ? '' : `${schema.description}\n\n`;
  return `## ${key}\n\n${about}${markdownTable(HEAD, rows)}`;
}

/** One row per field that takes a value, in the order of the schema. */
export function rowsOf(path: string, schema: JsonSchema): string[][] {
  const inner = innerFields(path, schema);
  const isSection = schema.properties !== undefined && schema.title === undefined;
  const own = isSection || schema.description === undefined ? [] : [rowOf(path, schema)];
  return [...own, ...inner.flatMap(([field, fieldSchema]) => rowsOf(field, fieldSchema))];
}

function innerFields(path: string, schema: JsonSchema): [string, JsonSchema][] {
  const own = Object.entries(schema.properties ?? {}).map(([key, field]): [string, JsonSchema] => [
    `${path}.${key}`,
    field,
  ]);
  const listed = schema.items === undefined ? [] : innerFields(`${path}[]`, schema.items);
  // Of a value that may also be a list of the same, the single one says enough.
  const choices = (schema.anyOf ?? []).filter((option) => option.type !== 'array');
  return [...own, ...listed, ...choices.flatMap((option) => innerFields(path, option))];
}

function rowOf(path: string, schema: JsonSchema): string[] {
  return [`\`${path}\``, typeText(schema), defaultText(schema), schema.description ?? ''];
}

function typeText(schema: JsonSchema): string {
  if (schema.type === 'array')
    return `list of ${schema.items?.title === undefined ? 'mappings' : `${schema.items.title}s`}`;
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${String(word)}\``).join(', ');
  const title = schema.title ?? schema.type ?? 'mapping';
  if (schema['x-range'] !== undefined) return `${title}, ${schema['x-range']}`;
  const hasBounds = schema.type === 'integer' && schema.minimum !== undefined && schema.maximum !== undefined;
  return hasBounds ? `${title}, ${schema.minimum} to ${schema.maximum}` : title === 'object' ? 'mapping' : title;
}

function defaultText(schema: JsonSchema): string {
  if (schema['x-default'] !== undefined) return schema['x-default'];
  if (schema.default === undefined) return '';
  if (Array.isArray(schema.default)) {
    return schema.default.length === 0 ? 'none' : schema.default.map((item) => `\`${String(item)}\``).join(', ');
  }
  return typeof schema.default === 'object' ? 'none' : `\`${String(schema.default)}\``;
}
