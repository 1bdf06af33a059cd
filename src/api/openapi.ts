import { z } from 'zod';
import { PROBLEM, ROUTES, type Route } from './routes.ts';

/** JSON Schema of draft 2020-12, the dialect of OpenAPI 3.1. */
type JsonSchema = Readonly<Record<string, unknown>>;

/** The control API as an OpenAPI 3.1 document, made from the route table and zod's own JSON Schema. */
export function openApiDocument(version: string): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of Object.entries<Route>(ROUTES)) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(name, route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cutover control API',
      version,
      description:
        'Times are milliseconds since the epoch, shares are parts per million. Every answer that is not a success is application/problem+json.',
    },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(PROBLEM, 'output') },
    },
  };
}

function operation(name: string, route: Route): Readonly<Record<string, unknown>> {
  return {
    operationId: name,
    summary: route.summary,
    security: route.open ? [] : [{ token: [] }],
    parameters: [...parameters('path', route.params), ...parameters('query', route.query)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: route.method !== 'DELETE', content: json(route.body, 'input') } }),
    responses: {
      [route.status]: { description: 'Done.', content: successContent(route) },
      default: {
        description: 'A problem.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function parameters(place: 'path' | 'query', object: z.ZodObject | undefined): unknown[] {
  if (object === undefined) return [];
  const { properties = {} } = schemaOf(object, 'output') as { properties?: Record<string, JsonSchema> }; // an object's schema
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path',
    schema,
  }));
}

function successContent({ output }: Route): Readonly<Record<string, unknown>> {
  switch (output) {
    case 'events':
      return { 'text/event-stream': { schema: { type: 'string' } } };
    case 'text':
      return { 'text/plain': { schema: { type: 'string' } } };
    case 'document':
      return { 'application/json': { schema: { type: 'object' } } };
    default:
      return json(output, 'output');
  }
}

function json(type: z.ZodType, io: 'input' | 'output'): Readonly<Record<string, unknown>> {
  return { 'application/json': { schema: schemaOf(type, io) } };
}

function schemaOf(type: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io, unrepresentable: 'any' });
  return schema;
}

/** The reference page of the control API, as Markdown. */
export function apiReference(): string {
  const rows = Object.values<Route>(ROUTES).map(
    (route) => `| \`${route.method}\` | \`${route.path}\` | ${route.summary} | ${route.open ? 'no' : 'yes'} |`,
  );
  const sections = Object.values<Route>(ROUTES).flatMap((route) => section(route));
  return [
    '# Control API',
    '',
    'Loopback by default; `api.listen` and `api.hosts` say otherwise.',
    'Every route under `/api/v1` needs `Authorization: Bearer TOKEN`; the token lies in the state folder.',
    'Requests are answered only for the `Host` names the API knows, and pages of other origins are refused.',
    'Bodies are JSON (`Content-Type: application/json`) of at most 64 KiB.',
    'Lists come in pages: `limit` (1 to 200, 50 by default) and `cursor`; the header `Link: <…>; rel="next"` leads on.',
    'Every answer that is not a success is `application/problem+json` (RFC 9457) with `code`, `hint`, and the `id` that the log has too; [errors.md](errors.md) lists the codes.',
    'The header `Cutover-Actor: cli:NAME` names who orders, for the journal; without it that is `api`, or `dashboard` for the page.',
    'The same as a document for programs: `GET /api/v1/openapi.json`.',
    '',
    '| method | path | what it does | token |',
    '|---|---|---|---|',
    ...rows,
    '',
    ...sections,
  ].join('\n');
}

function section(route: Route): string[] {
  const lines = [`## ${route.method} ${route.path}`, '', route.summary, ''];
  const { query, body, output } = route;
  if (query !== undefined) lines.push('Query:', '', ...fieldList({ ...schemaOf(query, 'output'), required: [] }), '');
  if (body !== undefined) lines.push('Body:', '', ...fieldList(schemaOf(body, 'input')), '');
  if (typeof output !== 'string') lines.push('Answer:', '', ...fieldList(schemaOf(output, 'output')), '');
  return lines;
}

/** The members of an object, one line each, those of objects within indented. */
function fieldList(schema: JsonSchema, indent = ''): string[] {
  const { properties = {}, required = [] } = schema as { properties?: Record<string, JsonSchema>; required?: string[] }; // an object's schema
  return Object.entries(properties).flatMap(([name, field]) => {
    const optional = required.includes(name) ? '' : ', optional';
    const inner = field['type'] === 'array' ? (field['items'] as JsonSchema | undefined) : field; // present in an array's schema
    const nested = inner?.['properties'] === undefined ? [] : fieldList(inner, `${indent}  `);
    return [`${indent}- \`${name}\`: ${typeText(field)}${optional}`, ...nested];
  });
}

function typeText(schema: JsonSchema): string {
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => `\`${String(value)}\``).join(', ');
  if ('const' in schema) return `\`${String(schema['const'])}\``;
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map((one) => typeText(one as JsonSchema)).join(' or '); // schemas
  if (schema['type'] === 'array') {
    if (Array.isArray(schema['prefixItems'])) return `[${schema['prefixItems'].map(() => 'text').join(', ')}]`;
    return `list of ${typeText(schema['items'] as JsonSchema)}`; // every array but a tuple has items
  }
  if (Array.isArray(schema['type'])) return schema['type'].join(' or ');
  return typeof schema['type'] === 'string' ? schema['type'] : 'anything';
}
