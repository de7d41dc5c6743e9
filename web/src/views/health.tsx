import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Job } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { Fact } from '../components/fact';
import { Loaded } from '../components/loaded';
import { Page } from '../components/page';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { UseBar } from '../components/use_bar';
import { useApp, usePolled } from '../lib/hooks';
import { useMay } from '../lib/may';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

const refreshMs = 3000;

async function readAll(signal: AbortSignal) {
  const [health, version] = await Promise.all([api.health(signal), api.version(signal)]);
  return { health, version: version.version };
}

const workerOf = (job: Job) => (typeof job.batuta?.['agent_id'] === 'string' ? { agent: job.batuta['agent_id'], isDrained: job.batuta['drained'] === true, slots: Number(job.batuta['slots'] ?? 0), attempts: Number(job.batuta['attempts'] ?? 0) } : null);

function Slots({ of }: { of: Job }) {
  const worker = workerOf(of);
  return worker === null ? <>–</> : <UseBar used={worker.attempts} of={worker.slots} />;
}

/** That a worker takes nothing new is its state while it runs; one that has ended or was lost says that. */
const stateOf = (job: Job) => (job.state === 'running' && workerOf(job)?.isDrained === true ? t('drained') : (job.state ?? '–'));

const columns: readonly Column<Job>[] = [
  { name: t('Job'), cell: (job) => <strong>{job.job_type ?? '–'}</strong> },
  { name: t('State'), cell: (job) => stateOf(job) },
  { name: t('Host'), cell: (job) => job.hostname ?? '–' },
  { name: t('Slots in use'), cell: (job) => <Slots of={job} /> },
  { name: t('Started'), cell: (job) => <Ago at={job.start_date} /> },
  { name: t('Heartbeat'), cell: (job) => <Ago at={job.latest_heartbeat} /> },
];

function Health({ status }: { status: string | null }) {
  const good = status === 'healthy';
  return <span class={`health ${good ? 'health-good' : 'health-bad'}`}>{status ?? t('unknown')}</span>;
}

/** Takes a worker out of work, and back, by who may. */
function drainColumn(onDrain: (job: Job) => void): Column<Job> {
  return {
    name: t('Actions'),
    cell: (job) => {
      const worker = workerOf(job);
      return (
        worker && (
          <button type="button" class="button" onClick={() => onDrain(job)}>
            {worker.isDrained ? t('Resume…') : t('Drain…')}
          </button>
        )
      );
    },
  };
}

function DrainDialog({ job, onClose, onDone }: { job: Job; onClose: () => void; onDone: () => void }) {
  const worker = workerOf(job);
  if (worker === null) return null;
  const name = job.hostname ?? worker.agent;
  return (
    <ConfirmDialog
      title={worker.isDrained ? t('Resume the worker {name}?', { name }) : t('Drain the worker {name}?', { name })}
      text={worker.isDrained ? t('It takes tasks again.') : t('It takes no new task; those that run go on to their end.')}
      button={worker.isDrained ? t('Resume it') : t('Drain it')}
      act={() => api.drainWorker(worker.agent, !worker.isDrained)}
      onClose={onClose}
      onDone={onDone}
    />
  );
}

/** A copy of the store on the server's disk, by who may. */
function BackupDialog({ onClose }: { onClose: () => void }) {
  const { notify } = useApp();
  return (
    <EditDialog
      title={t('Back up the store')}
      fields={() => [{ name: 'name', title: t('Name'), kind: 'text', isKey: true, hint: t('Made from the time unless it is written here.') }]}
      before={null}
      save={async (body) => notify(t('The copy is {path}.', { path: (await api.backUp(body)).path }))}
      keep={t('Back it up')}
      onClose={onClose}
      onDone={() => undefined}
    >
      <p>{t('Runs go on meanwhile. The copy lies on the server, in the folder backups of its home.')}</p>
    </EditDialog>
  );
}

export function HealthView() {
  const mayDrain = useMay('edit', 'admin:workers');
  const mayBackUp = useMay('create', 'admin:backups');
  const [backing, backUp] = useState(false);
  const [draining, drain] = useState<Job | null>(null);
  const [stamp, setStamp] = useState(0);
  const all = usePolled(readAll, [], refreshMs);
  return (
    <Page title={t('Health')}>
      <Loaded of={all}>
        {({ health, version }) => (
          <dl class="facts">
            <Fact name={t('Scheduler')}>
              <Health status={health.scheduler.status} />
            </Fact>
            <Fact name={t('Store')}>
              <Health status={health.metadatabase.status} />
            </Fact>
            <Fact name={t('Version')}>{version}</Fact>
          </dl>
        )}
      </Loaded>
      {mayBackUp && (
        <div class="toolbar">
          <button type="button" class="button" onClick={() => backUp(true)}>
            {t('Back up the store…')}
          </button>
        </div>
      )}
      {backing && <BackupDialog onClose={() => backUp(false)} />}
      <PagedTable read={api.jobs} columns={mayDrain ? [...columns, drainColumn(drain)] : columns} keyOf={(job) => job.id} empty={t('No jobs.')} noun="job" everyMs={refreshMs} stamp={stamp} />
      {draining && <DrainDialog job={draining} onClose={() => drain(null)} onDone={() => setStamp((old) => old + 1)} />}
    </Page>
  );
}
