import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchOpenapi } from './openapi-templates.ts';

let baseDir = '';
beforeAll(() => {
  baseDir = mkdtempSync(join(tmpdir(), 'cutover-openapi-'));
});
afterAll(() => rmSync(baseDir, { recursive: true }));

function read(description: unknown) {
  writeFileSync(join(baseDir, 'api.json'), JSON.stringify(description, null, 2));
  return fetchOpenapi('api.json', ['openapi'], { env: {}, baseDir });
}

function ids(description: unknown): string[] {
  const { templates, findings } = read(description);
  expect(findings).toEqual([]);
  return templates.map(({ id }) => id);
}

const paths = { '/a/{id}': { get: {} } };

describe('the paths of a description', () => {
  test.each<[string, object, string[]]>([
    [
      'have one endpoint for each method',
      { paths: { '/a': { get: {}, post: {}, summary: 'x' } } },
      ['GET /a', 'POST /a'],
    ],
    ['may have parameters named as ours cannot be', { paths: { '/a/{x-y}/{1}': { get: {} } } }, ['GET /a/{x_y}/{_1}']],
    [
      'lie below those of the servers',
      { servers: [{ url: 'https://x.example/v1/' }, { url: '/v2' }], paths },
      ['GET /v1/a/{id}', 'GET /v2/a/{id}'],
    ],
    [
      'lie below nothing where the servers have no path',
      { servers: [{ url: 'https://x.example' }], paths },
      ['GET /a/{id}'],
    ],
    [
      'take the defaults of the servers’ variables',
      { servers: [{ url: '{base}/x', variables: { base: { default: '/api' } } }], paths },
      ['GET /api/x/a/{id}'],
    ],
    [
      'are one where only names of parameters differ',
      { paths: { '/a/{x}': { get: {} }, '/a/{y}': { get: {} } } },
      ['GET /a/{y}'],
    ],
    [
      'may be defined elsewhere in the file',
      { paths: { '/a': { $ref: '#/x-items/a~1b' } }, 'x-items': { 'a/b': { put: {} } } },
      ['PUT /a'],
    ],
    ['may be none', { paths: {} }, []],
  ])('%s', (_, description, expected) => {
    expect(ids({ openapi: '3.0.3', ...description })).toEqual(expected);
  });

  test('that cannot be listed are warned of once, with their place', () => {
    const { templates, warnings } = read({
      openapi: '3.1.0',
      paths: { ...paths, '/a/{id}.{ext}': { get: {}, put: {} } },
    });
    expect(templates.map(({ id }) => id)).toEqual(['GET /a/{id}']);
    expect(warnings).toMatchObject([
      { file: 'api.json', path: ['paths', '/a/{id}.{ext}'], place: { line: 7, column: 5 } },
    ]);
  });
});

describe('a description that cannot be used', () => {
  test.each<[string, object, object]>([
    ['of another version', { openapi: '4.0.0', paths }, { path: ['openapi'] }],
    ['of version 2', { swagger: '2.0', paths }, { path: ['swagger'] }],
    ['without paths', { openapi: '3.0.0' }, { path: ['paths'] }],
    [
      'with a reference to another file',
      { openapi: '3.0.0', paths: { '/a': { $ref: 'b.yaml' } } },
      { path: ['paths', '/a', '$ref'] },
    ],
    [
      'with a reference to itself',
      { openapi: '3.0.0', paths: { '/a': { $ref: '#/paths/~1a' } } },
      { path: ['paths', '/a', '$ref'] },
    ],
  ])('%s is told with its place', (_, description, finding) => {
    const { templates, findings } = read(description);
    expect(templates).toEqual([]);
    expect(findings).toMatchObject([{ ...finding, file: 'api.json', place: { line: expect.any(Number) } }]);
  });

  test('with more endpoints than can be listed is refused', () => {
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`/p${i}`, { get: {} }]));
    expect(read({ openapi: '3.0.0', paths: many }).findings).toMatchObject([{ what: 'describes 10001 endpoints' }]);
  });

  test('that is no text is told at the key of the configuration', () => {
    expect(fetchOpenapi('none.yaml', ['openapi'], { env: {}, baseDir }).findings).toMatchObject([
      { path: ['openapi'], what: 'is "none.yaml", which does not exist' },
    ]);
  });
});
