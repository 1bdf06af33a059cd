import type { Contender } from './contender.ts';
import { cutover } from './contenders/cutover.ts';
import { haproxy } from './contenders/haproxy.ts';
import { nginx } from './contenders/nginx.ts';
import { npmProxy } from './contenders/npm.ts';

const direct: Contender = {
  name: 'direct',
  missing: () => undefined,
  start: async (origin) => ({ port: origin.port, pid: 0, stop: async () => undefined }),
};

/** Everyone who is measured in one run. One more npm proxy is one more line here and `npm/NAME.ts`. */
export const CONTENDERS: readonly Contender[] = [
  direct,
  nginx,
  haproxy,
  npmProxy('http-proxy'),
  npmProxy('http-proxy-3'),
  npmProxy('httpxy'),
  npmProxy('fastify-http-proxy', '@fastify/http-proxy'),
  npmProxy('fast-proxy'),
  cutover('cutover', { mirror: '1%', fastLane: true }),
  cutover('cutover, no mirror', { mirror: '0%', fastLane: true }),
  cutover('cutover, no fast lane', { mirror: '1%', fastLane: false }),
];
