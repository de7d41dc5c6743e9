import * as api from '../api/endpoints';
import type { Job } from '../api/types';
import { Fact } from '../components/fact';
import { Loaded } from '../components/loaded';
import { Page } from '../components/page';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { usePolled } from '../lib/hooks';
import { t } from '../lib/words';

const refreshMs = 3000;

async function readAll(signal: AbortSignal) {
  const [health, version] = await Promise.all([api.health(signal), api.version(signal)]);
  return { health, version: version.version };
}

const columns: readonly Column<Job>[] = [
  { name: t('Job'), cell: (job) => <strong>{job.job_type ?? '–'}</strong> },
  { name: t('State'), cell: (job) => job.state ?? '–' },
  { name: t('Host'), cell: (job) => job.hostname ?? '–' },
  { name: t('Started'), cell: (job) => <Ago at={job.start_date} /> },
  { name: t('Heartbeat'), cell: (job) => <Ago at={job.latest_heartbeat} /> },
];

function Health({ status }: { status: string | null }) {
  const good = status === 'healthy';
  return <span class={`health ${good ? 'health-good' : 'health-bad'}`}>{status ?? t('unknown')}</span>;
}

export function HealthView() {
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
      <PagedTable read={api.jobs} columns={columns} keyOf={(job) => job.id} empty={t('No jobs.')} noun="job" everyMs={refreshMs} />
    </Page>
  );
}
