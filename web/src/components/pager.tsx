import { count, number, type Noun } from '../lib/format';
import { t } from '../lib/words';

interface Props {
  offset: number;
  limit: number;
  total: number;
  isLeast?: boolean; // there may be more than `total`: the server stopped counting
  noun: Noun;
  onMove: (offset: number) => void;
}

export function Pager({ offset, limit, total, isLeast, noun, onMove }: Props) {
  const all = isLeast === true ? t('at least {count}', { count: count(total, noun) }) : count(total, noun);
  if (total <= limit && offset === 0) return <p class="pager muted">{all}</p>;
  return (
    <nav class="pager" aria-label={t('Pages')}>
      <span class="muted">
        {offset < total
          ? t('{from}–{to} of {total}', { from: number(offset + 1), to: number(Math.min(offset + limit, total)), total: all })
          : all}
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
