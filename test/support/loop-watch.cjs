// Loaded into a process under test (`node --require`): tells, at each SIGUSR2, the longest time its event loop was busy
// with one thing since the last one. CPU time of the thread is counted beside the wall clock: on a shared machine the
// clock also shows what other processes did.
const { isMainThread } = require('node:worker_threads');

if (isMainThread) {
  let worst = { cpuMs: 0, wallMs: 0 };
  let wall = performance.now();
  let cpu = cpuMs();
  setInterval(() => {
    const [wallNow, cpuNow] = [performance.now(), cpuMs()];
    worst = { cpuMs: Math.max(worst.cpuMs, cpuNow - cpu), wallMs: Math.max(worst.wallMs, wallNow - wall) };
    wall = wallNow;
    cpu = cpuNow;
  }, 5).unref();
  process.on('SIGUSR2', () => {
    process.stderr.write(`loop-watch ${JSON.stringify(worst)}\n`);
    worst = { cpuMs: 0, wallMs: 0 };
  });
}

function cpuMs() {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
