import type { z } from 'zod';
import { breaker } from './breaker-schema.ts';
import { candidateCredentials, controlCredentials } from './credentials-schema.ts';
import { count, duration, headerName, jsonPointer, oneOf, prose, requestPath, target } from './fields.ts';
import { list, mapping } from './shapes.ts';
import { upstreamTls } from './tls-schema.ts';

function health() {
  return mapping({
    path: prose(1_024)
      .refine((text) => /^\/[!-~]*$/.test(text), { error: 'a path such as /healthz' })
      .exactOptional()
      .meta({
        title: 'path',
        description: 'Path asked with GET; 2xx and 3xx are healthy. Absent: targets are judged by their traffic alone.',
      }),
    interval: duration(100).prefault('5s').meta({ description: 'Between two health checks of a target.' }),
    timeout: duration(1).prefault('2s').meta({ description: 'A health check that takes longer has failed.' }),
    unhealthyAfter: count(1, 1_000)
      .prefault(3)
      .meta({ description: 'Failures in a row until a target gets no more requests.' }),
    healthyAfter: count(1, 1_000).prefault(2).meta({ description: 'Successes in a row until it gets requests again.' }),
  }).prefault({});
}

function versionPoll() {
  return mapping(
    {
      path: requestPath('/version').meta({
        description:
          'Path asked with GET at one healthy target: 2xx within 5 s and 64 KiB. Of a text the first line counts; a page in HTML never.',
      }),
      every: duration(1_000)
        .prefault('30s')
        .meta({ description: 'Between two polls. A change counts once two polls in a row told the same.' }),
      pointer: jsonPointer().exactOptional().meta({
        description:
          'Where the version is in a JSON answer (RFC 6901): a text or a whole number, 1 to 128 visible ASCII characters. Absent: the answer itself is the version.',
      }),
    },
    'a mapping such as {path: /version}',
  );
}

interface SideDefaults<C extends z.ZodType> {
  readonly firstByteTimeout: string;
  readonly firstByteEffect: string;
  /** With its default in words. */
  readonly credentials: C;
}

function side<C extends z.ZodType>(defaults: SideDefaults<C>) {
  return mapping(
    {
      url: target().exactOptional().meta({
        description: 'The one server of this side, or `unix:/path` of a Unix socket. Give either `url` or `targets`.',
      }),
      targets: list(target(), 100, 1)
        .exactOptional()
        .meta({ description: 'Several servers; the one with the fewest outstanding requests is asked.' }),
      hostHeader: oneOf(['preserve', 'upstream']).prefault('preserve').meta({
        description:
          '`preserve` sends the `Host` of the client; `upstream` sends that of the target, for servers that answer only to their own name.',
      }),
      credentials: defaults.credentials,
      connectTimeout: duration(1, 300_000)
        .prefault('2s')
        .meta({ description: 'Until a connection stands. After it the next target is tried.' }),
      firstByteTimeout: duration()
        .prefault(defaults.firstByteTimeout)
        .meta({ description: `Until the first byte of the answer. ${defaults.firstByteEffect}` }),
      idleTimeout: duration().prefault('60s').meta({
        description:
          'Between two pieces of an answer; after it the answer has failed (`timeout`). Raise it for streams with long pauses.',
      }),
      maxConnections: count(1, 65_535)
        .prefault(256)
        .meta({ description: 'Connections per target. More requests wait for one to become free.' }),
      tls: upstreamTls().meta({ description: 'How targets with `https` are trusted.' }),
      health: health().meta({ description: 'How targets that are down are noticed.' }),
      versionHeader: headerName().exactOptional().meta({
        description:
          'Answer header that tells the version of this side. A new version of the candidate begins an epoch.',
      }),
      version: versionPoll().exactOptional().meta({
        description:
          'Asks this side which version it runs. What it tells counts as `cutover deploy` does; while answers carry `versionHeader`, that counts and nothing is asked.',
      }),
    },
    'a mapping such as {url: http://10.0.0.5:3000}',
  );
}

export const control = side({
  firstByteTimeout: '60s',
  firstByteEffect: 'After it the client gets 504.',
  credentials: controlCredentials().exactOptional().meta({ 'x-default': '`forward`' }),
}).meta({ description: 'The live service. Required.' });

export const candidate = side({
  firstByteTimeout: '10s',
  firstByteEffect: 'After it a safe request is answered by the control, so keep it well below the patience of clients.',
  credentials: candidateCredentials().exactOptional().meta({
    'x-default': '`forward` if every target is a loopback, RFC 1918 or unique local address, else `strip`',
  }),
})
  .extend({
    breaker: breaker.prefault('off').meta({
      description:
        'Circuit breakers: one for the candidate and one for each endpoint. While one is open the control serves at once, copies are held back, and some copies are its probes: no client ever is. What may not fall back (retired endpoints, recorded idempotency keys) gets 503 with `Retry-After`. `{}` takes the defaults; `cutover breaker plan` says what settings cost.',
    }),
    data: oneOf(['shared', 'own']).prefault('shared').meta({
      description:
        '`own` says that nothing the candidate writes is seen by anybody else: no database, mailbox or payment of the control. Only then may endpoints have `mirrorWrites`.',
    }),
  })
  .meta({ description: 'The rewrite. Required.' });
