import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { SideSettings } from '../config/settings.ts';
import { CutoverError } from '../core/errors.ts';

export interface TargetAddress {
  /** As configured: `http://host:port`. */
  readonly name: string;
  readonly tls: boolean;
  /** Without the brackets of an IPv6 literal. */
  readonly host: string;
  readonly port: number;
  /** For `Host`: with brackets, and with the port unless it is the scheme's own. */
  readonly authority: string;
}

/** Reads `http://host[:port]` or `https://host[:port]`; throws CONFIG_INVALID for anything else. */
export function targetAddress(name: string): TargetAddress {
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
  readonly #tls: SideSettings['tls'];
  readonly #context: SecureContext | undefined;
  /** The last TLS session, for an abbreviated handshake. */
  #session: Buffer | undefined;

  /** @param context From `secureContext`; undefined for plain targets. */
  constructor(address: TargetAddress, tls: SideSettings['tls'], context: SecureContext | undefined) {
    this.address = address;
    this.#tls = tls;
    this.#context = context;
  }

  /**
   * Begins to connect. `onread` is used for plain connections only: TLS ones bring what they read by `data`.
   * The socket says `connect`, or `secureConnect` where `address.tls` is set.
   */
  open(onread: OnReadOpts | undefined): Socket {
    const { host, port } = this.address;
    if (!this.address.tls) {
      return connectTcp(onread === undefined ? { host, port, noDelay: true } : { host, port, noDelay: true, onread });
    }
    const socket = connectTls({
      host,
      port,
      // RFC 6066 3: addresses are no server names; the certificate is then checked against the address.
      servername: this.#tls.serverName ?? (isIP(host) === 0 ? host : ''),
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: this.#tls.verify,
      ...(this.#context === undefined ? {} : { secureContext: this.#context }),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    });
    socket.setNoDelay(true);
    socket.on('session', (session: Buffer) => {
      this.#session = session;
    });
    return socket;
  }
}

/** The trust of a side's TLS connections; throws CONFIG_UNREADABLE when `caFile` cannot be read. */
export function secureContext(tls: SideSettings['tls']): SecureContext {
  if (tls.caFile === undefined) return createSecureContext({});
  try {
    return createSecureContext({ ca: readFileSync(tls.caFile) });
  } catch (cause) {
    throw new CutoverError('CONFIG_UNREADABLE', `The CA file ${tls.caFile} cannot be read.`, { cause });
  }
}
