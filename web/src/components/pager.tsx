import { count } from '../lib/format';

interface Props {
  offset: number;
  limit: number;
  total: number;
  noun: string;
  onMove: (offset: number) => void;
}

export function Pager({ offset, limit, total, noun, onMove }: Props) {
  if (total <= limit && offset === 0) return <p class="pager muted">{count(total, noun)}</p>;
  return (
    <nav class="pager" aria-label="Pages">
      <span class="muted">
        {offset < total && `${offset + 1}–${Math.min(offset + limit, total)} of `}
        {count(total, noun)}
      </span>
      <button
        type="button"
        class="button"
        disabled={offset === 0}
        onClick={() => onMove(Math.max(0, offset - limit))}
      >
        Previous
      </button>
      <button
        type="button"
        class="button"
        disabled={offset + limit >= total}
        onClick={() => onMove(offset + limit)}
      >
        Next
      </button>
    </nav>
  );
}
