// Two texts as lines that came, went and stayed; what lies far from any change is folded.
import { useMemo, useState } from 'preact/hooks';
import { CodeLines } from '../components/code_lines';
import { Icon } from '../components/icon';
import { Empty } from '../components/loaded';
import { countChanges, diffLines, foldSame } from '../lib/diff';
import { number } from '../lib/format';
import { t } from '../lib/words';

export function Comparison({ before, after }: { before: string; after: string }) {
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const parts = useMemo(() => foldSame(lines), [lines]);
  const { added, gone } = countChanges(lines);
  if (added + gone === 0) return <Empty>{t('Both versions have the same text.')}</Empty>;
  return (
    <>
      <p class="muted" role="status">
        {t('{added} lines came, {gone} went.', { added: number(added), gone: number(gone) })}
      </p>
      <div class="code-box" tabIndex={0} role="region" aria-label={t('What changed')}>
        {parts.map((part, at) =>
          part.kind === 'lines' || open.has(at) ? (
            <CodeLines key={at} lines={part.lines} hasBoth />
          ) : (
            <button key={at} type="button" class="code-fold" onClick={() => setOpen(new Set([...open, at]))}>
              <Icon name="unfold" /> {t('{count} lines that stayed', { count: number(part.lines.length) })}
            </button>
          ),
        )}
      </div>
    </>
  );
}
