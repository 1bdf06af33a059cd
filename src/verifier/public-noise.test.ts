import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { EndpointId } from '../core/cell.ts';
import { Redactor } from '../core/redact.ts';
import { publicNoise } from './public-noise.ts';

const hash = (name: string, value: string) => createHmac('sha256', 'k').update(`${name}\0${value}`).digest('hex');
const redactor = new Redactor({ names: [], hash });
const endpoint = 'GET /a' as EndpointId;

describe('what an endpoint learned, as it leaves the thread', () => {
  it('I8: is left out where it holds a secret, and only there', () => {
    const fixed = (path: string, prefix: string) => ({
      path,
      samples: 2,
      alive: [{ name: 'prefixed', state: { prefix } }],
    });
    const snapshot = {
      version: 1,
      pairs: 3,
      values: [
        fixed('body/order', 'order-'),
        fixed('body/mail', 'to joe@example.org, '),
        {
          path: 'body/pin',
          samples: 2,
          alive: [
            { name: 'number', state: { least: 1234 } },
            { name: 'token', state: {} },
          ],
        },
        { path: 'body/users/joe@example.org/at', samples: 2, alive: [] },
      ],
    };
    expect(publicNoise({ endpoint, paths: [], snapshot }, redactor).snapshot).toEqual({
      version: 1,
      pairs: 3,
      values: [
        fixed('body/order', 'order-'),
        { path: 'body/mail', samples: 2, alive: [] },
        { path: 'body/pin', samples: 2, alive: [{ name: 'token', state: {} }] },
      ],
    });
  });

  it('I8: is told without the content of secrets', () => {
    const paths = [
      { path: 'body/pin', class: 'number', envelope: '1000 to 1300', samples: 2 },
      { path: 'body/token', class: 'token', envelope: 'a random text of 32 characters', samples: 2 },
      { path: 'body/mail', class: 'prefixed', envelope: '"to joe@example.org, ", 4 characters', samples: 2 },
      { path: 'body/price', class: 'number', envelope: '1000 to 1300', samples: 2 },
    ];
    const told = publicNoise({ endpoint, paths, snapshot: null }, redactor).paths.map((path) => path.envelope);
    expect(told[0]).toMatch(/^not shown/);
    expect(told[1]).toBe('a random text of 32 characters');
    expect(told[2]).not.toContain('joe');
    expect(told[3]).toBe('1000 to 1300');
  });
});
