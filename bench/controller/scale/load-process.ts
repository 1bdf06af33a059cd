/*
 * What a table with a million cells costs a proxy, in a process of its own:
 * node --expose-gc load-process.ts FOLDER TENANTS ENDPOINTS
 * prints one line of JSON. FOLDER holds the table.
 */
import { decide } from '../../../src/core/decide.ts';
import { compileTable } from '../../../src/core/table.ts';
import { tableDelta } from '../../../src/core/table-delta.ts';
import { readTable, TableFile } from '../../../src/store/table-file.ts';
import { Random } from '../../verify/random.ts';
import { type LoadFigures, longestTurn, memoryMib } from './measure.ts';
import { endpointName, tenantName } from './world.ts';

const [folder = '', tenants = '0', endpoints = '0'] = process.argv.slice(2);
const before = memoryMib();
const [cpu, begin] = [process.cpuUsage(), performance.now()];
const data = await readTable(folder);
if (data === undefined) throw new Error(`no table in ${folder}`);
let table = compileTable(data);
const { user, system } = process.cpuUsage(cpu);
const [loadedMs, loadedCpuMs] = [performance.now() - begin, (user + system) / 1_000];
const heldMib = memoryMib() - before;

const random = new Random('decisions');
const asked = Array.from({ length: 100_000 }, (_, number) => ({
  method: 'GET',
  endpoint: endpointName(random.integer(0, Number(endpoints) - 1)),
  origin: 'found' as const,
  tenant: tenantName(random.integer(0, Number(tenants) - 1)),
  subject: `user-${number}`,
  hasRange: false,
}));
let candidate = 0;
const round = (): number => {
  const cpu = process.cpuUsage();
  for (const facts of asked) if (decide(facts, table, 0).side === 'candidate') candidate += 1;
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / asked.length;
};
for (let warm = 0; warm < 5; warm += 1) round();
const decisionsUs = Array.from({ length: 10 }, round).toSorted((a, b) => a - b);

// One change of a thousand cells, as a proxy takes it; then as it is written down.
const changes = asked.slice(0, 1_000).map(({ tenant, endpoint }) => [`${tenant} ${endpoint}`, 'closed'] as const);
const next = { ...data, revision: data.revision + 1, cells: data.cells.with(changes as never) };
const changeBegin = performance.now();
const delta = tableDelta(data, next);
table = compileTable({ ...data, revision: 8, cells: data.cells.with(delta.cells) });
const changeMs = performance.now() - changeBegin;
const file = new TableFile(folder);
const wholeTurnMs = await longestTurn(() => file.write(data));
const changeTurnMs = await longestTurn(() => file.write(next));

const figures: LoadFigures = {
  cells: data.cells.size,
  loadedMs,
  loadedCpuMs,
  heldMib,
  decisionUs: decisionsUs[5] ?? Number.NaN,
  changeMs,
  wholeTurnMs,
  changeTurnMs,
  candidate,
};
console.log(JSON.stringify(figures));
