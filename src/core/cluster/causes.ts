import type { EndpointId } from '../cell.ts';
import type { Finding } from '../compare/finding.ts';
import { hash48 } from '../compare/hash.ts';
import { valueClass } from '../signature.ts';
import type { Signature } from '../verdict.ts';
import { type Change, changeOf } from './change.ts';
import { bareOf, familyOf, isFrame, landmarkOf } from './place.ts';

/** Causes that one mismatch counts for; one that has more is rather another answer altogether. */
export const MAX_CAUSES = 12;
/** Findings that are looked at; what a pair differs in beyond them adds no cause. */
const MAX_FINDINGS = 2_000;
/** So many places of one landmark differ at once that the landmark is another one. */
const MAX_IN_LANDMARK = 3;

/** What one mismatch is due to, the gravest first. */
export interface Causes {
  readonly signatures: readonly Signature[];
  /** Some are not told: there are more than 12, or not everything was looked at. */
  readonly more: boolean;
}

/**
 * The causes that findings are due to: each finding names one, many findings name the same.
 *
 * One cause reaches as far as its place and its kind of change make it plausible:
 * a header, a landmark of a page or the frame of an answer is the same thing at every endpoint;
 * a member of a body is the same thing at the endpoints of one family, in a list or alone;
 * a status, a whole body or a failure belongs to its endpoint, but for a candidate that refuses connections.
 * A member that is gone and another one that came with the same value are one renaming.
 *
 * @param open Findings that nothing accounts for, the gravest first.
 */
export function causesOf(endpoint: EndpointId, open: readonly Finding[]): Causes {
  const looked = open.slice(0, MAX_FINDINGS);
  const renamed = renamings(looked);
  const found = new Map<string, Signature>();
  // Elements of one list differ in the same way at the same place: that has one name, found once.
  const seen = new Set<string>();
  for (const finding of looked) {
    const partner = renamed.get(finding);
    if (partner !== undefined && finding.kind === 'added') continue;
    const change = changeFor(finding, partner);
    const key = `${finding.kind} ${change.isTelling} ${change.transition}\n${patternOf(finding)}`;
    if (seen.has(key) && finding.place.path !== 'status') continue;
    seen.add(key);
    const signature = named(endpoint, finding, change);
    if (!found.has(signature.id)) found.set(signature.id, signature);
  }
  const all = withoutCrowds(endpoint, [...found.values()]);
  return { signatures: all.slice(0, MAX_CAUSES), more: all.length > MAX_CAUSES || open.length > looked.length };
}

function named(endpoint: EndpointId, finding: Finding, change: Change): Signature {
  const pathPattern = patternOf(finding);
  const { reach, at } = scopeOf(endpoint, pathPattern, finding, change);
  return signature({ endpoint, pathPattern, kind: finding.kind, transition: change.transition }, reach, at);
}

function patternOf({ place }: Finding): string {
  return place.detail === undefined ? place.pattern : `${place.pattern}/${place.detail}`;
}

function changeFor(finding: Finding, partner: Finding | undefined): Change {
  return partner === undefined
    ? placeChange(finding)
    : { transition: `renamed to ${partner.place.name}`, isTelling: true };
}

/** A status and a failure are told as they are: 404 instead of 200 is not 500 instead of 200. */
function placeChange(finding: Finding): Change {
  if (finding.place.path !== 'status') return changeOf(finding);
  const { control, candidate } = finding;
  return { transition: `${valueClass(control, 'status')} → ${valueClass(candidate, 'status')}`, isTelling: false };
}

function scopeOf(
  endpoint: EndpointId,
  pathPattern: string,
  finding: Finding,
  change: Change,
): { readonly reach: string; readonly at: string } {
  if (finding.place.path === 'status') {
    // Nobody listens: that has one cause, however many endpoints there are.
    const isAbsent = finding.kind === 'failure' && finding.candidate?.text === 'refused';
    return { reach: isAbsent ? EVERYWHERE : endpoint, at: isAbsent ? 'refused' : pathPattern };
  }
  // How long an endpoint takes is its own affair.
  if (finding.kind === 'timing') return { reach: endpoint, at: pathPattern };
  if (isFrame(pathPattern)) {
    // What a header or a title says is the page's own; that it is missing, or written otherwise, is everyone's.
    const isOwn = pathPattern.startsWith('header:') || pathPattern.startsWith('body/html/head');
    const isShared = change.isTelling || !isOwn;
    return { reach: isShared ? EVERYWHERE : familyOf(endpoint), at: pathPattern };
  }
  const family = familyOf(endpoint);
  const at = bareOf(pathPattern, family);
  const isNameless = at === 'body' || at === 'body/*' || at.startsWith('body/line/');
  return { reach: isNameless ? endpoint : family, at };
}

