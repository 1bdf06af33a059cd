import type { Reporter, TestModule } from 'vitest/node';

/** Prints `N passed, N failed` as the very last line, for those who read a run by its end. */
class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
      }
      // A file that cannot be loaded has no tests to fail.
      if (module.errors().length > 0) failed += 1;
    }
    // After the summary of the reporter before it, which is printed when the run has ended.
    process.on('exit', () => process.stdout.write(`${passed} passed, ${failed} failed\n`));
  }
}

// Vitest loads a reporter by its file and takes the default export.
export default ClosingLine;
