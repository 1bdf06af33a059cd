/** What is known of a handshake that failed. */
interface Handshake {
  /** The name the certificate had to be for. */
  readonly expected: string;
  readonly minVersion: string;
  readonly showsCertificate: boolean;
}

const UNKNOWN_AUTHORITY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/**
 * What went wrong in TLS with a target: whose fault it looks like, and what to do. Undefined for errors that are not TLS's.
 * The alerts of RFC 8446 section 6 come from the target; everything else is our own finding about it.
 */
export function tlsProblem(error: Error, { expected, minVersion, showsCertificate }: Handshake): string | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const text = error.message;
  if (UNKNOWN_AUTHORITY.has(code)) {
    return `its certificate is signed by nobody we trust (${text}): give the authority's certificate in tls.caFile, or have the target send the certificates between`;
  }
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'its certificate has expired: renew it at the target';
    case 'CERT_NOT_YET_VALID':
      return 'its certificate is not valid yet: compare the clocks of both machines';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `its certificate is for ${namesOf(error)}, not for ${expected}: give one of its names in tls.serverName`;
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_HTTP_REQUEST':
      return 'it does not speak TLS on this port: write http://, or the port of its TLS';
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
      return `it does not speak ${minVersion} or later: change tls.minVersion, or the target`;
    case 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_UNRECOGNIZED_NAME':
      return `it refuses the server name ${expected} or HTTP/1.1 (${alertOf(text)}): see tls.serverName`;
  }
  if (!/alert/i.test(text)) return undefined;
  const alert = alertOf(text);
  if (/certificate required/i.test(alert) || (/handshake failure/i.test(alert) && !showsCertificate)) {
    return `it asks for a client certificate (${alert}): give tls.certFile and tls.keyFile`;
  }
  if (/unknown ca|certificate|access denied/i.test(alert) && showsCertificate) {
    return `it refuses the certificate of tls.certFile (${alert})`;
  }
  return `it ended the handshake (${alert})`;
}

/** `tlsv13 alert certificate required` from OpenSSL's long line. */
function alertOf(text: string): string {
  return /(?:ssl\/tls|sslv3|tlsv\d+) alert [a-z ]+/i.exec(text)?.[0].trim() ?? text.slice(0, 200).trim();
}

function namesOf(error: Error): string {
  const cert = 'cert' in error ? error.cert : undefined;
  const names = typeof cert === 'object' && cert !== null && 'subjectaltname' in cert ? cert.subjectaltname : undefined;
  return typeof names === 'string' && names !== '' ? names.slice(0, 200) : 'other names';
}