const EVERYWHERE = '*';

function signature(
  { endpoint, pathPattern, kind, transition }: Omit<Signature, 'id'>,
  reach: string,
  at: string,
): Signature {
  return { id: hash48([reach, at, kind, transition].join('\n')), endpoint, pathPattern, kind, transition };
}

/** Where more than three places of one landmark differ, it is the landmark that differs. */
function withoutCrowds(endpoint: EndpointId, found: readonly Signature[]): readonly Signature[] {
  const crowds = new Map<string, number>();
  for (const { pathPattern } of found) {
    const landmark = landmarkOf(pathPattern);
    if (landmark !== undefined) crowds.set(landmark, (crowds.get(landmark) ?? 0) + 1);
  }
  const folded = new Map<string, Signature>();
  for (const one of found) {
    const landmark = landmarkOf(one.pathPattern);
    const isCrowd = landmark !== undefined && (crowds.get(landmark) ?? 0) > MAX_IN_LANDMARK;
    const kept = isCrowd
      ? signature({ endpoint, pathPattern: landmark, kind: 'value', transition: 'another one' }, EVERYWHERE, landmark)
      : one;
    if (!folded.has(kept.id)) folded.set(kept.id, kept);
  }
  return [...folded.values()];
}

/**
 * Members of one object of which one went and one came with the same value, each with its partner.
 * Where the values cannot tell (a time of the answer, an empty text), they are partners if they are the only ones of their class.
 */
function renamings(findings: readonly Finding[]): ReadonlyMap<Finding, Finding> {
  const byParent = new Map<string, { readonly gone: Finding[]; readonly came: Finding[] }>();
  for (const finding of findings) {
    if (finding.kind !== 'removed' && finding.kind !== 'added') continue;
    const parent = parentOf(finding);
    if (parent === undefined) continue;
    const group = byParent.get(parent) ?? { gone: [], came: [] };
    byParent.set(parent, group);
    (finding.kind === 'removed' ? group.gone : group.came).push(finding);
  }
  const partners = new Map<Finding, Finding>();
  for (const { gone, came } of byParent.values()) {
    if (gone.length === 0 || came.length === 0) continue;
    pair(gone, came, partners, ({ type, text }) => `${type} ${text}`);
    pair(gone, came, partners, (value) => (value.type === 'text' ? valueClass(value, '') : value.type));
  }
  return partners;
}

function pair(
  gone: readonly Finding[],
  came: readonly Finding[],
  partners: Map<Finding, Finding>,
  keyOf: (value: NonNullable<Finding['control']>) => string,
): void {
  const only = (side: readonly Finding[], which: 'control' | 'candidate'): Map<string, Finding | null> => {
    const found = new Map<string, Finding | null>();
    for (const finding of side) {
      const value = finding[which];
      if (value === undefined || partners.has(finding)) continue;
      const key = keyOf(value);
      found.set(key, found.has(key) ? null : finding);
    }
    return found;
  };
  const new_ = only(came, 'candidate');
  for (const [key, old] of only(gone, 'control')) {
    const partner = new_.get(key);
    if (old === null || partner === null || partner === undefined) continue;
    partners.set(old, partner).set(partner, old);
  }
}

/** The object a member or the answer a header belongs to; undefined where a name means nothing: elements of lists, of pages, lines. */
function parentOf({ place }: Finding): string | undefined {
  if (place.path.startsWith('header:')) return place.detail === undefined ? 'header:' : undefined;
  if (!place.path.startsWith('body/') || place.path.startsWith('body/html/') || place.path.startsWith('body/line/'))
    return undefined;
  if (place.pattern.endsWith('/*')) return undefined;
  return place.path.slice(0, place.path.lastIndexOf('/'));
}
