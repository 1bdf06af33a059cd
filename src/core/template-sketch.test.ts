import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EndpointId, TenantId } from './cell.ts';
import { pathOfId, TemplateSketch } from './template-sketch.ts';

const users = 'GET /users/{id}' as EndpointId;
const names = 'GET /users/{name}' as EndpointId;
const acme = 'acme' as TenantId;
const globex = 'globex' as TenantId;

describe('paths under a template', () => {
  test('what is frequent is told apart by tenant and side, however many others come and go', () => {
    const sketch = new TemplateSketch();
    for (let i = 0; i < 10_000; i++) {
      sketch.add(users, `/users/${i}`, acme, 'control');
      if (i % 5 === 0) sketch.add(users, '/users/me', i % 10 === 0 ? acme : globex, 'candidate');
    }
    expect(sketch.paths(users)).toHaveLength(16);
    const counts = new Map(sketch.take(users, '/users/me').map(({ tenant, served }) => [tenant, served]));
    expect(counts.get(acme)).toEqual({ control: 0, candidate: 1_000 });
    expect(counts.get(globex)).toEqual({ control: 0, candidate: 1_000 });
    expect(sketch.take(users, '/users/me')).toEqual([]);
  });

  test('never more is told of a path than came', () => {
    const path = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(fc.array(fc.tuple(path, fc.boolean(), fc.boolean()), { maxLength: 600 }), (requests) => {
        const sketch = new TemplateSketch();
        const came = new Map<string, number>();
        for (const [n, isAcme, isCandidate] of requests) {
          const at = `/users/${n}`;
          const [tenant, side] = [isAcme ? acme : globex, isCandidate ? 'candidate' : 'control'] as const;
          sketch.add(users, at, tenant, side);
          came.set(`${at} ${tenant} ${side}`, (came.get(`${at} ${tenant} ${side}`) ?? 0) + 1);
        }
        for (const at of sketch.paths(users)) {
          for (const { tenant, served } of sketch.take(users, at))
            for (const side of ['control', 'candidate'] as const)
              expect(served[side]).toBeLessThanOrEqual(came.get(`${at} ${tenant} ${side}`) ?? 0);
        }
        expect(sketch.templates).toEqual([]);
      }),
    );
  });

  test('a template that becomes part of another takes its paths along, an endpoint its count', () => {
    const sketch = new TemplateSketch();
    sketch.add(users, '/users/7', acme, 'control');
    sketch.add(names, '/users/7', acme, 'control');
    sketch.merge(users, names);
    sketch.addAll(names, '/users/bob', { tenant: acme, served: { control: 40, candidate: 2 } });
    expect(sketch.templates).toEqual([names]);
    expect(sketch.take(names, '/users/7')).toEqual([{ tenant: acme, served: { control: 2, candidate: 0 } }]);
    expect(sketch.take(names, '/users/bob')).toEqual([{ tenant: acme, served: { control: 40, candidate: 2 } }]);
  });

  test('templates, paths and tenants without end take bounded room, and long paths none', () => {
    const sketch = new TemplateSketch();
    let told = 0;
    for (let t = 0; t < 100; t++)
      for (let i = 0; i < 1_000; i++)
        sketch.add(`GET /${t}/{id}` as EndpointId, `/${t}/${i % 10}`, `t${i}` as TenantId, 'control');
    for (const template of sketch.templates)
      for (const path of sketch.paths(template)) told += sketch.take(template, path).length;
    expect(told).toBe(40_000);
    sketch.add(users, `/users/${'x'.repeat(300)}`, acme, 'control');
    expect(sketch.paths(users)).toEqual([]);
  });

  test('an id of an endpoint is a path again', () => {
    expect(pathOfId('GET /café/a%7B' as EndpointId)).toBe('/caf%C3%A9/a%7B');
  });
});
