/** The names under which each side is reached: an absolute link to itself means the same as one without a host. */
export interface Hosts {
  /** What the client asked for, lower case; empty where unknown. */
  readonly client: string;
  /** Own names, `host` or `host:port` in lower case, of sides that are asked under their own name. */
  readonly control: readonly string[];
  readonly candidate: readonly string[];
}

/** `http://host`, `//host` and the same with escaped slashes, as scripts write it. */
const ORIGIN = /(?:(https?):)?(?:\\?\/){2}([\w.:[\]-]+)/gi;

interface Stripped {
  readonly text: string;
  /** Scheme and host of what was taken away, in order. */
  readonly origins: readonly (readonly [scheme: string, host: string])[];
}

/**
 * Whether two texts, or the links in them, are equal but for the name of the side that wrote them.
 * One host under two schemes is a difference: a page must not send its readers from https to http.
 */
export function sameButHost(control: string, candidate: string, hosts: Hosts): boolean {
  if (!control.includes('/') || !candidate.includes('/')) return false;
  const mine = withoutHosts(control, [hosts.client, ...hosts.control]);
  const theirs = withoutHosts(candidate, [hosts.client, ...hosts.candidate]);
  if (mine.text !== theirs.text || (mine.origins.length === 0 && theirs.origins.length === 0)) return false;
  if (mine.origins.length !== theirs.origins.length) return true;
  return mine.origins.every(([scheme, host], at) => {
    const [otherScheme, otherHost] = theirs.origins[at] ?? [];
    return host !== otherHost || scheme === otherScheme || scheme === '' || otherScheme === '';
  });
}

function withoutHosts(text: string, names: readonly string[]): Stripped {
  const own = new Set(names.map(withoutDefaultPort).filter((name) => name !== ''));
  const origins: (readonly [string, string])[] = [];
  const rest = text.replace(ORIGIN, (whole, scheme: string | undefined, host: string, offset: number) => {
    const name = withoutDefaultPort(host.toLowerCase());
    if (!own.has(name)) return whole;
    origins.push([scheme?.toLowerCase() ?? '', name]);
    // A link to the host alone is one to its root.
    const next = text[offset + whole.length];
    return next === '/' || next === '\\' ? '' : '/';
  });
  return { text: rest, origins };
}

function withoutDefaultPort(host: string): string {
  return host.replace(/:(80|443)$/, '');
}
