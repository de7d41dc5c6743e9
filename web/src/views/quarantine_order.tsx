// Rejected rows repaired, judged again or given up: what is meant, what would become of it, what became of it. The server
// makes a run of it; the dialog follows that run to its end, and may be left meanwhile.
import { useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeKey, LakeQuarantineOrder } from '../api/types';
import { Dialog } from '../components/dialog';
import { ErrorBox } from '../components/loaded';
import { StateBadge } from '../components/state_badge';
import { number } from '../lib/format';
import { useLive, useResource, useThrottled } from '../lib/hooks';
import { actionName, orderBody, orderProblem, orderTold, outcomeName, type Correction, type OrderAction, type OrderTold, type RowChoice } from '../lib/orders';
import { runLink } from '../lib/route';
import { isEnded } from '../lib/states';
import { newUuid } from '../lib/uuid';
import { t } from '../lib/words';

const listedOutcomes = 50;

interface Props {
  of: Pick<LakeKey, 'domain' | 'table'>;
  action: OrderAction;
  choice: RowChoice;
  columns: readonly string[]; // that a repair may give values to
  onClose: () => void;
}

function choiceWords({ rows, reason, run }: RowChoice): string {
  if (rows.length > 0) return t('Rows that were chosen: {count}.', { count: number(rows.length) });
  if (reason !== null && run !== null) return t('All open rows with the reason {reason} of the run {run}.', { reason, run });
  if (reason !== null) return t('All open rows with the reason {reason}.', { reason });
  return run === null ? t('All open rows.') : t('All open rows of the run {run}.', { run });
}

async function toldOf(order: LakeQuarantineOrder, signal: AbortSignal) {
  const run = await api.dagRun(order.dag_id, order.dag_run_id, signal);
  if (run.state !== 'success') return { state: run.state, told: null };
  const entry = await api.xcomEntry(order.dag_id, order.dag_run_id, order.task_id, 'return_value', signal);
  return { state: run.state, told: orderTold(entry.value) };
}

function Told({ of, isDry }: { of: OrderTold; isDry: boolean }) {
  return (
    <>
      {of.doneBefore && <p class="notice">{t('This was done before; nothing was done again.')}</p>}
      <p>{isDry ? t('What would become of the rows ({count}):', { count: number(of.chosen) }) : t('What became of the rows ({count}):', { count: number(of.chosen) })}</p>
      <ul class="preview" tabIndex={0} aria-label={t('What is touched')}>
        {of.counts.map((one) => (
          <li key={one.outcome}>
            <strong>
              {number(one.rows)} {outcomeName(one.outcome)}
            </strong>
          </li>
        ))}
        {of.rows.slice(0, listedOutcomes).map((one) => (
          <li key={one.row}>
            <span>
              <span class="mono">{one.row}</span> {outcomeName(one.outcome)} <span class="muted">{one.reasons}</span>
            </span>
          </li>
        ))}
        {of.rows.length > listedOutcomes && <li class="muted">{t('{shown} of {all} are shown.', { shown: number(listedOutcomes), all: number(of.rows.length) })}</li>}
      </ul>
      {of.more > 0 && <p>{t('{count} more rows are meant than one order takes: give it again.', { count: number(of.more) })}</p>}
    </>
  );
}

/** The run of an order until it has ended; `onTold` is called once, with what it told. */
function OrderRun({ of, isDry, onTold }: { of: LakeQuarantineOrder; isDry: boolean; onTold: (told: OrderTold) => void }) {
  const given = useRef(false);
  const answer = useResource(
    async (signal) => {
      const found = await toldOf(of, signal);
      if (found.told !== null && !given.current) {
        given.current = true;
        onTold(found.told);
      }
      return found;
    },
    [of.dag_id, of.dag_run_id],
  );
  const reload = useThrottled(answer.reload, 500);
  useLive((batch) => {
    if (batch.resync || batch.runs.some((run) => run.dag_run_id === of.dag_run_id)) reload();
  });
  const { data } = answer;
  const state = data?.state;
  const failed = isEnded(state) && state !== 'success';
  return (
    <>
      <p role="status">
        {state !== undefined && <StateBadge state={state} small />} <a href={runLink(of.dag_id, of.dag_run_id, of.task_id)}>{of.dag_run_id}</a>
      </p>
      {state === 'queued' && <p class="muted">{t('It waits its turn among the runs of {dag}; a DAG that is paused starts none.', { dag: of.dag_id })}</p>}
      {failed && (
        <p class="notice notice-error" role="alert">
          {t('The run did not succeed, and no row was changed by it: its log says why.')}
        </p>
      )}
      {state === 'success' && data?.told === null && <p class="notice">{t('The run told nothing that this page understands: its log has it.')}</p>}
      {answer.error && <ErrorBox error={answer.error} onRetry={answer.reload} />}
      {data?.told && <Told of={data.told} isDry={isDry} />}
    </>
  );
}

