import { t } from '../lib/words';
import { Icon } from './icon';

/** Unfolds all groups, or folds them again; each as long as it would change something. */
export function FoldButtons({ count, open, onAll }: { count: number; open: number; onAll: (open: boolean) => void }) {
  return (
    <span class="fold-buttons">
      <button type="button" class="icon-button" aria-label={t('Unfold all groups')} title={t('Unfold all groups')} disabled={open === count} onClick={() => onAll(true)}>
        <Icon name="unfold" />
      </button>
      <button type="button" class="icon-button" aria-label={t('Fold all groups')} title={t('Fold all groups')} disabled={open === 0} onClick={() => onAll(false)}>
        <Icon name="fold" />
      </button>
    </span>
  );
}
