import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CutoverError } from '../core/errors.ts';
import { tlsProblem } from './tls-problem.ts';
import type { UpstreamTrust } from './upstream-trust.ts';

export interface TargetAddress {
  /** As configured: `http://host:port`, `unix:/path`. */
  readonly name: string;
  readonly tls: boolean;
  /** Without the brackets of an IPv6 literal. */
  readonly host: string;
  readonly port: number;
  /** Of a Unix socket, in place of host and port. */
  readonly socketPath?: string;
  /** For `Host`: with brackets, and with the port unless it is the scheme's own. */
  readonly authority: string;
}

/** Reads `http://host[:port]`, `https://host[:port]` or `unix:/path`; throws CONFIG_INVALID for anything else. */
export function targetAddress(name: string): TargetAddress {
  if (name.startsWith('unix:/')) {
    return {
      name,
      tls: false,
      host: 'localhost',
      port: 0,
      socketPath: name.slice('unix:'.length),
      authority: 'localhost',
    };
  }
  const url = URL.canParse(name) ? new URL(name) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new CutoverError('CONFIG_INVALID', `Target ${name} is not of the form http://host:port.`, {
      hint: 'Give http://host:port or https://host:port, without a path.',
    });
  }
  const tls = url.protocol === 'https:';
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port);
  return { name, tls, host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port, authority: url.host };
}

/** Opens connections to one target. DNS names are resolved at each one, so that a moved target is followed. */
export class UpstreamDialer {
  readonly address: TargetAddress;
  readonly #trust: UpstreamTrust | undefined;
  /** The last TLS session, for an abbreviated handshake. */
  #session: Buffer | undefined;
  /** The trust's generation it was made under. */
  #sessionOf = 0;

  /** @param trust Undefined for plain targets. */
  constructor(address: TargetAddress, trust: UpstreamTrust | undefined) {
    this.address = address;
    this.#trust = trust;
  }

  /**
   * Begins to connect. `onread` is used for plain connections only: TLS ones bring what they read by `data`.
   * The socket says `connect`, or `secureConnect` where `address.tls` is set.
   */
  open(onread: OnReadOpts | undefined): Socket {
    const { host, port, socketPath } = this.address;
    if (socketPath !== undefined) return connectTcp({ path: socketPath, ...(onread === undefined ? {} : { onread }) });
    const trust = this.#trust;
    if (trust === undefined) {
      return connectTcp(onread === undefined ? { host, port, noDelay: true } : { host, port, noDelay: true, onread });
    }
    const generation = trust.generation;
    const session = this.#sessionOf === generation ? this.#session : undefined;
    const socket = connectTls({
      host,
      port,
      // RFC 6066 3: addresses are no server names; the certificate is then checked against the address.
      servername: trust.settings.serverName ?? (isIP(host) === 0 ? host : ''),
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: !trust.settings.insecure,
      secureContext: trust.context,
      ...(session === undefined ? {} : { session }),
    });
    socket.setNoDelay(true);
    socket.on('session', (next: Buffer) => {
      this.#session = next;
      this.#sessionOf = generation;
    });
    return socket;
  }

  /** What an error of a socket means, for people. */
  explain(error: Error): string {
    const settings = this.#trust?.settings;
    const problem =
      settings === undefined
        ? undefined
        : tlsProblem(error, {
            expected: settings.serverName ?? this.address.host,
            minVersion: settings.minVersion,
            showsCertificate: settings.certificate !== undefined,
          });
    if (problem !== undefined) return problem;
    // Of each attempt where several addresses were tried (RFC 8305).
    if (error instanceof AggregateError && error.message === '') return error.errors.map(String).join('; ');
    return error.message;
  }
}
