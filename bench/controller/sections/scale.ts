import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bucketOf } from '../../../src/core/bucket.ts';
import { PPM } from '../../../src/core/routing.ts';
import { TableFile } from '../../../src/store/table-file.ts';
import type { BenchSection, Row, SectionOptions } from '../../verify/section.ts';
import type { LoadFigures, TickFigures } from '../scale/measure.ts';
import { fullTable, type Size } from '../scale/world.ts';

/** What a million cells cost a proxy and the controller. */
export const scale: BenchSection = {
  name: 'scale',
  async run({ quick, progress }: SectionOptions) {
    const many = quick ? 100_000 : 1_000_000;
    const sizes: Size[] = [
      { tenants: many / 100, endpoints: 100 },
      { tenants: many, endpoints: 1 },
    ];
    const rows: Row[] = [];
    const ticks: TickFigures[] = [];
    for (const size of sizes) {
      progress(`a table of ${size.tenants} tenants × ${size.endpoints} endpoints`);
      rows.push(...loadRows(size, await load(size)));
    }
    const [wide] = sizes;
    if (wide !== undefined) {
      progress('rounds of the controller');
      ticks.push(...(await rounds(wide, many / 100)));
      const compared = ticks.filter(
        ({ name }) => name.startsWith('1 % were compared') && !name.endsWith('all of them open'),
      );
      const worst = Math.max(...compared.map(({ cpuMs }) => cpuMs));
      rows.push({
        figure: `a round with ${COUNT.format(many)} cells of which 1 % were compared, processor time`,
        value: `${worst.toFixed(0)} ms`,
        target: '≤ 200 ms',
        met: worst <= 200,
      });
    }
    progress('dials');
    rows.push(dialRow(quick ? 100_000 : 1_000_000));
    return {
      title: `${COUNT.format(many)} cells`,
      rows,
      tables: [
        {
          title: 'Rounds of the controller: this thread, milliseconds',
          columns: ['round', 'opened', 'processor', 'longest turn', 'until done'],
          rows: ticks.map(({ name, opened, cpuMs, turnMs, wallMs }) => [
            name,
            String(opened),
            cpuMs.toFixed(0),
            turnMs.toFixed(0),
            wallMs.toFixed(0),
          ]),
        },
      ],
    };
  },
};

const COUNT = new Intl.NumberFormat('en');

async function load(size: Size): Promise<LoadFigures> {
  return await inFolder(async (folder) => {
    await new TableFile(folder).write(fullTable(size));
    const [line = ''] = runProcess('load-process.ts', [folder, size.tenants, size.endpoints]);
    return JSON.parse(line) as LoadFigures; // printed by that program
  });
}

async function rounds(size: Size, changed: number): Promise<TickFigures[]> {
  return await inFolder((folder) => {
    const lines = runProcess('tick-process.ts', [folder, size.tenants, size.endpoints, changed]);
    return Promise.resolve(lines.map((line) => JSON.parse(line) as TickFigures)); // printed by that program
  });
}

function runProcess(name: string, args: readonly (string | number)[]): string[] {
  const program = new URL(`../scale/${name}`, import.meta.url).pathname;
  const options = ['--expose-gc', '--max-old-space-size=8000', program, ...args.map(String)];
  return execFileSync(process.execPath, options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
    .trim()
    .split('\n');
}

async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-scale-'));
  try {
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function loadRows({ tenants, endpoints }: Size, figures: LoadFigures): Row[] {
  const where = `${COUNT.format(tenants)} tenants × ${COUNT.format(endpoints)} endpoints`;
  const { loadedMs, loadedCpuMs, heldMib, decisionUs, changeMs, wholeTurnMs, changeTurnMs } = figures;
  return [
    {
      figure: `${where}: table read from disk, ready to decide`,
      value: `${(loadedMs / 1_000).toFixed(2)} s (${(loadedCpuMs / 1_000).toFixed(2)} s of processor time)`,
      target: '≤ 2 s',
      met: loadedMs <= 2_000,
    },
    { figure: '  memory it takes', value: `${heldMib.toFixed(0)} MiB`, target: '≤ 200 MB', met: heldMib <= 190 },
    {
      figure: '  a decision, cells at random',
      value: `${decisionUs.toFixed(2)} µs`,
      target: '≤ 1 µs',
      met: decisionUs <= 1,
    },
    { figure: '  a change of 1,000 cells taken over', value: `${changeMs.toFixed(1)} ms` },
    {
      figure: '  longest turn while the whole, or the change, is written to disk',
      value: `${wholeTurnMs.toFixed(1)} ms; ${changeTurnMs.toFixed(1)} ms`,
    },
  ];
}

/** Everybody at every step of a dial that goes up and down. */
function dialRow(subjects: number): Row {
  const dials = [0, 1, 10_000, 50_000, 200_000, 500_000, 999_999, PPM, 500_000, 50_000, 3, 0];
  let wrong = 0;
  for (let subject = 0; subject < subjects; subject += 1) {
    const bucket = bucketOf(`subject-${subject}`, 'salt');
    for (let at = 1; at < dials.length; at += 1) {
      const [before = 0, after = 0] = [dials[at - 1], dials[at]];
      const [was, is] = [bucket < before, bucket < after];
      if (after > before ? was && !is : !was && is) wrong += 1;
    }
  }
  return {
    figure: `${COUNT.format(subjects)} subjects, a dial up and down in ${dials.length - 1} steps: moved the wrong way`,
    value: String(wrong),
    target: '0',
    met: wrong === 0,
  };
}
