import { count, number, type Noun } from '../lib/format';
import { t } from '../lib/words';

interface Props {
  offset: number;
  limit: number;
  total: number;
  noun: Noun;
  onMove: (offset: number) => void;
}

export function Pager({ offset, limit, total, noun, onMove }: Props) {
  if (total <= limit && offset === 0) return <p class="pager muted">{count(total, noun)}</p>;
  return (
    <nav class="pager" aria-label={t('Pages')}>
      <span class="muted">
        {offset < total
          ? t('{from}–{to} of {total}', { from: number(offset + 1), to: number(Math.min(offset + limit, total)), total: count(total, noun) })
          : count(total, noun)}
      </span>
      <button
        type="button"
        class="button"
        disabled={offset === 0}
        onClick={() => onMove(Math.max(0, offset - limit))}
      >
        {t('Previous')}
      </button>
      <button
        type="button"
        class="button"
        disabled={offset + limit >= total}
        onClick={() => onMove(offset + limit)}
      >
        {t('Next')}
      </button>
    </nav>
  );
}
