// Data domains, each whole from one contract: those that were made, and the form that makes one.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Domain } from '../api/types';
import { Empty, ErrorBox, Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import type { DomainDraft } from '../lib/domains';
import { useApp, useResource, useTitle } from '../lib/hooks';
import { useMay } from '../lib/may';
import { dagLink } from '../lib/route';
import { t } from '../lib/words';
import { DomainConfirm } from './domain_confirm';
import { DomainCost } from './domain_cost';
import { DomainForm } from './domain_form';

const noDraft: DomainDraft = { name: '', schedule: '@daily', contract: '' };

// What taking one away would do is asked before it is confirmed.
function Destroy({ name, onDone, onClose }: { name: string; onDone: () => void; onClose: () => void }) {
  const { notify } = useApp();
  const [force, setForce] = useState(false);
  const found = useResource((signal) => api.domain(name, signal), [name]);
  if (!found.data) return found.error ? <ErrorBox error={found.error} onRetry={found.reload} /> : null;
  const { removal } = found.data;
  return (
    <DomainConfirm
      title={t('Take away the domain {name}', { name })}
      lead={t('This is what will be removed; the rows in the lake and the history of runs stay:')}
      plan={removal}
      button={t('Take away')}
      danger
      force={force}
      onForce={setForce}
      act={() => api.destroyDomain(name, removal.digest, force)}
      onClose={onClose}
      onDone={() => {
        notify(t('The domain {name} is gone.', { name }));
        onDone();
      }}
    />
  );
}

function useColumns(onCost: (name: string) => void, onChange: (name: string) => void, onDestroy: (name: string) => void): readonly Column<Domain>[] {
  const [mayEdit, mayDelete] = [useMay('edit', 'admin:domains'), useMay('delete', 'admin:domains')];
  return [
    {
      name: t('Domain'),
      cell: (one) => (
        <div>
          <strong>{one.domain}</strong>
          {one.unfinished && <span class="lake-problem alert-note">{t('an apply did not end: apply it again')}</span>}
          {one.problem !== null && <span class="lake-problem alert-note">{one.problem}</span>}
        </div>
      ),
    },
    { name: t('Tables'), cell: (one) => one.tables.join(', ') },
    {
      name: t('DAGs'),
      cell: (one) => (
        <ul class="plain-list">
          {one.dag_ids.map((dag) => (
            <li key={dag}>
              <a href={dagLink(dag)}>{dag}</a>
            </li>
          ))}
        </ul>
      ),
    },
    { name: t('Schedule'), cell: (one) => <span class="mono">{one.schedule ? one.schedule : '–'}</span> },
    {
      name: t('Actions'),
      cell: (one) => (
        <div class="toolbar">
          <button type="button" class="button" aria-label={t('Cost of {name}', { name: one.domain })} onClick={() => onCost(one.domain)}>
            {t('Cost…')}
          </button>
          {mayEdit && (
            <button type="button" class="button" aria-label={t('Change {name}', { name: one.domain })} onClick={() => onChange(one.domain)}>
              {t('Change…')}
            </button>
          )}
          {mayDelete && (
            <button type="button" class="button button-danger" aria-label={t('Take away {name}', { name: one.domain })} onClick={() => onDestroy(one.domain)}>
              {t('Take away…')}
            </button>
          )}
        </div>
      ),
    },
  ];
}

function Changing({ name, onDone, onClose }: { name: string; onDone: () => void; onClose: () => void }) {
  const found = useResource((signal) => api.domain(name, signal), [name]);
  return <Loaded of={found}>{(one) => <DomainForm start={{ name, schedule: one.schedule ?? '', contract: one.contract ?? '' }} onDone={onDone} onClose={onClose} />}</Loaded>;
}

export function DomainsView() {
  const domains = useResource((signal) => api.domains(signal), []);
  const mayEdit = useMay('edit', 'admin:domains');
  const [open, setOpen] = useState<string | null>(null); // '': a new one
  const [going, setGoing] = useState<string | null>(null);
  const [cost, setCost] = useState<string | null>(null);
  const columns = useColumns(setCost, setOpen, setGoing);
  useTitle(t('Domains'));
  const done = () => {
    setOpen(null);
    setGoing(null);
    domains.reload();
  };
  return (
    <>
      <div class="page-head">
        <h1>{t('Domains')}</h1>
        {mayEdit && open === null && (
          <button type="button" class="button button-primary" onClick={() => setOpen('')}>
            {t('New domain…')}
          </button>
        )}
      </div>
      <Loaded of={domains}>
        {(page) =>
          page.total_entries === 0 ? (
            <Empty>{t('No domain was made here yet. One contract makes its ingestion, a measure of its quality, monitors, roles and groups.')}</Empty>
          ) : (
            <SimpleTable rows={page.domains} columns={columns} keyOf={(one) => one.domain} empty="" />
          )
        }
      </Loaded>
      {open === '' && <DomainForm start={noDraft} onDone={done} onClose={() => setOpen(null)} />}
      {open !== null && open !== '' && <Changing key={open} name={open} onDone={done} onClose={() => setOpen(null)} />}
      {cost !== null && <DomainCost key={cost} name={cost} onClose={() => setCost(null)} />}
      {going !== null && <Destroy key={going} name={going} onDone={done} onClose={() => setGoing(null)} />}
    </>
  );
}
