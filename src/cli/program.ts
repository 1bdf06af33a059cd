import { type Argument, Command } from 'commander';
import { packageVersion } from '../app/package-version.ts';
import { addBreaker } from './commands/breaker.ts';
import { addCanary } from './commands/canary.ts';
import { addCluster, addClusters } from './commands/clusters.ts';
import { addCompare, addRepro } from './commands/compare.ts';
import { addCheck, addInit, addToken } from './commands/config.ts';
import { addExplain, addPin, addPurge, addRollback, addUnlatch } from './commands/control.ts';
import { addDial } from './commands/dial.ts';
import { addController, addFleet, addProxy } from './commands/fleet.ts';
import { addClose, addFreeze, addUnfreeze } from './commands/freeze.ts';
import { addJournal } from './commands/journal.ts';
import { addCells, addEndpoints, addMismatches } from './commands/lists.ts';
import { addDeploy, addHold, addProof, addResume } from './commands/movement.ts';
import { addNotify } from './commands/notify.ts';
import { addPlan } from './commands/plan.ts';
import { addPower } from './commands/power.ts';
import { addApprove, addRamps, addReject, addRetire } from './commands/ramps.ts';
import { addReplay } from './commands/replay.ts';
import { addApply, addRevert, addRevisions } from './commands/revisions.ts';
import { addDemo, addRun } from './commands/serve.ts';
import { addShow } from './commands/show.ts';
import { addSimulate } from './commands/simulate.ts';
import { addStatus, addVersion } from './commands/status.ts';
import { addExport, addImport } from './commands/traffic.ts';
import { colour, errorColour, terminalWidth } from './output.ts';

/** Verbs as the help groups them. */
const GROUPS: readonly (readonly [string, readonly ((program: Command) => void)[]])[] = [
  ['Begin', [addDemo, addInit, addCheck, addRun, addController, addProxy]],
  [
    'See',
    [
      addStatus,
      addFleet,
      addEndpoints,
      addCells,
      addClusters,
      addCluster,
      addMismatches,
      addShow,
      addProof,
      addRamps,
      addExplain,
      addJournal,
    ],
  ],
  [
    'Move',
    [
      addDial,
      addPin,
      addRollback,
      addUnlatch,
      addHold,
      addResume,
      addClose,
      addFreeze,
      addUnfreeze,
      addApprove,
      addReject,
      addRetire,
      addDeploy,
      addCanary,
      addToken,
    ],
  ],
  ['Plan', [addPlan, addApply, addRevisions, addRevert]],
  ['Verify', [addCompare, addRepro, addReplay, addPower, addSimulate, addBreaker, addExport, addImport]],
  ['Keep', [addPurge, addNotify]],
];

/** Lines of help longer than this are hard to read, however wide the terminal. */
const MAX_HELP_WIDTH = 100;

/**
 * The whole command line; not run yet. What only some commands need (proxy, demo, configuration) is loaded by their actions:
 * `cutover rollback` must not wait for it. What is wrong with a call is thrown as a CommanderError after it was told.
 */
export function createProgram(): Command {
  const program = new Command('cutover')
    .description('Replace a live HTTP service by a rewrite without its users noticing.')
    .usage('COMMAND [options]')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    // What stands after a command is its own; `journal verify` and `journal` have options of one name.
    .enablePositionalOptions();
  shape(program);
  for (const [title, commands] of GROUPS) {
    program.commandsGroup(`${title}:`);
    for (const add of commands) add(program);
  }
  program.commandsGroup('More:');
  addVersion(program, packageVersion());
  program.helpCommand('help [command]', 'say more about a command').addHelpText('after', AFTER);
  for (const command of program.commands) {
    shape(command);
    command.helpOption('-h, --help', 'show this help');
    command.showHelpAfterError(`(cutover help ${command.name()} says more)`);
    for (const sub of command.commands) {
      shape(sub);
      sub.helpOption('-h, --help', 'show this help');
      sub.showHelpAfterError(`(cutover ${command.name()} ${sub.name()} --help says more)`);
    }
  }
  return program;
}

const AFTER = `
In an emergency, cutover rollback takes everything back to
the control at once.

Exit codes:
  0  done
  1  failed
  2  wrong call or configuration
  3  gate not met: differences were found`;

/** How help and errors look. */
function shape(command: Command): void {
  command
    .exitOverride()
    .showSuggestionAfterError(true)
    .showHelpAfterError('(cutover help COMMAND says more)')
    .configureOutput({
      getOutHelpWidth: helpWidth,
      getErrHelpWidth: helpWidth,
      getOutHasColors: () => colour.isColorSupported,
      getErrHasColors: () => errorColour.isColorSupported,
      outputError: (text, write) => write(errorColour.red(text)),
    })
    .configureHelp({
      minWidthToWrap: 20,
      styleTitle: (text) => colour.bold(text),
      styleSubcommandText: (text) => colour.cyan(text),
      styleOptionText: (text) => colour.cyan(text),
      styleArgumentText: (text) => colour.cyan(text),
      // In the list the name alone: what it takes is in its own help.
      subcommandTerm: (sub) => [sub.name(), ...sub.registeredArguments.map(argumentTerm)].join(' '),
    });
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function helpWidth(): number {
  return Math.min(MAX_HELP_WIDTH, terminalWidth());
}
