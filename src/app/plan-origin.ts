import { dirname, resolve } from 'node:path';
import { readSmallFile } from '../config/files.ts';
import { invalid, type ParsedSettings, parseSettings, readConfigText } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { MAX_FILE_BYTES } from '../config/yaml-source.ts';
import type { PlanOrigin, PlanText } from './plan-keeper.ts';

/** What options of the command line say on top of any text. */
type Adjust = (settings: Settings) => Settings;
type Environment = Readonly<Record<string, string | undefined>>;

/** A start by a file, read now. @throws CutoverError CONFIG_UNREADABLE where there is none. */
export function fileOrigin(file: string, env: Environment, adjust: Adjust): PlanOrigin {
  const path = resolve(file);
  return {
    file: path,
    name: file,
    text: readConfigText(file),
    read: () => readSmallFile(path, MAX_FILE_BYTES),
    parse: parserIn(dirname(path), env, adjust),
  };
}

/** A start by addresses, written as a file would say it. */
export function urlOrigin(text: string, env: Environment, adjust: Adjust): PlanOrigin {
  return {
    file: undefined,
    name: 'command line',
    text,
    read: () => ({ problem: 'is no file' }),
    parse: parserIn(process.cwd(), env, adjust),
  };
}

function parserIn(baseDir: string, env: Environment, adjust: Adjust): (plan: PlanText) => ParsedSettings {
  return ({ text, name }) => {
    const parsed = parseSettings(text, { file: name, env, baseDir });
    return parsed.ok ? { ...parsed, settings: adjust(parsed.settings) } : parsed;
  };
}

/** @throws CutoverError CONFIG_INVALID with every problem on a line of its own. */
export function settingsIn(origin: PlanOrigin): Settings {
  const parsed = origin.parse(origin);
  if (!parsed.ok) throw invalid(parsed.problems);
  return parsed.settings;
}
