// SQL over the lake: a statement, its rows or what is wrong with it, and the tables that there are.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Choice } from '../components/choice';
import { CodeEditor } from '../components/code_editor';
import type { Editor } from '../editor/editor';
import { countOf } from '../lib/address';
import { number } from '../lib/format';
import { useApp, useNow, useSearch, useTitle } from '../lib/hooks';
import { askedBy, insertName, positionOf, rangeOf, remember, type SqlPosition } from '../lib/sql';
import { useQuery, useRunning } from '../lib/use_query';
import { useSqlSchema } from '../lib/use_sql_schema';
import { t } from '../lib/words';
import { SqlPlanView } from './sql_plan';
import { SqlResultView } from './sql_result';
import { SqlAsked, SqlTables } from './sql_tables';

const usualRows = 1000;
const amounts = [100, 10_000];

// A bar once the engine knows how far it is.
function Running({ id, since }: { id: string; since: number }) {
  const now = useNow(true);
  const told = useRunning(id);
  const percent = told?.progress ?? null;
  return (
    <div class="sql-running">
      <p class="loading" role="status">
        {told?.state === 'queued' ? t('Waiting for its turn…') : t('Running for {seconds} s…', { seconds: Math.max(0, Math.round((now - since) / 1000)) })}
      </p>
      {percent !== null && (
        <>
          <progress max={100} value={percent} aria-label={t('How much of it is done')} />
          <span class="muted">{t('{percent} % done', { percent })}</span>
        </>
      )}
    </div>
  );
}

const placeOf = ({ line, column }: SqlPosition) => (column === null ? t('Line {line}', { line }) : t('Line {line}, column {column}', { line, column }));

// The engine's own words keep their lines: its mark stands under what it means.
function Wrong({ error, onGo }: { error: Error; onGo: (position: SqlPosition) => void }) {
  const position = positionOf(error);
  return (
    <div class="notice notice-error sql-wrong" role="alert">
      <pre tabIndex={0}>{error.message}</pre>
      {position && (
        <button type="button" class="button" onClick={() => onGo(position)}>
          {placeOf(position)}
        </button>
      )}
    </div>
  );
}

export function LakeSqlView() {
  const { session } = useApp();
  const [search, change] = useSearch();
  const given = search.get('sql') ?? '';
  const [sql, setSql] = useState(given);
  const [asked, setAsked] = useState(() => askedBy(session.username));
  const editor = useRef<Editor | null>(null);
  const tables = useSqlSchema(sql);
  const hint = t('Tables are named layer.domain.table, a version of one layer.domain.table@v12. Ctrl Enter runs it; what ran is kept in the event log.');
  const query = useQuery((question, rows) => setAsked(remember(session.username, { sql: question.sql, at: new Date().toISOString(), rows })));
  const wanted = countOf(search, 'limit', usualRows);
  const limit = amounts.includes(wanted) ? wanted : usualRows;
  useTitle(t('SQL'));
  // A link that is followed while the page is open brings its own statement.
  useEffect(() => setSql(given), [given]);

  // Once the editor has the text that is drawn now.
  const choose = (from: number, to: number) => requestAnimationFrame(() => editor.current?.choose(from, to));
  const run = (explain?: 'plan' | 'measure') => {
    if (sql.trim() === '' || query.running) return;
    change({ sql });
    // An installation may answer with fewer rows than are usual: what is not chosen is not asked for.
    void query.run({ sql, limit: limit === usualRows ? undefined : limit, ...(explain && { explain }) });
  };
  const put = (name: string) => {
    const [from, to] = editor.current?.selection() ?? [sql.length, sql.length];
    const next = insertName(sql, from, to, name);
    setSql(next.text);
    choose(next.caret, next.caret);
  };
  const pick = (text: string) => {
    setSql(text);
    choose(text.length, text.length);
  };
  return (
    <>
      <div class="page-head">
        <h1>{t('SQL')}</h1>
        <a href="#/lake">{t('All tables')}</a>
      </div>
      <form
        class="sql-form"
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <CodeEditor text={sql} language="sql" label={t('One SELECT over tables of the lake')} describedBy={hint} tables={tables} keys={{ 'Mod-Enter': () => run() }} onChange={setSql} onReady={(made) => (editor.current = made)} />
        <p class="muted">{hint}</p>
        <div class="toolbar">
          <button type="submit" class="button button-primary" disabled={query.running !== null || sql.trim() === ''}>
            {t('Run it')}
          </button>
          <button type="button" class="button" disabled={query.running === null} onClick={query.cancel}>
            {t('Cancel')}
          </button>
          <button type="button" class="button" disabled={query.running !== null || sql.trim() === ''} onClick={() => run('plan')}>
            {t('Explain')}
          </button>
          <button type="button" class="button" disabled={query.running !== null || sql.trim() === ''} title={t('Runs the statement, and tells what each step of it took')} onClick={() => run('measure')}>
            {t('Explain and measure')}
          </button>
          <Choice
            label={t('How many rows')}
            value={limit === usualRows ? '' : String(limit)}
            all={t('{count} rows', { count: number(usualRows) })}
            choices={amounts.map((one) => ({ id: String(one), name: t('{count} rows', { count: number(one) }) }))}
            onChange={(next) => change({ limit: next })}
          />
        </div>
      </form>
      <SqlTables onName={put} />
      <SqlAsked of={asked} onPick={pick} />
      {query.running && <Running id={query.running.id} since={query.running.since} />}
      {query.error && <Wrong error={query.error} onGo={(position) => choose(...rangeOf(sql, position))} />}
      {query.plan && <SqlPlanView {...query.plan} />}
      {query.data && <SqlResultView key={query.data.query_id} data={query.data} />}
    </>
  );
}
