/** Compiles the package into `dist/` and bundles the dashboard. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
execFileSync('vite', ['build', '--config', 'src/dashboard/vite.config.ts', '--logLevel', 'warn'], { stdio: 'inherit' });
