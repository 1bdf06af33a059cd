import type { JsonSchema } from '../../src/config/json-schema.ts';
import { EVENT_KINDS } from '../../src/simulation/scenario-events.ts';
import { scenarioJsonSchema } from '../../src/simulation/scenario-json-schema.ts';
import { HEAD, rowsOf, sectionText } from './configuration.ts';
import { GENERATED_NOTE, markdownTable } from './markdown.ts';

/** `schema/scenario.schema.json`, for editors. */
export function scenarioSchemaFile(): string {
  return `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`;
}

/** `docs/reference/scenario.md`, from the schema's own words. */
export function scenarioPage(): string {
  const { properties = {} } = scenarioJsonSchema();
  const { events = {}, plan: _plan, traffic = {}, control = {}, candidate = {}, ...rest } = properties;
  const top = Object.entries(rest).flatMap(([key, schema]) => rowsOf(key, schema));
  const kinds = events.items?.anyOf ?? [];
  return `${GENERATED_NOTE}
# Scenarios

What a file for \`cutover simulate --scenario FILE\` may hold.
It is read like \`cutover.yaml\`: unknown keys are errors, and all problems are told at once with line and column.

The controller, the evidence, the tripwires, the decision and the store in memory are those of \`cutover run\`; the rest of the world is made up.
Requests come at random, each is decided by the table in force, fails or not, is mirrored within the budget, and its comparison reaches the controller as a verdict that is never wrong.
A safe request that the candidate fails is answered by the control.
The same file and seed give the same result, byte for byte.

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/cutover/schema/scenario.schema.json
duration: 6h
traffic:
  rps: 20
  tenants: 30
  endpoints: [GET /orders, {endpoint: 'GET /orders/{id}', weight: 3}]
control: {errorRate: 0.01%, latencyMs: {p50: 20, p99: 120}}
candidate:
  latencyMs: 15
  differences:
    - {endpoint: GET /orders, share: 2%, version: v2}
events:
  - {at: 3h, kind: deploy, version: v2}
plan:
  defaults: {steps: [mirror, {dial: 5%}, {dial: 50%}, {dial: 100%}]}
\`\`\`

## Values

- **Times** have a unit: \`250ms\`, \`30s\`, \`10m\`, \`2h\`, \`7d\`. They count from the begin of the simulation, which is a Monday, midnight UTC.
- **Shares** are percentages with their sign, \`1%\`, or numbers from 0 to 1, \`0.01\`.
- **Endpoints** are a method and a path: \`GET /orders/{id}\`. One that the plan lists is called as the plan calls it.
- **What changes over time** may be one value, or a list: \`errorRate: [{rate: 0.1%}, {from: 2h, rate: 3%}]\`.

## The file

${markdownTable(HEAD, top)}

${[
  ['traffic', traffic],
  ['control', control],
  ['candidate', candidate],
]
  .map(([key, schema]) => sectionText(key as string, schema as JsonSchema))
  .join('\n\n')}

## plan

A part of [\`cutover.yaml\`](configuration.md), whichever: \`defaults\`, \`endpoints\`, \`evidence\`, \`tripwires\`, \`cohorts\`, \`protected\`, \`mirror\` and so on.
It is read by the configuration's own code, with its own defaults; a whole \`cutover.yaml\` may stand there, and its servers are not asked.
Where it names neither a dial nor steps, \`defaults.dial\` is \`100%\`, so that what opens moves.
Versions are always told by answers, as if \`versionHeader\` were set; power is always there.

## events

Each has \`at\`, \`kind\`, and what its kind takes.

${EVENT_KINDS.map((kind) => eventSection(kind, kinds)).join('\n\n')}

## The result

\`--output json\` gives one object; times are milliseconds since the begin.

| Key | What it says |
|---|---|
| \`requests\` | How many, by who answered; \`failedOver\`: the candidate failed and the control answered; \`unserved\`: no proxy was there. |
| \`comparisons\` | Verdicts; \`dropped\`: wanted, and the budget was spent. |
| \`cells\`, \`timeToOpenMs\` | How many opened, and quantiles of the time from a cell's first request to its first opening. |
| \`share\`, \`finalShare\` | The candidate's share of all answers and the open cells, in 120 slots of equal length. |
| \`promotions\`, \`falsePromotions\` | Cells opened and dials raised by ramps; cells opened in which the candidate is wrong more often than \`evidence.cellLimit\`, or, where the proof is pooled, than \`pooledLimit\` there and over all tenants. |
| \`rollbacks\`, \`falseRollbacks\`, \`rollbacksBy\` | Takings back by tripwires and evidence; those where the candidate was in nothing worse than the control, neither in its present version nor within 10 minutes. |
| \`detections\`, \`timeToDetectMs\`, \`undetected\` | Each time in which the candidate was worse at an endpoint (\`answers\`, \`failures\`, \`latency\`), when a request was first at risk (\`exposedAt\`; null: none was, because nothing was open) and when the endpoint was taken back. |
| \`clientsHurt\` | Requests with a wrong or failed answer that the control would have given right, and the users who got them. |
| \`changes\`, \`events\`, \`refusedOrders\` | What happened, in order; at most 2,000 changes. |
| \`invariants\`, \`violations\` | How often I3, I4, I5, I6, I10 and I11 were checked against what is true, and every violation. Any ends the command with 1. |
`;
}

function eventSection(kind: string, kinds: readonly JsonSchema[]): string {
  const schema = kinds.find((one) => one.properties?.['kind']?.['const'] === kind) ?? {};
  const { at: _at, kind: _kind, ...fields } = schema.properties ?? {};
  const rows = Object.entries(fields).flatMap(([key, field]) => rowsOf(key, field));
  const table = rows.length === 0 ? '' : `\n\n${markdownTable(HEAD, rows)}`;
  return `### ${kind}\n\n${schema.description ?? ''}${table}`;
}
