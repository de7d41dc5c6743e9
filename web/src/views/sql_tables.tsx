// What there is to ask about, and what was asked before: both put into the statement by a click.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import { SearchBox } from '../components/choice';
import { Empty, Loaded } from '../components/loaded';
import { Ago } from '../components/time';
import { number } from '../lib/format';
import { useDebounced, useResource } from '../lib/hooks';
import { sqlName, type Asked } from '../lib/sql';
import { t } from '../lib/words';

const most = 100;

export function SqlTables({ onName }: { onName: (name: string) => void }) {
  const [text, setText] = useState('');
  const wanted = useDebounced(text, 200);
  const tables = useResource((signal) => api.lakeTables({ name_pattern: wanted || undefined, order_by: 'name', limit: most }, signal), [wanted]);
  return (
    <details class="sql-side">
      <summary>{t('Tables')}</summary>
      <SearchBox label={t('Search tables')} text={text} onText={setText} />
      <Loaded of={tables}>
        {(page) => (
          <>
            {page.tables.length === 0 && <Empty>{t('No table matches.')}</Empty>}
            <ul>
              {page.tables.map((one) => {
                const name = sqlName(one);
                return (
                  <li key={name}>
                    <button type="button" class="link-button mono" title={t('Put into the statement')} onClick={() => onName(name)}>
                      {name}
                    </button>
                  </li>
                );
              })}
            </ul>
            {page.total_entries > page.tables.length && <p class="muted">{t('{count} more: search for them', { count: number(page.total_entries - page.tables.length) })}</p>}
          </>
        )}
      </Loaded>
    </details>
  );
}

export function SqlAsked({ of, onPick }: { of: readonly Asked[]; onPick: (sql: string) => void }) {
  if (of.length === 0) return null;
  return (
    <details class="sql-side">
      <summary>{t('Asked before ({count})', { count: number(of.length) })}</summary>
      <ul>
        {of.map((one) => (
          <li key={one.sql}>
            <button type="button" class="link-button mono" title={one.sql.slice(0, 1000)} onClick={() => onPick(one.sql)}>
              {one.sql.replace(/\s+/g, ' ').slice(0, 120)}
            </button>{' '}
            <span class="muted">
              {one.rows === null ? t('failed') : t('{count} rows', { count: number(one.rows) })} · <Ago at={one.at} />
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
