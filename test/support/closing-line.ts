import type { Reporter, TestModule } from 'vitest/node';

/**
 * Prints `N passed, N failed` as the very last line, for those who read a run by its end. Before it stands what passed
 * only at a second try: real processes on a shared machine are late at times, and a test that needs luck must be seen.
 */
class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    const secondTry: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        if (state === 'passed' && (test.diagnostic()?.retryCount ?? 0) > 0) secondTry.push(test.fullName);
        if (state === 'failed') failed += 1;
      }
      // A file that cannot be loaded has no tests to fail.
      if (module.errors().length > 0) failed += 1;
    }
    // After the summary of the reporter before it, which is printed when the run has ended.
    process.on('exit', () => {
      for (const name of secondTry) process.stdout.write(`passed at the second try only: ${name}\n`);
      process.stdout.write(`${passed} passed, ${failed} failed\n`);
    });
  }
}

// Vitest loads a reporter by its file and takes the default export.
export default ClosingLine;
