import { ClaimMemory } from '../../src/core/claim-memory.ts';
import { decodeBase64Url } from '../../src/proxy/base64url.ts';
import { machine } from '../report.ts';

/** People whose tokens come in turn; half of what the memory holds. */
const USERS = 1_000;
/** Distinct tokens, each sent once a round: many times what the memory holds. */
const STRANGERS = 20_000;
const ROUNDS = 7;

interface Row {
  readonly kind: string;
  /** Characters of the `Authorization` header. */
  readonly length: number;
  /** Microseconds of processor time a request, the median of the rounds: the token known, and not known. */
  readonly knownUs: number;
  readonly unknownUs: number;
}

const KINDS: readonly { readonly kind: string; readonly more: Readonly<Record<string, unknown>> }[] = [
  { kind: 'identity only', more: { iss: 'https://login.example/', exp: 1_800_000_000 } },
  {
    kind: 'with 20 roles',
    more: {
      iss: 'https://login.example/',
      exp: 1_800_000_000,
      roles: Array.from({ length: 20 }, (_, n) => `shop.orders.role-${n}`),
    },
  },
  { kind: 'with 100 roles', more: { roles: Array.from({ length: 100 }, (_, n) => `shop.orders.role-${n}`) } },
];

/** As a signed token of RSA with 2,048 bits is sent: its signature has 342 characters. */
function header(user: number, more: object): Buffer {
  const payload = Buffer.from(JSON.stringify({ sub: `user-${user}`, tenant: `shop-${user % 50}`, ...more }));
  return Buffer.from(`Bearer eyJhbGciOiJSUzI1NiJ9.${payload.toString('base64url')}.${'x'.repeat(342)}`);
}

/** Each value is a string of its own, as a parser makes it: its hash is not known yet. */
function asSent(values: readonly Buffer[]): string[] {
  return values.map((value) => value.toString('latin1'));
}

function measure(kind: string, more: object): Row {
  const known = Array.from({ length: USERS }, (_, user) => header(user, more));
  const strangers = Array.from({ length: STRANGERS }, (_, user) => header(USERS + user, more));
  const memory = new ClaimMemory({ decode: decodeBase64Url, onFault: () => undefined });
  const read = (values: readonly string[]): number => {
    const begun = process.cpuUsage();
    for (const value of values)
      if (memory.claimOf(value, 'tenant')?.startsWith('shop-') !== true) throw new Error(`${kind}: the claim is wrong`);
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / values.length;
  };
  const rounds = Array.from({ length: ROUNDS }, () => {
    const unknownUs = read(asSent(strangers));
    read(asSent(known));
    const again = Array.from({ length: 20 }, () => asSent(known)).flat();
    return { unknownUs, knownUs: read(again) };
  });
  const middle = (of: (round: { unknownUs: number; knownUs: number }) => number): number =>
    rounds.map(of).sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
  return {
    kind,
    length: known[0]?.length ?? 0,
    knownUs: middle((one) => one.knownUs),
    unknownUs: middle((one) => one.unknownUs),
  };
}

/** What it costs to read a claim of a token, known and not. */
export async function run(args: readonly string[]): Promise<void> {
  const rows = KINDS.map(({ kind, more }) => measure(kind, more));
  if (args.includes('json')) {
    console.log(JSON.stringify({ machine: machine(), rows }));
    return;
  }
  console.log('token            characters  known, µs  not known, µs');
  for (const { kind, length, knownUs, unknownUs } of rows)
    console.log(
      `${kind.padEnd(15)}  ${String(length).padStart(10)}  ${knownUs.toFixed(2).padStart(9)}  ${unknownUs.toFixed(2).padStart(13)}`,
    );
}
