import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { UpstreamTlsSettings } from '../config/settings.ts';
import { CutoverError } from '../core/errors.ts';
import type { Clock, Log } from '../core/ports.ts';
import { FollowedFiles } from './followed-files.ts';

/** What a side's TLS connections trust and show, as its files are now. */
export class UpstreamTrust {
  readonly settings: UpstreamTlsSettings;
  readonly #files: FollowedFiles<SecureContext>;

  /** Throws CONFIG_UNREADABLE when a file cannot be read or used. */
  constructor(
    settings: UpstreamTlsSettings,
    around: { readonly clock: Clock; readonly log: Log; readonly name: string },
  ) {
    this.settings = settings;
    const files = filesOf(settings);
    try {
      this.#files = new FollowedFiles({ ...around, files, make: (contents) => context(settings, contents) });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CutoverError('CONFIG_UNREADABLE', `The files of ${around.name} cannot be used: ${reason}.`, { cause });
    }
  }

  get context(): SecureContext {
    return this.#files.value;
  }

  /** Another one after files changed: sessions from before must not be used again. */
  get generation(): number {
    return this.#files.generation;
  }

  close(): void {
    this.#files.close();
  }
}

/** The same for one connection: the files as they are at this moment. Throws where they cannot be used. */
export function trustContext(settings: UpstreamTlsSettings): SecureContext {
  return context(
    settings,
    filesOf(settings).map((file) => readFileSync(file)),
  );
}

function filesOf({ caFile, certificate }: UpstreamTlsSettings): string[] {
  return [
    ...(caFile === undefined ? [] : [caFile]),
    ...(certificate === undefined ? [] : [certificate.certFile, certificate.keyFile]),
  ];
}

function context({ caFile, certificate, minVersion }: UpstreamTlsSettings, contents: readonly Buffer[]): SecureContext {
  const rest = [...contents];
  const ca = caFile === undefined ? undefined : rest.shift();
  const [cert, key] = rest;
  return createSecureContext({
    minVersion: minVersion,
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined || cert === undefined || key === undefined ? {} : { cert, key }),
  });
}
