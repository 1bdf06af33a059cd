import { join } from 'node:path';

/** What the demo's configuration depends on. */
export interface DemoPlace {
  /** Ports of the proxy and of the control API; 0 is any free one. */
  readonly port: number;
  readonly apiPort: number;
  /** Ports of the two applications. */
  readonly control: number;
  readonly candidate: number;
  /** Where everything lasting lies. */
  readonly folder: string;
}

/**
 * The configuration of the demo, as one would write it. What a proof demands is cut to the demo's size: a limit of 3 %
 * takes 110 clean comparisons of an endpoint (0.1 % would take 3,327), and minutes are seconds.
 */
export function demoConfiguration({ port, apiPort, control, candidate, folder }: DemoPlace): string {
  return `
listen: 127.0.0.1:${port}
api: { listen: 127.0.0.1:${apiPort} }
control: { url: "http://127.0.0.1:${control}", versionHeader: x-app-version }
candidate: { url: "http://127.0.0.1:${candidate}", versionHeader: x-app-version }
identity:
  tenant: host
  subject: { cookie: visitor }
  salt: storefront
endpoints:
  - match: GET /products/{handle}
  - match: GET /collections/{handle}
  - match: GET /images/{image}
  - match: GET /api/products/{id}
defaults:
  mirror: 100%
  steps: [mirror, { dial: 25% }, { dial: 60% }, { dial: 100% }, { verify: reverse }]
  dwell: 2s
evidence:
  pooledLimit: 3%
  minSpan: 3s
  minTenants: 3
  ownMatches: 2
  renewWithin: 40s
  coolDown: 3s
mirror: { perSecond: 60, concurrency: 16, repeats: { share: 10%, perSecond: 20 } }
store: { dir: ${JSON.stringify(join(folder, 'state'))} }
log: { level: error }
`;
}
