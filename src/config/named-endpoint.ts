import type { EndpointName } from './endpoint-name.ts';
import { endpointShape } from './endpoint-name.ts';
import type { Finding, Path } from './problem.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';

/** Ids of the endpoints that are listed or described, by what they match. */
export function listedShapes(
  file: Salvaged<ConfigFile>,
  described: readonly EndpointName[],
): ReadonlyMap<string, string> {
  const shapes = new Map<string, string>(described.map((name) => [endpointShape(name), name.id]));
  for (const endpoint of file.endpoints ?? []) {
    if (endpoint?.match !== undefined) shapes.set(endpointShape(endpoint.match), endpoint.match.id);
  }
  return shapes;
}

/** An endpoint named otherwise than it is listed would silently apply to nothing. */
export function otherNameFindings(
  path: Path,
  endpoint: EndpointName | undefined,
  listed: ReadonlyMap<string, string>,
): Finding[] {
  const name = endpoint === undefined ? undefined : listed.get(endpointShape(endpoint));
  if (endpoint === undefined || name === undefined || name === endpoint.id) return [];
  return [{ path, what: `is ${endpoint.id}, which is listed as ${name}`, expected: name }];
}
