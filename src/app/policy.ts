import { loadSettings, settingsFromUrls } from '../config/load.ts';
import type { CredentialMapping, Settings } from '../config/settings.ts';
import { comparisonPolicy } from '../core/rule.ts';
import type { ComparerOptions } from '../verifier/comparer.ts';

/** Rules, headers and limits of a configuration file, or the defaults, for comparing without serving. */
export async function comparerOptions(config: string | undefined): Promise<ComparerOptions> {
  const { compare } = await settingsOf(config);
  const { maxDecodedBytes, timeoutMs } = compare;
  return {
    policy: comparisonPolicy(compare),
    limits: { maxDecodedBytes, timeoutMs },
  };
}

/** The names under which the candidate knows the client's credentials; empty where they are the same. */
export async function candidateCredentials(config: string | undefined): Promise<readonly CredentialMapping[]> {
  return (await settingsOf(config)).sides.candidate.credentialMap;
}

function settingsOf(config: string | undefined): Promise<Settings> {
  if (config !== undefined) return loadSettings(config, withStandIns(process.env));
  // The addresses are never used: they stand where a configuration needs some.
  return Promise.resolve(settingsFromUrls({ control: ['http://127.0.0.1:1'], candidate: ['http://127.0.0.1:2'] }));
}

/** Comparing signs nothing: who has not the secrets of the place a configuration is for can compare by its rules all the same. */
function withStandIns(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const standIn = 'not-a-secret-and-never-used-to-sign-anything';
  return new Proxy(environment, { get: (known, name) => known[String(name)] ?? standIn });
}
