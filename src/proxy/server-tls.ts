import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import type { ServerTlsSettings } from '../config/settings.ts';
import { CutoverError } from '../core/errors.ts';
import type { Clock, Log } from '../core/ports.ts';
import { FollowedFiles } from './followed-files.ts';

interface ServerCertificates {
  /** In the order of the configuration. */
  readonly all: readonly { readonly leaf: X509Certificate; readonly context: SecureContext }[];
  /** What clients get that name no server, or one that no certificate is for. */
  readonly first: TlsOptions;
}

export interface ServerTlsOptions {
  readonly settings: ServerTlsSettings;
  readonly alpn: readonly string[];
  readonly handshakeMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** TLS towards clients: certificates by server name, followed while they are renewed; client certificates by choice. */
export class ServerTls {
  readonly #server: Server;
  readonly #files: FollowedFiles<ServerCertificates>;

  /**
   * Throws CONFIG_UNREADABLE where a file cannot be read or used.
   * @param secured Gets each connection whose handshake is done.
   */
  constructor(options: ServerTlsOptions, secured: (socket: TLSSocket) => void) {
    const { settings, alpn, handshakeMs, clock, log } = options;
    const { certificates, clientCaFile, clientCertificates } = settings;
    const files = [
      ...certificates.flatMap(({ certFile, keyFile }) => [certFile, keyFile]),
      ...(clientCaFile === undefined ? [] : [clientCaFile]),
    ];
    const make = (contents: readonly Buffer[]): ServerCertificates => readCertificates(settings, contents);
    try {
      this.#files = new FollowedFiles({
        files,
        make,
        name: 'tls',
        clock,
        log,
        // Connections that stand go on; sessions from before are not resumed, because their tickets have other keys.
        onRenewed: ({ first }) => this.#server.setSecureContext(first),
      });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CutoverError('CONFIG_UNREADABLE', `The files of tls cannot be used: ${reason}.`, { cause });
    }
    this.#server = createServer({
      ...this.#files.value.first,
      ALPNProtocols: [...alpn],
      handshakeTimeout: handshakeMs,
      requestCert: clientCertificates !== 'none',
      rejectUnauthorized: clientCertificates === 'require',
      SNICallback: (name, done) => done(null, this.#contextFor(name)),
    });
    this.#server.on('secureConnection', (socket) => {
      if (clientCertificates === 'request' && isForged(socket)) socket.destroy();
      else secured(socket);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      log.debug('tls.handshakeFailed', { message: error.message });
      socket.destroy();
    });
  }

  /** Begins the handshake on a connection; what was read of it already counts. */
  take(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  close(): void {
    this.#files.close();
  }

  #contextFor(name: string): SecureContext | undefined {
    const { all } = this.#files.value;
    return (all.find(({ leaf }) => leaf.checkHost(name, { subject: 'never' }) !== undefined) ?? all[0])?.context;
  }
}

/** Shown, and not signed by an authority that counts. */
function isForged(socket: TLSSocket): boolean {
  return !socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0;
}

function readCertificates(settings: ServerTlsSettings, contents: readonly Buffer[]): ServerCertificates {
  const ca = settings.clientCaFile === undefined ? undefined : contents.at(-1);
  const options = settings.certificates.map((_, index): TlsOptions & { cert: Buffer } => {
    // The files were listed pair by pair.
    const [cert, key] = [contents[2 * index] as Buffer, contents[2 * index + 1] as Buffer];
    return { cert, key, minVersion: settings.minVersion, ...(ca === undefined ? {} : { ca }) };
  });
  const all = options.map((one) => ({ leaf: new X509Certificate(one.cert), context: createSecureContext(one) }));
  return { all, first: options[0] ?? {} };
}