function Corrections({ of, columns, onChange }: { of: readonly Correction[]; columns: readonly string[]; onChange: (next: Correction[]) => void }) {
  const change = (at: number, next: Partial<Correction>) => onChange(of.map((one, index) => (index === at ? { ...one, ...next } : one)));
  return (
    <>
      {of.map((one, at) => (
        <fieldset key={at} class="order-value">
          <legend>{t('Value {number}', { number: at + 1 })}</legend>
          <label class="field">
            <span class="field-name">{t('Column')}</span>
            <select value={one.column} onChange={(event) => change(at, { column: event.currentTarget.value })}>
              <option value="">–</option>
              {columns.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            <span class="field-name">{t('The right value, as the source would send it')}</span>
            <input autoComplete="off" value={one.text} disabled={one.isEmpty} onInput={(event) => change(at, { text: event.currentTarget.value })} />
          </label>
          <label class="check">
            <input type="checkbox" checked={one.isEmpty} onChange={(event) => change(at, { isEmpty: event.currentTarget.checked })} />
            <span>{t('no value')}</span>
          </label>
        </fieldset>
      ))}
      <button type="button" class="button" onClick={() => onChange([...of, noCorrection])}>
        {t('Another column')}
      </button>
    </>
  );
}

const noCorrection: Correction = { column: '', text: '', isEmpty: false };

export function QuarantineOrderDialog({ of, action, choice, columns, onClose }: Props) {
  const [corrections, setCorrections] = useState<readonly Correction[]>([noCorrection]);
  const [note, setNote] = useState('');
  const [dag, setDag] = useState('');
  const [asksDag, askDag] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const [order, setOrder] = useState<{ of: LakeQuarantineOrder; isDry: boolean } | null>(null);
  const [seen, see] = useState<OrderTold | null>(null);
  // One id for what is done, so that a second click or a lost answer does nothing twice.
  const [operation] = useState(() => newUuid());
  const send = async (isDry: boolean) => {
    const wrong = orderProblem(action, corrections, note);
    setProblem(wrong ?? '');
    if (wrong !== null) return;
    setBusy(true);
    try {
      const body = orderBody(action, choice, corrections, note, dag);
      setOrder({ of: await api.orderQuarantine(of, isDry ? { ...body, dry_run: true } : { ...body, operation }), isDry });
      see(null);
    } catch (error) {
      const text = (error as Error).message;
      setProblem(text);
      askDag(asksDag || text.includes('dag_id'));
    }
    setBusy(false);
  };
  const isDone = order?.isDry === false;
  return (
    <Dialog title={t('{action} rows of {table}', { action: actionName(action), table: `${of.domain}/${of.table}` })} onClose={() => !busy && onClose()}>
      <form
        class="trigger-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy && !isDone) void send(order === null);
        }}
      >
        <p>{choiceWords(choice)}</p>
        {order === null && (
          <>
            {action === 'repair' && <Corrections of={corrections} columns={columns} onChange={setCorrections} />}
            {action === 'replay' && <p class="muted">{t('They are judged again as they are, by the contract as it is now.')}</p>}
            <label class="field">
              <span class="field-name">{t('Note')}</span>
              <textarea rows={2} maxLength={1000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
            </label>
            {asksDag && (
              <label class="field">
                <span class="field-name">{t('DAG')}</span>
                <input autoComplete="off" value={dag} onInput={(event) => setDag(event.currentTarget.value)} />
              </label>
            )}
          </>
        )}
        {order && <OrderRun key={order.of.dag_run_id} of={order.of} isDry={order.isDry} onTold={see} />}
        {problem && (
          <p class="notice notice-error" role="alert">
            {problem}
          </p>
        )}
        <footer class="dialog-foot">
          {order?.isDry === true && (
            <button type="button" class="button" disabled={busy} onClick={() => setOrder(null)}>
              {t('Change it')}
            </button>
          )}
          <button type="button" class="button" disabled={busy} onClick={onClose}>
            {isDone ? t('Close') : t('Back')}
          </button>
          {!isDone && (
            <button type="submit" class={`button ${action === 'discard' && order ? 'button-danger' : 'button-primary'}`} disabled={busy || (order !== null && (seen === null || seen.chosen === 0))}>
              {order === null ? t('Look ahead') : t('Do it')}
            </button>
          )}
        </footer>
      </form>
    </Dialog>
  );
}
