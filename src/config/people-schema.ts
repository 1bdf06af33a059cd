import { textOf } from './fields.ts';
import { secretReference } from './references.ts';
import { list, mapping } from './shapes.ts';

/** People who sign in; more belong behind a login of their own. */
const MAX_PEOPLE = 200;

/** A name as the control API takes it from callers. */
const person = () =>
  textOf('name', 'a name: 1 to 64 letters, digits, "_", ".", "@", "+" and "-"', (text) =>
    /^[\w.@+-]{1,64}$/.test(text) ? text : undefined,
  );

/** Who has a token of their own. */
export const people = list(
  mapping({
    name: person().meta({ description: 'As the journal names them: `ann` of `cli:ann`.' }),
    token: secretReference().meta({
      description: 'Their own token of the control API, at least 32 characters: `{env: NAME}` or `{file: path}`.',
    }),
  }),
  MAX_PEOPLE,
)
  .prefault([])
  .meta({
    description:
      'Who signs in with a token of their own. The journal names them whatever a caller says, nobody else gives their names, and gates with `approvers` or several `approvals` count only their words. The token in `tokenFile` goes on working for everything else.',
  });
