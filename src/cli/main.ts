import { CommanderError } from 'commander';
import { isCutoverError } from '../core/errors.ts';
import { EXIT } from './command.ts';
import { errorColour, forgiveClosedPipes, printError, safe } from './output.ts';
import { createProgram } from './program.ts';

/** Codes that mean the command was called wrongly or its configuration is. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'USAGE',
  'CONFIG_INVALID',
  'CONFIG_UNREADABLE',
  'INPUT_INVALID',
  'NODE_TOO_OLD',
]);

async function main(): Promise<number> {
  try {
    await createProgram().parseAsync(process.argv);
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    // Commander has printed its own message; help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (isCutoverError(error)) {
      for (const line of error.message.split('\n')) printError(errorColour.red(safe(line)));
      if (error.hint !== undefined && error.hint !== '') printError(safe(error.hint));
      return USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.failed;
    }
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
    printError(errorColour.red("A fault of Cutover's own:"));
    for (const line of trace.split('\n')) printError(errorColour.red(safe(line)));
    return EXIT.failed;
  }
}

forgiveClosedPipes();
const code = await main();
// What is printed must be out before the process ends; a closed pipe has nobody to read it.
process.stdout.write('', () => process.exit(code));
