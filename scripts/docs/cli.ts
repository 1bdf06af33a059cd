import type { Argument, Command, Option } from 'commander';
import { examplesOf } from '../../src/cli/command.ts';
import { createProgram } from '../../src/cli/program.ts';
import { GENERATED_NOTE, markdownTable } from './markdown.ts';

/** `docs/reference/cli.md`, from the commands themselves. */
export function cliPage(): string {
  const program = createProgram();
  const groups = new Map<string, Command[]>();
  for (const command of program.commands) {
    const title = command.helpGroup().replace(/:$/, '');
    groups.set(title, [...(groups.get(title) ?? []), command]);
  }
  const sections = [...groups].map(
    ([title, commands]) => `## ${title}\n\n${commands.flatMap(withSubcommands).map(commandSection).join('\n\n')}`,
  );
  return `${GENERATED_NOTE}\n${HEAD}\n${overview(groups)}\n\n${sections.join('\n\n')}\n`;
}

const HEAD = `# Command line

\`cutover help COMMAND\` says the same in a terminal.

Data goes to standard output, errors and progress to standard error.
With \`--output json\` standard output holds one JSON document; \`compare --pairs\` and \`status --watch\` write one after another, and \`run\` always writes its log there, one JSON object a line.

| Exit code | Meaning |
|---|---|
| 0 | Done. |
| 1 | Failed: Cutover cannot be reached or refused, a server gave no answer that could be compared, requests were cut. |
| 2 | The call, the configuration or an input file is wrong. Nothing was started or changed; \`compare --pairs\` has compared the lines that are right. |
| 3 | A gate is not met: \`compare\` or \`repro\` found differences. |

| Variable | Meaning |
|---|---|
| \`CUTOVER_DIR\` | State folder of the running Cutover, where commands find its address and token; \`cutover-data\` by default. |
| \`CUTOVER_API\` | Address of the control API, instead of the one in the state folder. |
| \`CUTOVER_TOKEN\` | Its token. |
| \`NO_COLOR\`, \`FORCE_COLOR\` | No colours at all, or colours even into files and pipes. |
| \`COLUMNS\` | Width of tables where standard output is no terminal; 100 by default. |

An option wins over its variable, and a variable over the state folder.
The token in the state folder is sent to addresses of this machine only, unless the folder was named.
The journal names who ordered something as \`cli:\` and the name of the user who ran the command.
`;

function overview(groups: ReadonlyMap<string, readonly Command[]>): string {
  const rows = [...groups.values()]
    .flat()
    .flatMap(withSubcommands)
    .map((command) => [
      `[\`${nameOf(command)}\`](#cutover-${nameOf(command).replace(' ', '-')})`,
      command.description(),
    ]);
  return markdownTable(['Command', 'What it does'], rows);
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands];
}

/** `journal verify`. */
function nameOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${parent.name()} ${command.name()}` : command.name();
}

function commandSection(command: Command): string {
  const parts = [`### cutover ${nameOf(command)}`, `${sentence(command.description())}`];
  const usage = ['cutover', nameOf(command), ...command.registeredArguments.map(argumentTerm), '[options]'].join(' ');
  parts.push(`\`\`\`\n${usage}\n\`\`\``);
  if (command.aliases().length > 0)
    parts.push(
      `Also: ${command
        .aliases()
        .map((alias) => `\`cutover ${alias}\``)
        .join(', ')}.`,
    );
  const rows = [
    ...command.registeredArguments.map((one) => [`\`${argumentTerm(one)}\``, one.description]),
    ...command.options.map((option) => [`\`${option.flags}\``, optionText(option)]),
  ];
  parts.push(markdownTable(['Argument or option', 'Meaning'], rows));
  const examples = examplesOf(command);
  if (examples.length > 0) parts.push(`\`\`\`sh\n${examples.join('\n')}\n\`\`\``);
  return parts.join('\n\n');
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionText(option: Option): string {
  const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join(' or ')})`;
  const standard = option.defaultValueDescription ?? option.defaultValue;
  const needed = option.mandatory ? ' Needed.' : '';
  return `${sentence(`${option.description}${choices}`)}${needed}${standard === undefined ? '' : ` Default: \`${standard}\`.`}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
