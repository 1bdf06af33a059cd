import { filePath, flag, hostName, oneOf } from './fields.ts';
import type { TlsVersion } from './settings.ts';
import { mapping } from './shapes.ts';

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
