import { ERRORS } from '../../src/core/errors.ts';
import { GENERATED_NOTE, markdownTable } from './markdown.ts';

/** `docs/reference/errors.md`, from the table of codes. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { when, source, retryable }]) => [`\`${code}\``, when, source, retryable ? 'yes' : 'no']);
  return `${GENERATED_NOTE}
# Errors

Every error of Cutover has a code: in logs, in the output of commands, and as \`code\` in the problem documents of the control API.
Match on the code, never on the words.
A code keeps its meaning and is never used again for something else.

*Whose doing* tells where to look: \`client\` is whoever called (a person, a script, a request), \`control\` and \`candidate\` are the two services, \`cutover\` is Cutover itself.
*Retry* tells whether the same call may work a little later.

${markdownTable(['Code', 'When', 'Whose doing', 'Retry'], rows)}
`;
}
