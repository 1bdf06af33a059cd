import { apiReference } from '../../src/api/openapi.ts';
import { metricsReference } from '../../src/telemetry/metrics.ts';
import { GENERATED_NOTE } from './markdown.ts';

/** `docs/reference/api.md`, from the route table and the wire types. */
export function apiPage(): string {
  return `${GENERATED_NOTE}\n${apiReference()}`;
}

/** `docs/reference/metrics.md`, from the table of metrics. */
export function metricsPage(): string {
  return `${GENERATED_NOTE}\n${metricsReference()}`;
}
