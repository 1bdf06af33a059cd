import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout.trim()) || 100;

/** A process of the benchmark, pinned to one processor where `taskset` is to be had. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves with the first line of standard output that `pattern` matches. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Everything printed, once it ended. */
  output(): Promise<string>;
  stop(): Promise<void>;
}

const canPin = spawnSync('taskset', ['-V'], { stdio: 'ignore' }).status === 0;

/** Starts `command` on processor `cpu`. */
export function start(command: string, args: readonly string[], cpu: number): Running {
  const pinned = canPin ? ['taskset', '-c', String(cpu), command, ...args] : [command, ...args];
  const child = spawn(pinned[0] ?? command, pinned.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
    child.on('error', () => resolve());
  });
  if (child.pid === undefined) throw new Error(`${command} cannot be started`);
  return {
    child,
    pid: child.pid,
    line: async (pattern) => {
      const deadline = performance.now() + 60_000;
      for (;;) {
        const match = pattern.exec(out);
        if (match !== null) return match;
        if (child.exitCode !== null || performance.now() > deadline)
          throw new Error(`${command} did not start: ${out}${errors}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    output: async () => {
      await ended;
      return out + errors;
    },
    stop: async () => {
      child.stdin.end();
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** CPU time a process and its present children have used, microseconds (proc(5): utime and stime). */
export function cpuMicroseconds(pid: number): number {
  let total = 0;
  for (const each of [pid, ...children(pid)]) {
    try {
      const stat = readFileSync(`/proc/${each}/stat`, 'utf8');
      // The command's name may hold spaces and brackets; the fields after the last bracket do not.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      total += ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return total;
}

/** Resident memory of a process and its children, megabytes. */
export function residentMegabytes(pid: number): number {
  return [pid, ...children(pid)].reduce((sum, each) => {
    try {
      return sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? '0') / 1024;
    } catch {
      return sum;
    }
  }, 0);
}

function children(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
        .trim()
        .split(' ')
        .filter((text) => text !== '')
        .map(Number)
        .flatMap((child) => [child, ...children(child)]),
    );
  } catch {
    return [];
  }
}
