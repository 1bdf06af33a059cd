import type { BenchSection } from './section.ts';

/** Every section, in the order in which they run; each is loaded only when asked for. */
export const SECTIONS: Readonly<Record<string, () => Promise<BenchSection>>> = {
  accuracy: async () => (await import('./sections/accuracy.ts')).accuracy,
  power: async () => (await import('./sections/power.ts')).power,
  hostile: async () => (await import('./sections/hostile.ts')).hostile,
  clusters: async () => (await import('./sections/clusters.ts')).clusters,
  thresholds: async () => (await import('./sections/thresholds.ts')).thresholds,
  statistics: async () => (await import('./sections/statistics.ts')).statistics,
  templates: async () => (await import('./sections/templates.ts')).templates,
  reproduction: async () => (await import('./sections/reproduction.ts')).reproduction,
  redaction: async () => (await import('./sections/redaction.ts')).redaction,
  sessions: async () => (await import('./sections/sessions.ts')).sessions,
};
