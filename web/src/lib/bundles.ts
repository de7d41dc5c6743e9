// Bundles of DAGs and their revisions, for people. Pure.
import type { Bundle, BundleDiff } from '../api/types';
import { t } from './words';

const shownOf = 12; // as the command line does

/** Enough of a commit, or of a hash, to know it by. */
export const shortRevision = (revision: string | null): string => revision?.slice(0, shownOf) ?? '–';

const kinds: Readonly<Record<string, string>> = { folder: t('Folder'), git: t('Git repository'), store: t('Object store') };
export const bundleKind = (kind: string): string => kinds[kind] ?? kind;

export const hasRevisions = (of: Bundle): boolean => of.kind !== 'folder';

/** Those that are kept and not live, with their first line, by revision. */
export function earlierRevisions(of: Bundle): Record<string, string> {
  const others = of.revisions.filter((one) => one.revision !== of.revision);
  return Object.fromEntries(others.map((one) => [one.revision, [shortRevision(one.revision), one.subject].filter((text) => text !== '').join(' · ')]));
}

/** What stands there of the live one. */
export const liveSubject = (of: Bundle): string => of.revisions.find((one) => one.revision === of.revision)?.subject ?? '';

export interface BundleChange {
  mark: '+' | '~' | '−';
  name: string;
}

/** The DAGs that would come, change and go, in this order. */
export function dagChanges(of: Pick<BundleDiff, 'added' | 'changed' | 'removed'>): readonly BundleChange[] {
  const marked = (mark: BundleChange['mark'], names: readonly string[]) => names.map((name) => ({ mark, name }));
  return [...marked('+', of.added), ...marked('~', of.changed), ...marked('−', of.removed)];
}
