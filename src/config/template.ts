/**
 * A commented `cutover.yaml` to start from: loads as it is, changes nothing for clients (the dial is 0%), and shows
 * the keys a first migration needs.
 */
export function initTemplate(urls: { readonly control: string; readonly candidate: string }): string {
  return `# yaml-language-server: $schema=./node_modules/cutover/schema/cutover.schema.json
# Cutover: docs/reference/configuration.md has every key. Check this file with: cutover check

# Where clients connect. 0.0.0.0:8080 serves every network.
listen: 127.0.0.1:8080

# The control API, the dashboard and the metrics.
api:
  listen: 127.0.0.1:8081

# The live service.
control:
  url: ${JSON.stringify(urls.control)}

# Its rewrite. Clients get its answers only once the dial is above 0% and the evidence is there.
candidate:
  url: ${JSON.stringify(urls.candidate)}
  # Answer header that tells the version; a new version renews the evidence.
  # versionHeader: x-version
  # Cookies and Authorization: forwarded by default only to private addresses.
  # credentials: forward

identity:
  # Whom a request belongs to. A header, a cookie or a part of the path:
  # tenant: {header: x-shop}
  tenant: host
  # Who stays on one side while the dial stands still.
  # subject: [{cookie: session}, address]
  subject: address

defaults:
  # The candidate's share of what may move. Turn it without a restart: cutover dial 5%
  dial: 0%
  # Cap on every dial.
  max: 100%
  # What opens an endpoint: endpoint (evidence of all tenants), cell (of each tenant), none (the dial alone).
  proof: endpoint
  # Share of safe requests compared, within the budget below.
  mirror: 10%

# Endpoints that differ from the defaults; all others are found live.
endpoints: []
#  - match: GET /orders/{id}
#    dial: 5%
#  - match: POST /orders
#    # Unsafe methods move only where this is true; they are never mirrored.
#    writes: true
#    max: 50%
#  - match: GET /account/leave
#    # Safe by its method, but it acts: never mirrored, never repeated.
#    acts: true

mirror:
  # Mirrored requests per second and at once, of the whole process.
  perSecond: 20
  concurrency: 8

compare:
  # What may differ, each with a reason. Noise such as times and ids is learned without rules.
  rules: []
#    - name: request-id
#      reason: made anew for each request
#      ignore: header:x-request-id

store:
  # The database, the API token and the last routing table.
  dir: cutover-data
`;
}
