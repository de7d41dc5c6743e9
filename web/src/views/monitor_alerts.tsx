// Alerts of monitors: a list, what a person says of one, and those that stand, for Home and a table.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeAlert } from '../api/types';
import { Dialog } from '../components/dialog';
import { Icon } from '../components/icon';
import { PathName } from '../components/path_name';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { number } from '../lib/format';
import { useApp, usePolled } from '../lib/hooks';
import { severityNames } from '../lib/monitors';
import { monitorsLink, watchedLink } from '../lib/route';
import { t } from '../lib/words';

const pollMs = 15_000;
const shown = 5;

export function Severity({ of }: { of: string }) {
  return (
    <span class={`severity severity-${of}`}>
      <Icon name={of === 'critical' ? 'cross' : of === 'warning' ? 'warning' : 'dot'} /> {severityNames[of] ?? of}
    </span>
  );
}

function State({ of }: { of: LakeAlert }) {
  if (of.state === 'closed') {
    return (
      <div>
        {t('closed')} <Ago at={of.closed_at} />
        <span class="muted alert-note">{[of.closed_by === 'monitor' ? t('by itself') : of.closed_by, of.close_note].filter(Boolean).join(': ')}</span>
      </div>
    );
  }
  return (
    <div>
      {t('opened')} <Ago at={of.opened_at} />
      {of.state === 'acknowledged' && <span class="muted alert-note">{[t('seen to by {who}', { who: of.acked_by ?? '' }), of.ack_note].filter(Boolean).join(': ')}</span>}
    </div>
  );
}

interface Saying {
  alert: LakeAlert;
  action: 'ack' | 'close';
}

function SayDialog({ of, onClose, onDone }: { of: Saying; onClose: () => void; onDone: () => void }) {
  const { notify } = useApp();
  const [note, setNote] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const { alert, action } = of;
  const acks = action === 'ack';
  const send = async () => {
    setBusy(true);
    try {
      await api.changeAlert(alert.alert_id, action, note);
      notify(acks ? t('The alert is acknowledged.') : t('The alert is closed.'));
      onClose();
      onDone();
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={acks ? t('Acknowledge alert {id}', { id: alert.alert_id }) : t('Close alert {id}', { id: alert.alert_id })} onClose={() => !busy && onClose()}>
      <form
        class="trigger-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void send();
        }}
      >
        <p>{alert.message}</p>
        <label class="field">
          <span class="field-name">{t('Note')}</span>
          <textarea rows={3} maxLength={1000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        <p class="muted">{acks ? t('Who looks after it stands beside it; it stays open until its monitor is well.') : t('What is still unwell opens another alert with the next evaluation; columns that changed are accepted.')}</p>
        {problem && (
          <p class="notice notice-error" role="alert">
            {problem}
          </p>
        )}
        <footer class="dialog-foot">
          <button type="button" class="button" disabled={busy} onClick={onClose}>
            {t('Back')}
          </button>
          <button type="submit" class="button button-primary" disabled={busy}>
            {acks ? t('Acknowledge') : t('Close it')}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** What stands first; buttons only for who may press them. */
export function AlertList({ alerts, onChanged }: { alerts: readonly LakeAlert[]; onChanged: () => void }) {
  const [saying, say] = useState<Saying | null>(null);
  const columns: readonly Column<LakeAlert>[] = [
    { name: t('Severity'), cell: (one) => <Severity of={one.severity} /> },
    {
      name: t('Alert'),
      cell: (one) => (
        <div>
          <strong>{one.message}</strong>
          <span class="muted alert-note">
            {t('number {id}', { id: one.alert_id })}, <a href={monitorsLink({ monitor: one.monitor_id })}>{one.monitor_id}</a>
          </span>
        </div>
      ),
    },
    { name: t('Watches'), cell: (one) => <a href={watchedLink(one.kind, one.target)}><PathName name={one.target} /></a> },
    { name: t('State'), cell: (one) => <State of={one} /> },
    {
      name: t('Actions'),
      cell: (one) =>
        one.may_change ? (
          <span class="actions">
            {one.state === 'open' && (
              <button type="button" class="button" onClick={() => say({ alert: one, action: 'ack' })}>
                {t('Acknowledge')}
              </button>
            )}
            <button type="button" class="button" onClick={() => say({ alert: one, action: 'close' })}>
              {t('Close it')}
            </button>
          </span>
        ) : (
          '–'
        ),
    },
  ];
  return (
    <>
      <SimpleTable rows={alerts} columns={columns} keyOf={(one) => one.alert_id} empty={t('No alert is like that.')} />
      {saying && <SayDialog key={`${saying.action} ${saying.alert.alert_id}`} of={saying} onClose={() => say(null)} onDone={onChanged} />}
    </>
  );
}

/** On Home, of all that one may see; nothing while none stands. */
export function OpenAlerts() {
  const { session } = useApp();
  // Whoever has a role of their own may see no lake at all: Monitors tells them.
  const sees = ['viewer', 'operator', 'admin'].includes(session.role);
  const alerts = usePolled((signal) => (sees ? api.lakeAlerts({ state: ['open', 'acknowledged'], limit: shown }, signal) : Promise.resolve(null)), [sees], pollMs);
  const data = alerts.data;
  if (!data?.total_entries) return null;
  return (
    <section class="card home-card home-alerts" aria-label={t('Alerts')}>
      <h2>
        <a href={monitorsLink()}>{t('Alerts')}</a> <span class="muted">{number(data.total_entries)}</span>
      </h2>
      <ul class="home-list">
        {data.alerts.map((one) => (
          <li key={one.alert_id}>
            <Severity of={one.severity} />
            <a class="home-name" href={monitorsLink({ monitor: one.monitor_id })} title={one.message}>
              {one.target}: {one.message}
            </a>
            <span class="muted">
              {one.state === 'acknowledged' && <>{t('seen to by {who}', { who: one.acked_by ?? '' })} </>}
              <Ago at={one.opened_at} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
