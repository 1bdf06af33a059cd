import { join } from 'node:path';
import { type Contender, standing } from '../contender.ts';
import { start } from '../process.ts';

/** A proxy from npm, set up by `../npm/NAME.ts`; the package may be missing. */
export function npmProxy(name: string, packageName: string = name): Contender {
  return {
    name,
    isNpm: true,
    missing: () => {
      try {
        import.meta.resolve(packageName);
        return undefined;
      } catch {
        return `the package ${packageName} is not installed`;
      }
    },
    start: async (origin, cpu) => {
      const file = join(import.meta.dirname, '..', 'npm-proxy.ts');
      const running = start(process.execPath, [file, name, String(origin.port)], cpu);
      return standing(running, Number((await running.line(/listening (\d+)/))[1]));
    },
  };
}
