// One backfill: how far it is, what became of each of its dates; paused, resumed and cancelled by who may.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Backfill, BackfillTick } from '../api/types';
import { BackfillBadge } from '../components/backfill_badge';
import { Fact } from '../components/fact';
import { Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { StateBadge } from '../components/state_badge';
import { Ago, At } from '../components/time';
import { UseBar } from '../components/use_bar';
import { backfillState, isUnderWay, outcomeName, reprocessNames } from '../lib/backfills';
import { jsonText } from '../lib/exact_json';
import { number } from '../lib/format';
import { useApp, useLive, usePage, useResource, useThrottled, useTitle } from '../lib/hooks';
import { useMay } from '../lib/may';
import { dagLink, listLink, runLink } from '../lib/route';
import { stateInfo } from '../lib/states';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

const size = 100;
const rereadMs = 2000;

function columnsOf(dag: string): Column<BackfillTick>[] {
  return [
    { name: t('Logical date'), cell: (one) => <At at={one.logical_date} /> },
    { name: t('What became of it'), cell: (one) => outcomeName(one.outcome) },
    { name: t('Run'), cell: (one) => (one.dag_run_id === null ? '–' : <a href={runLink(dag, one.dag_run_id)}>{one.dag_run_id}</a>) },
    { name: t('State'), cell: (one) => (one.state === null ? '–' : <StateBadge state={one.state} />) },
  ];
}

const countsOf = (counts: Record<string, unknown> | undefined, name: (id: string) => string): string =>
  Object.entries(counts ?? {})
    .map(([id, count]) => `${number(Number(count))} ${name(id)}`)
    .join(', ') || '–';

function Facts({ of }: { of: Backfill }) {
  const { batuta } = of;
  return (
    <dl class="facts">
      <Fact name={t('State')}>
        <BackfillBadge of={of} />
      </Fact>
      <Fact name={t('From')}>
        <At at={of.from_date} />
      </Fact>
      <Fact name={t('Until')}>
        <At at={of.to_date} />
      </Fact>
      <Fact name={t('Dates handled')}>
        <UseBar used={batuta.done} of={batuta.ticks} />
      </Fact>
      <Fact name={t('What became of them')}>{countsOf(batuta.outcomes, outcomeName)}</Fact>
      <Fact name={t('Runs')}>{countsOf(batuta.runs, (state) => stateInfo(state).label)}</Fact>
      <Fact name={t('What it runs')}>{reprocessNames()[of.reprocess_behavior] ?? of.reprocess_behavior}</Fact>
      <Fact name={t('Runs at once')}>{of.max_active_runs}</Fact>
      {batuta.run_backwards && <Fact name={t('Order')}>{t('The newest date first')}</Fact>}
      <Fact name={t('By')}>{batuta.triggering_user_name ?? '–'}</Fact>
      <Fact name={t('Begun')}>
        <Ago at={of.created_at} />
      </Fact>
      {of.completed_at !== null && (
        <Fact name={t('Ended')}>
          <Ago at={of.completed_at} />
        </Fact>
      )}
      {of.dag_run_conf !== null && (
        <Fact name={t('Configuration')}>
          <code class="value" tabIndex={0}>{jsonText(of.dag_run_conf)}</code>
        </Fact>
      )}
    </dl>
  );
}

function Acts({ of, onChange }: { of: Backfill; onChange: () => void }) {
  const { notify } = useApp();
  const may = useMay('edit', `dag:${of.dag_id}`);
  const [isCancel, setCancel] = useState(false);
  const [busy, setBusy] = useState(false);
  if (!may || !isUnderWay(of)) return null;
  const turn = async () => {
    setBusy(true);
    await api.changeBackfill(of.id, of.is_paused ? 'unpause' : 'pause').catch((error: Error) => notify(error.message, 'error'));
    setBusy(false);
    onChange();
  };
  return (
    <span class="row-acts">
      <button type="button" class="button" disabled={busy} onClick={() => void turn()}>
        {backfillState(of) === 'paused' ? t('Resume') : t('Pause')}
      </button>
      <button type="button" class="button" onClick={() => setCancel(true)}>
        {t('Cancel…')}
      </button>
      {isCancel && (
        <ConfirmDialog
          title={t('Cancel backfill {id}?', { id: of.id })}
          text={t('Its runs that wait fail, those that run go on, and dates that are not handled yet get no run.')}
          button={t('Cancel it')}
          danger
          act={() => api.changeBackfill(of.id, 'cancel')}
          onClose={() => setCancel(false)}
          onDone={onChange}
        />
      )}
    </span>
  );
}

export function BackfillView({ id }: { id: number }) {
  const [offset, move] = usePage(size);
  const backfill = useResource((signal) => api.backfill(id, signal), [id]);
  const ticks = useResource((signal) => api.backfillTicks(id, { limit: size, offset }, signal), [id, offset]);
  const again = () => {
    backfill.reload();
    ticks.reload();
  };
  const reload = useThrottled(again, rereadMs);
  const dag = backfill.data?.dag_id;
  useLive((batch) => {
    if (batch.resync || batch.runs.some((run) => run.dag_id === dag)) reload();
  });
  const title = t('Backfill {id}', { id });
  useTitle(title);
  return (
    <>
      <nav class="crumbs" aria-label={t('Where this is')}>
        <a href="#/backfills">{t('Backfills')}</a>
        {dag !== undefined && <a href={dagLink(dag, 'backfills')}>{dag}</a>}
      </nav>
      <Loaded of={backfill}>
        {(data) => (
          <>
            <div class="page-head">
              <h1>{title}</h1>
              <Acts of={data} onChange={again} />
            </div>
            <Facts of={data} />
            <section aria-label={t('Dates')}>
              <Loaded of={ticks}>
                {({ rows, total }) => (
                  <>
                    <SimpleTable rows={rows} columns={columnsOf(data.dag_id)} keyOf={(one) => one.ordinal} empty={t('None of its dates is handled yet: they are when its DAG is switched on and its limit lets a run begin.')} />
                    <Pager offset={offset} limit={size} total={total} noun="date" onMove={move} />
                  </>
                )}
              </Loaded>
            </section>
            <p>
              <a href={`${listLink('runs', data.dag_id)}&type=backfill`}>{t('All runs that backfills of this DAG made')}</a>
            </p>
          </>
        )}
      </Loaded>
    </>
  );
}
