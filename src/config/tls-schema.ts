import { filePath, flag, hostName, oneOf } from './fields.ts';
import type { ClientCertificates, TlsVersion } from './settings.ts';
import { list, mapping } from './shapes.ts';

const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const satisfies readonly TlsVersion[];

function minVersion(whose: string) {
  return oneOf(TLS_VERSIONS)
    .prefault('TLSv1.2')
    .meta({ description: `Oldest version of TLS that is spoken with ${whose}.` });
}

/** TLS towards the targets of a side. */
export function upstreamTls() {
  return mapping({
    caFile: filePath().exactOptional().meta({
      description:
        'PEM file of the certificate authorities to trust in place of the public ones. Relative to this file. Followed while it runs, like the other files of `tls`.',
    }),
    serverName: hostName().exactOptional().meta({
      description: 'Name expected in the certificate, and sent as SNI.',
      'x-default': 'the host of the target',
    }),
    certFile: filePath().exactOptional().meta({
      description:
        'PEM file of the certificate shown to targets that ask for one, followed by those between it and its authority.',
    }),
    keyFile: filePath().exactOptional().meta({
      description: 'PEM file of the private key of `certFile`, not encrypted.',
    }),
    minVersion: minVersion('targets'),
    insecure: flag().prefault(false).meta({
      description:
        'True accepts any certificate: whoever is on the network path can then read and change everything. `cutover check` warns of it.',
    }),
  }).prefault({});
}

const CLIENT_CERTIFICATES = ['none', 'request', 'require'] as const satisfies readonly ClientCertificates[];
/** A certificate for each name of a large shop; beyond it one certificate holds many names. */
const MAX_CERTIFICATES = 100;

/** TLS towards clients. */
export function serverTls() {
  const certificate = mapping(
    {
      certFile: filePath().meta({
        description:
          'PEM file of the certificate, followed by those between it and its authority. Relative to this file. Renewed files are taken over within 10 s, without losing a connection.',
      }),
      keyFile: filePath().meta({ description: 'PEM file of its private key, not encrypted.' }),
    },
    'a mapping such as {certFile: shop.pem, keyFile: shop-key.pem}',
  );
  return mapping(
    {
      certificates: list(certificate, MAX_CERTIFICATES, 1).meta({
        description:
          'The first that is for the server name a client asks for (SNI) is shown; where none is, the first of all.',
      }),
      minVersion: minVersion('clients'),
      http2: flag().prefault(false).meta({
        description:
          'True offers HTTP/2 to clients, beside HTTP/1.1 (ALPN); targets are asked over HTTP/1.1 all the same. WebSockets stay on HTTP/1.1.',
      }),
      clientCertificates: oneOf(CLIENT_CERTIFICATES).prefault('none').meta({
        description:
          '`none` asks clients for no certificate, `request` asks and refuses one that `clientCaFile` does not vouch for, `require` refuses connections without one. Who it was is not passed on.',
      }),
      clientCaFile: filePath().exactOptional().meta({
        description: 'PEM file of the authorities whose client certificates count.',
      }),
    },
    'a mapping with the key certificates',
  );
}
