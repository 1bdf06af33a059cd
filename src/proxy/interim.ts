import { ServerResponse } from 'node:http';
import { answerHeaders } from './headers.ts';

const HAS_ANY_STATUS = typeof ServerResponse.prototype.writeInformation === 'function';

export interface InterimOptions {
  /** The client waits for 100; to others it is not sent. */
  readonly expectsContinue: boolean;
  /** Whether Node has `writeInformation` (since 24.18); before it, only 102 and 103 have a documented door. Default: by the running Node. */
  readonly anyStatus?: boolean;
}

/** Passes an interim answer on to an HTTP/1.1 client (RFC 9110 section 15.2), without its hop-by-hop headers. */
export function relayInformational(
  response: ServerResponse,
  interim: { readonly status: number; readonly rawHeaders: readonly string[] },
  options: InterimOptions,
): void {
  const { status } = interim;
  if (status === 100) {
    if (options.expectsContinue) response.writeContinue();
    return;
  }
  // As in a 204, there is no body and so no length.
  const headers = answerHeaders(interim.rawHeaders, { status: 204, chunked: false, close: false });
  if (options.anyStatus ?? HAS_ANY_STATUS) response.writeInformation(status, headers);
  else if (status === 102) response.writeProcessing();
  else if (status === 103) relayEarlyHints(response, headers);
}

function relayEarlyHints(response: ServerResponse, headers: readonly string[]): void {
  const hints: Record<string, string | string[]> = {};
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = (headers[at] as string).toLowerCase(); // the bounds were checked
    const value = headers[at + 1] as string;
    const before = hints[name];
    hints[name] = before === undefined ? value : [before, value].flat();
  }
  if (hints.link !== undefined) response.writeEarlyHints(hints);
}
