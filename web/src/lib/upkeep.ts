// What an order to look after a table told, in a sentence. Pure.
import { bytes, number } from './format';
import { t } from './words';

export type UpkeepAction = 'optimize' | 'vacuum' | 'restore';

type Json = Record<string, unknown>;
const numberIn = (of: Json, name: string) => (typeof of[name] === 'number' ? of[name] : 0);

export const upkeepTitle = (action: UpkeepAction, version: number | null): string =>
  action === 'optimize' ? t('Hold small files together') : action === 'vacuum' ? t('Delete old files') : t('Back to version {version}', { version: version ?? 0 });

/** Whether there is anything to do; of what a look ahead told. */
export const isNeeded = (action: string, report: Json): boolean =>
  action === 'optimize'
    ? numberIn(report, 'old_files') > 0
    : action === 'vacuum'
      ? numberIn(report, 'deleted_files') > 0 || numberIn(report, 'deleted_entries') > 0 || numberIn(report, 'checkpoint') >= 0
      : numberIn(report, 'added_files') + numberIn(report, 'removed_files') + numberIn(report, 'markers') > 0 || report['schema_changed'] === true;

export function upkeepSays(action: string, dryRun: boolean, report: Json): string {
  if (action === 'optimize') {
    const of = { before: number(numberIn(report, 'old_files')), size: bytes(numberIn(report, 'old_bytes')), after: number(numberIn(report, 'new_files')) };
    if (numberIn(report, 'old_files') === 0) return t('There is nothing to hold together.');
    return dryRun ? t('Files now: {before} ({size}), then: {after}. Rows stay as they are.', of) : t('Files before: {before} ({size}), now: {after}.', of);
  }
  if (action === 'vacuum') {
    const of = { count: number(numberIn(report, 'deleted_files')), size: bytes(numberIn(report, 'deleted_bytes')), version: numberIn(report, 'oldest_version') };
    return dryRun
      ? t('Files to be deleted for good: {count} ({size}). Versions from {version} on stay whole.', of)
      : t('Files that were deleted: {count} ({size}). Versions from {version} on are whole.', of);
  }
  const of = { added: number(numberIn(report, 'added_files')), removed: number(numberIn(report, 'removed_files')) };
  if (dryRun && !isNeeded(action, report)) return t('The table is what it was at that version.');
  return dryRun
    ? t('Files that would come back: {added}, that would leave: {removed}. It is a new version, and the way back stays open.', of)
    : t('Files that came back: {added}, that left: {removed}.', of);
}

/** The names that a report has room for. */
export const namesIn = (report: Json): string[] =>
  Array.isArray(report['deleted']) ? report['deleted'].filter((one): one is string => typeof one === 'string') : [];
