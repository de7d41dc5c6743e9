// The log of one try: opened at its end, read upward as far as one likes, followed while the try runs, searched on the
// server. Text enters the document as text nodes only.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Icon } from '../components/icon';
import { Empty, ErrorBox } from '../components/loaded';
import { LogChunk, lineLink } from '../components/log_chunk';
import { bytes } from '../lib/format';
import { useDebounced, useSearch, useSearchText } from '../lib/hooks';
import { hasLine, isAtEnd } from '../lib/log_part';
import { keep, readKept } from '../lib/kept';
import { foldLetters } from '../lib/log_search';
import { t } from '../lib/words';
import { LogDownload } from './log_download';
import { LogSearchBar } from './log_search_bar';
import { useLog } from './use_log';

const nearEnd = 40; // px from the bottom that still count as reading the end
const nearEdge = 800; // px from an edge at which more is read
const wrapKept = 'batuta-log-wrap';

const lineOf = (search: URLSearchParams, name: string): number | null => {
  const text = search.get(name) ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
};

// A line is drawn once, its link is of the search that is shown when somebody wants it.
function renewLink(event: Event, lineName: string): void {
  const link = event.target instanceof Element ? event.target.closest('a.log-time') : null;
  const offset = link?.parentElement?.dataset['offset'];
  if (link && offset !== undefined) link.setAttribute('href', lineLink(lineName, offset));
}

interface Props {
  task: TaskInstance;
  attempt: number;
  lineName?: string; // what the address calls the line that is pointed at: of two logs side by side each has its own
}

export function LogView({ task, attempt, lineName = 'line' }: Props) {
  const [search, change] = useSearch();
  const [text, setText] = useSearchText('log');
  const line = lineOf(search, lineName);
  const [follow, setFollow] = useState(line === null);
  const marked = useDebounced(foldLetters(text), 150);
  const { part, error, reader, isLive, isWritten, run } = useLog(task, attempt, line, follow);
  const [searchError, setSearchError] = useState<Error>();
  const box = useRef<HTMLDivElement>(null);
  const [wrap, setWrap] = useState(() => readKept(wrapKept) !== 'no');
  const [full, setFull] = useState(false);
  const gone = useRef<number | null>(null); // the line that was scrolled to
  const { dag_id, dag_run_id, task_id, map_index } = task;

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !part) return;
    if (line !== null && gone.current !== line) {
      const found = element.querySelector(`[data-offset="${line}"]`);
      if (!found) return;
      gone.current = line;
      found.scrollIntoView({ block: 'center' });
      return;
    }
    if (follow && isAtEnd(part)) element.scrollTop = element.scrollHeight;
  }, [part, follow, line, full]);

  const isHeld = line === null || !part || hasLine(part, line);
  useEffect(() => {
    if (line !== null && !isHeld && gone.current !== line) run(reader.open(line));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- when another line is pointed at; not when what is held changes
  }, [line, reader]);

  const goTo = (offset: number) => {
    gone.current = null;
    setFollow(false);
    if (offset !== line) return change({ [lineName]: offset });
    const there = box.current?.querySelector(`[data-offset="${offset}"]`);
    if (!there) return run(reader.open(offset));
    gone.current = offset;
    there.scrollIntoView({ block: 'center' });
  };
  const onScroll = () => {
    const element = box.current;
    if (!element || !part) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (below >= nearEnd) setFollow(false);
    else if (isAtEnd(part)) setFollow(true);
    if (!isAtEnd(part) && below < nearEdge) run(reader.later());
    if (element.scrollTop < nearEdge && part.start > 0) {
      if (element.scrollTop === 0) element.scrollTop = 1; // at the very top the browser would not hold what is seen in its place
      run(reader.earlier());
    }
  };
  const onFollow = (on: boolean) => {
    setFollow(on);
    if (!on) return;
    if (line !== null) change({ [lineName]: null });
    if (part && !isAtEnd(part)) run(reader.open(null));
  };
  if (attempt === 0) return <Empty>{t('This task has not started yet.')}</Empty>;
  const problem = error ?? searchError;
  const isEmpty = part !== null && part.chunks.length === 0;
  return (
    <div class={`log ${full ? 'log-full' : ''} ${wrap ? '' : 'log-long'}`} onKeyDown={(event) => {
      if (full && event.key === 'Escape') setFull(false);
    }}>
      <div class="log-bar">
        <LogSearchBar
          name={t('Search in the log of try {at}', { at: attempt })}
          text={text}
          level={search.get('level') ?? ''}
          line={line}
          size={isWritten ? 0 : (part?.size ?? 0)}
          ask={(query, signal) => api.logWindow(dag_id, dag_run_id, task_id, { ...query, try_number: attempt }, signal, map_index)}
          onText={setText}
          onLevel={(level) => change({ level })}
          onGo={goTo}
          onError={setSearchError}
        />
        <span class="log-tools">
          {part && <span class="muted">{bytes(part.size)}</span>}
          <label class="check">
            <input type="checkbox" checked={follow} onChange={(event) => onFollow(event.currentTarget.checked)} />
            <span>{t('Follow')}</span>
          </label>
          <button type="button" class="icon-button" aria-pressed={wrap} aria-label={t('Wrap lines')} title={t('Wrap lines')} onClick={() => {
            keep(wrapKept, wrap ? 'no' : 'yes');
            setWrap(!wrap);
          }}>
            <Icon name="wrap" />
          </button>
          <button type="button" class="icon-button" aria-pressed={full} aria-label={t('Full screen')} title={t('Full screen')} onClick={() => setFull(!full)}>
            <Icon name={full ? 'close' : 'full'} />
          </button>
          <LogDownload task={task} attempt={attempt} />
        </span>
      </div>
      {problem && <ErrorBox error={problem} onRetry={() => {
        setSearchError(undefined);
        run(reader.open(line));
      }} />}
      <div class="log-box" ref={box} onScroll={onScroll} onPointerOver={(event) => renewLink(event, lineName)} tabIndex={0} role="log" aria-label={t('Log')} aria-live="off">
        {part && part.start > 0 && (
          <button type="button" class="log-note log-on" onClick={() => run(reader.earlier())}>
            {t('{size} before this: scroll up to read it', { size: bytes(part.start) })}
          </button>
        )}
        {part?.chunks.map((chunk) => (
          <LogChunk
            key={chunk[0]?.offset}
            lines={chunk}
            query={marked}
            lineName={lineName}
            chosen={line !== null && chunk.some((one) => one.offset === line) ? line : null}
          />
        ))}
        {isEmpty && <p class="log-note">{isLive ? t('Waiting for the first line…') : t('The log is empty.')}</p>}
        {part && !isAtEnd(part) && (
          <button type="button" class="log-note log-on" onClick={() => run(reader.later())}>
            {t('{size} behind this: scroll down to read it', { size: bytes(part.size - part.end) })}
          </button>
        )}
        {isLive && !isEmpty && <p class="log-note log-more">{t('Running…')}</p>}
      </div>
    </div>
  );
}
