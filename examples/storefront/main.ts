/**
 * Runs one of the two applications: `node main.ts control|candidate CATALOGUE PORT`.
 * Prints `listening PORT` when it is ready and ends with its parent (standard input closes).
 * The candidate takes lines `deploy VERSION` on standard input, and prints `deployed VERSION` when the release has changed.
 */
import { createInterface } from 'node:readline';
import { startCandidate } from './candidate.ts';
import { startControl } from './control.ts';

const [, , side, catalogue, port] = process.argv;
if ((side !== 'control' && side !== 'candidate') || catalogue === undefined) {
  process.stderr.write('usage: main.ts control|candidate CATALOGUE [PORT]\n');
  process.exit(2);
}
const options = { catalogue, port: Number(port ?? '0') };
const candidate = side === 'candidate' ? await startCandidate(options) : undefined;
const running = candidate ?? (await startControl(options));
process.stdout.write(`listening ${running.port}\n`);
const stop = (): void => {
  running.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.on('SIGTERM', stop);
process.stdin.on('error', stop);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const version = /^deploy (\S+)$/.exec(line)?.[1];
    if (version === undefined || candidate === undefined) return;
    const deployed = candidate.deploy(version);
    process.stdout.write(deployed === undefined ? `unknown ${version}\n` : `deployed ${deployed}\n`);
  })
  .on('close', stop);
