// XComs over all runs: found by key, DAG, run and task; a value is opened where it is wanted, and changed by who may.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskKey, XCom } from '../api/types';
import { Dialog } from '../components/dialog';
import { JsonTree } from '../components/json_tree';
import { MoreFilters, NumberFilter, TextFilter, TimeFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { At } from '../components/time';
import { useApp, usePage, useResource, useSearch, useTitle } from '../lib/hooks';
import { xcomFilters, xcomsQuery } from '../lib/list_query';
import { dagLink, runLink } from '../lib/route';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';
import { XComDialog } from './xcom_dialog';

const size = 50;
const taskOf = (one: XCom): TaskKey => ({ dag_id: one.dag_id, dag_run_id: one.run_id, task_id: one.task_id, map_index: one.map_index });
const keyOf = (one: XCom) => [one.dag_id, one.run_id, one.task_id, one.map_index, one.key].join('\n');
const read = (one: XCom, signal: AbortSignal) => api.xcomEntry(one.dag_id, one.run_id, one.task_id, one.key, signal, one.map_index);

function Value({ of, onClose, onAct }: { of: XCom; onClose: () => void; onAct: ((act: 'change' | 'delete', entry: XCom) => void) | null }) {
  const entry = useResource((signal) => read(of, signal), [keyOf(of)]);
  return (
    <Dialog title={t('XCom {key}', { key: of.key })} onClose={onClose}>
      <p class="muted">{[of.dag_id, of.run_id, of.task_id, ...(of.map_index < 0 ? [] : [of.map_index])].join(' / ')}</p>
      <Loaded of={entry}>
        {(data) => (
          <>
            <div class="json xcom-value" tabIndex={0} role="group" aria-label={t('Value')}>
              <JsonTree name={null} value={data.value} />
            </div>
            <footer class="dialog-foot">
              <button type="button" class="button" onClick={onClose}>
                {t('Back')}
              </button>
              {onAct && (
                <>
                  <button type="button" class="button" onClick={() => onAct('delete', data)}>
                    {t('Delete…')}
                  </button>
                  <button type="button" class="button" onClick={() => onAct('change', data)}>
                    {t('Change…')}
                  </button>
                </>
              )}
            </footer>
          </>
        )}
      </Loaded>
    </Dialog>
  );
}

function columnsOf(open: (one: XCom) => void): Column<XCom>[] {
  return [
    {
      name: t('Key'),
      cell: (one) => (
        <button type="button" class="link-button" aria-label={t('Value of {key} of {task}', { key: one.key, task: `${one.dag_id}.${one.task_id}` })} onClick={() => open(one)}>
          {one.key}
        </button>
      ),
    },
    { name: t('DAG'), cell: (one) => <a href={dagLink(one.dag_id)}>{one.dag_id}</a> },
    { name: t('Run'), cell: (one) => <a href={runLink(one.dag_id, one.run_id)}>{one.run_id}</a> },
    { name: t('Task'), cell: (one) => <a href={runLink(one.dag_id, one.run_id, one.task_id, 'xcom')}>{one.task_id}</a> },
    { name: t('Map index'), number: true, cell: (one) => (one.map_index < 0 ? '–' : one.map_index) },
    { name: t('Handed on'), cell: (one) => <At at={one.timestamp} /> },
  ];
}

export function XComsView() {
  const { canOperate, notify } = useApp();
  const [search] = useSearch();
  const [offset, move] = usePage(size);
  const query = xcomsQuery(search);
  const found = useResource((signal) => api.xcomsOf({ ...query, limit: size, offset }, signal), [query, offset]);
  const [open, setOpen] = useState<{ act: 'look' | 'change' | 'delete'; entry: XCom } | null>(null);
  const close = () => setOpen(null);
  useTitle('XComs');
  return (
    <>
      <div class="page-head">
        <h1>XComs</h1>
      </div>
      <div class="toolbar" role="search">
        <TextFilter name="key" label={t('Search keys')} />
        <TextFilter name="dag" label={t('Search DAGs')} />
        <TextFilter name="run" label={t('Search runs')} />
        <TextFilter name="q" label={t('Search tasks')} />
        <MoreFilters names={['map', 'from', 'to']} all={xcomFilters}>
          <NumberFilter name="map" label={t('Map index')} least={-1} isWhole />
          <TimeFilter name="from" label={t('Due from')} />
          <TimeFilter name="to" label={t('Due until')} />
        </MoreFilters>
      </div>
      <Loaded of={found}>
        {({ rows, total }) =>
          total === 0 ? (
            <Empty>{xcomFilters.some((name) => search.get(name)) ? t('No XCom matches.') : t('No task has handed anything on yet.')}</Empty>
          ) : (
            <>
              <SimpleTable rows={rows} columns={columnsOf((entry) => setOpen({ act: 'look', entry }))} keyOf={keyOf} empty={t('Nothing is on this page.')} />
              <Pager offset={offset} limit={size} total={total} noun="value" onMove={move} />
            </>
          )
        }
      </Loaded>
      {open?.act === 'look' && <Value of={open.entry} onClose={close} onAct={canOperate ? (act, entry) => setOpen({ act, entry: { ...open.entry, value: entry.value } }) : null} />}
      {open?.act === 'change' && <XComDialog task={taskOf(open.entry)} entry={{ key: open.entry.key, value: open.entry.value }} onClose={close} onDone={found.reload} />}
      {open?.act === 'delete' && (
        <ConfirmDialog
          title={t('Delete XCom {key}?', { key: open.entry.key })}
          text={t('A task that reads it then finds none.')}
          button={t('Delete')}
          danger
          act={() => api.deleteXcom(taskOf(open.entry), open.entry.key)}
          onClose={close}
          onDone={() => {
            notify(t('{name} is deleted.', { name: open.entry.key }));
            found.reload();
          }}
        />
      )}
    </>
  );
}
