import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { CellPicture } from './cells.tsx';
import { ClusterList } from './clusters.tsx';
import { EndpointTable } from './endpoints.tsx';
import { JournalList } from './journal.tsx';
import {
  cellMap,
  clusters,
  connection,
  endpoints,
  journal,
  powers,
  ramps,
  rules,
  signedIn,
  signIn,
  signOut,
  status,
  trouble,
} from './live.ts';
import { Overview } from './overview.tsx';
import { Race } from './race.tsx';
import { RampList } from './ramps.tsx';
import { RollbackButton } from './rollback.tsx';
import { Rules } from './rules.tsx';

const typed = signal('');

function SignIn(): JSX.Element {
  return (
    <form
      class="sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        signIn(typed.value);
      }}
    >
      <h1>Cutover</h1>
      <label for="token">Token of the control API</label>
      <input
        id="token"
        type="password"
        autocomplete="off"
        value={typed.value}
        onInput={(event) => (typed.value = event.currentTarget.value)}
      />
      <button type="submit">Sign in</button>
      <p>
        It lies in the state folder, in the file <code>api-token</code>; <code>cutover run</code> prints an address with
        it.
      </p>
      {trouble.value !== '' && <p role="alert">{trouble.value}</p>}
    </form>
  );
}

const CONNECTION_TEXT = {
  connecting: 'connecting',
  live: 'live',
  lost: 'connection lost, trying again',
  'signed-out': 'signed out',
} as const;

/** The whole page. */
export function App(): JSX.Element {
  if (!signedIn.value) return <SignIn />;
  const now = status.value;
  return (
    <>
      <header class="top">
        <h1>Cutover</h1>
        <span class={`connection ${connection.value}`} role="status">
          {CONNECTION_TEXT[connection.value]}
        </span>
        <span class="grow" />
        {now !== undefined && (
          <RollbackButton latched={now.latches.some((latch) => Object.keys(latch.scope).length === 0)} />
        )}
        <button type="button" class="quiet" onClick={signOut}>
          Sign out
        </button>
      </header>
      <main>
        {trouble.value !== '' && (
          <p class="banner warn" role="alert">
            {trouble.value}
          </p>
        )}
        {now === undefined ? (
          <p>Loading …</p>
        ) : (
          <>
            <Overview status={now} />
            {cellMap.value !== undefined && <CellPicture map={cellMap.value} counts={now.cells} />}
            <RampList ramps={ramps.value} now={now.now} />
            <ClusterList clusters={clusters.value} now={now.now} />
            <Race />
            <EndpointTable endpoints={endpoints.value} />
            <Rules rules={rules.value} powers={powers.value} />
            <JournalList entries={journal.value} now={now.now} />
          </>
        )}
      </main>
    </>
  );
}
