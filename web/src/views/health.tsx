import * as api from '../api/endpoints';
import type { Job } from '../api/types';
import { Fact } from '../components/fact';
import { Loaded } from '../components/loaded';
import { Page } from '../components/page';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { useNow, usePolled } from '../lib/hooks';

const refreshMs = 3000;

async function readAll(signal: AbortSignal) {
  const [health, version] = await Promise.all([api.health(signal), api.version(signal)]);
  return { health, version: version.version };
}

function columnsAt(now: number): readonly Column<Job>[] {
  return [
    { name: 'Job', cell: (job) => <strong>{job.job_type ?? '–'}</strong> },
    { name: 'State', cell: (job) => job.state ?? '–' },
    { name: 'Host', cell: (job) => job.hostname ?? '–' },
    { name: 'Started', cell: (job) => <Ago at={job.start_date} now={now} /> },
    { name: 'Heartbeat', cell: (job) => <Ago at={job.latest_heartbeat} now={now} /> },
  ];
}

function Health({ status }: { status: string | null }) {
  const good = status === 'healthy';
  return <span class={`health ${good ? 'health-good' : 'health-bad'}`}>{status ?? 'unknown'}</span>;
}

export function HealthView() {
  const all = usePolled(readAll, [], refreshMs);
  const now = useNow(true);
  return (
    <Page title="Health">
      <Loaded of={all}>
        {({ health, version }) => (
          <dl class="facts">
            <Fact name="Scheduler">
              <Health status={health.scheduler.status} />
            </Fact>
            <Fact name="Store">
              <Health status={health.metadatabase.status} />
            </Fact>
            <Fact name="Version">{version}</Fact>
          </dl>
        )}
      </Loaded>
      <PagedTable read={api.jobs} columns={columnsAt(now)} keyOf={(job) => job.id} empty="No jobs." noun="job" everyMs={refreshMs} />
    </Page>
  );
}
