import type { Settings } from '../config/settings.ts';

/**
 * Where a difference between two plans is told: `table` where the changed dials, endpoints and policies show it, `restart` where
 * it needs one; else the name of the section in the file. The compiler keeps this complete.
 */
const TOLD: Readonly<Record<keyof Settings, string>> = {
  listen: 'restart',
  tls: 'restart',
  api: 'restart',
  ownSessions: 'restart',
  trust: 'restart',
  limits: 'restart',
  proxy: 'restart',
  store: 'restart',
  log: 'restart',
  tableMaxAgeMs: 'restart',
  // Of the sides only the polls for versions follow the file; `parts` looks at them.
  sides: 'restart',
  force: 'table',
  cohorts: 'table',
  defaults: 'table',
  endpoints: 'table',
  identity: 'identity',
  templates: 'openapi',
  evidence: 'evidence',
  canary: 'canary',
  classes: 'classes',
  protectedTenants: 'protected',
  freezes: 'freezes',
  locked: 'locked',
  tripwires: 'tripwires',
  mirror: 'mirror',
  compare: 'compare',
  redact: 'redact',
  drain: 'drain',
  notify: 'notify',
};

/** Parts of sections that are told elsewhere, and are told by a name of their own. */
const PARTS: readonly (readonly [name: string, of: (settings: Settings) => unknown])[] = [
  [
    'steps',
    ({ defaults, endpoints }) => [
      defaults.steps,
      defaults.dwellMs,
      endpoints.map(({ method, template, steps }) => [method, template, steps]),
    ],
  ],
  ['journeys', ({ endpoints }) => endpoints.map(({ method, template, journey }) => [method, template, journey])],
  ['control.version', ({ sides }) => sides.control.version],
  ['candidate.version', ({ sides }) => sides.candidate.version],
];

/** The sections in which two plans differ, but for what shows in the table or needs a restart; as the file calls them. */
export function changedSections(before: Settings, after: Settings): string[] {
  const keys = (Object.keys(TOLD) as (keyof Settings)[]) // the record has exactly these
    .filter((key) => TOLD[key] !== 'table' && TOLD[key] !== 'restart');
  return [
    ...keys.filter((key) => differIn(before, after, (settings) => settings[key])).map((key) => TOLD[key]),
    ...PARTS.filter(([, of]) => differIn(before, after, of)).map(([name]) => name),
  ];
}

/** Whether two plans differ in anything at all. */
export function differAtAll(before: Settings, after: Settings): boolean {
  return (Object.keys(TOLD) as (keyof Settings)[]).some((key) => differIn(before, after, (settings) => settings[key])); // as above
}

export function differIn(before: Settings, after: Settings, of: (settings: Settings) => unknown): boolean {
  return JSON.stringify(of(before)) !== JSON.stringify(of(after));
}
