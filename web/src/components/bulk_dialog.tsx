// The frame of one change of many things: what it touches, then whether it is meant. While it is under way it stays, for
// what has begun is not taken back by looking away.
import type { ComponentChildren } from 'preact';
import { t } from '../lib/words';
import { Dialog } from './dialog';

interface Props {
  title: string;
  rows: ComponentChildren; // list items
  skipped: number; // of those that were chosen
  busy: boolean;
  none: boolean; // nothing would change
  danger?: boolean;
  before?: ComponentChildren;
  children: ComponentChildren; // what else is to be known
  onGo: () => void;
  onClose: () => void;
}

export function BulkDialog({ title, rows, skipped, busy, none, danger, before, children, onGo, onClose }: Props) {
  return (
    <Dialog title={title} onClose={() => !busy && onClose()}>
      {before}
      <ul class="preview" tabIndex={0} aria-label={t('What is touched')}>
        {rows}
      </ul>
      {skipped > 0 && <p class="muted">{t('{count} of those that were chosen stay as they are.', { count: skipped })}</p>}
      {children}
      <footer class="dialog-foot">
        <button type="button" class="button" disabled={busy} onClick={onClose}>
          {t('Back')}
        </button>
        <button type="button" class={`button ${danger === true ? 'button-danger' : 'button-primary'}`} disabled={busy || none} onClick={onGo}>
          {t('Do it')}
        </button>
      </footer>
    </Dialog>
  );
}
