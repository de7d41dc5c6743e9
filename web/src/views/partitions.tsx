// The partitions of an asset or a table as a matrix: how each stands. One that a run made, or tried to, leads to it; any may
// be made anew by a form.
import { useState } from 'preact/hooks';
import type { Query } from '../api/client';
import type { Partition, PartitionMatrix } from '../api/types';
import { Choice } from '../components/choice';
import { Dialog } from '../components/dialog';
import { Fact } from '../components/fact';
import { TextFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { Ago } from '../components/time';
import { number } from '../lib/format';
import { useLive, useResource, useSearch, useThrottled } from '../lib/hooks';
import { grainName, groupsOf, hasRun, linesOf, makersOf, partMark, partName, partStates, partTint, shortKey, summaryOf } from '../lib/partitions';
import { runLink } from '../lib/route';
import { t } from '../lib/words';
import { TriggerDialog } from './trigger_dialog';

const mostShown = 1000;
const rereadMs = 3000;

interface Props {
  read: (query: Query, signal: AbortSignal) => Promise<PartitionMatrix>;
  of: string; // what tells the reading of one thing from that of another
  empty: string;
}

function titleOf(part: Partition): string {
  const why = part.newer === null ? '' : `: ${t('{of} has changed since', { of: part.newer })}`;
  return `${part.partition_key}: ${partName(part.state)}${part.state === 'stale' ? why : ''}`;
}

function Mark({ state }: { state: string }) {
  return (
    <span class={`part-mark ${partTint(state)}`} aria-hidden="true">
      {partMark(state)}
    </span>
  );
}

function Cell({ part, onChoose }: { part: Partition; onChoose: (part: Partition) => void }) {
  return (
    <button type="button" class="part" data-state={part.state} title={titleOf(part)} aria-label={titleOf(part)} onClick={() => onChoose(part)}>
      <Mark state={part.state} /> {shortKey(part)}
    </button>
  );
}

function Legend({ of }: { of: PartitionMatrix }) {
  return (
    <ul class="part-legend" aria-label={t('Partitions by state')}>
      {partStates.map((state) => (
        <li key={state}>
          <Mark state={state} /> {number(of.counts[state])} {partName(state)}
        </li>
      ))}
    </ul>
  );
}

/** One partition: how it stands and why, its run, and who makes it. */
function PartDialog({ part, matrix, onMake, onClose }: { part: Partition; matrix: PartitionMatrix; onMake: (dag: string, takes: string) => void; onClose: () => void }) {
  const makers = makersOf(matrix);
  return (
    <Dialog title={t('Partition {key}', { key: part.partition_key })} onClose={onClose}>
      <dl class="facts">
        <Fact name={t('State')}>
          <Mark state={part.state} /> {partName(part.state)}
        </Fact>
        <Fact name={t('Made')}>
          <Ago at={part.made_at} />
        </Fact>
        {part.version !== null && <Fact name={t('Version')}>{part.version}</Fact>}
        {part.rows !== null && <Fact name={t('Rows')}>{number(part.rows)}</Fact>}
        {part.newer !== null && (
          <Fact name={part.made_at === null ? t('Can be made of') : t('Older than')}>
            {part.newer} <Ago at={part.newer_at} />
          </Fact>
        )}
        {hasRun(part) && (
          <Fact name={t('Run')}>
            <a href={runLink(part.dag_id, part.dag_run_id, part.task_id)}>
              {part.dag_id} · {part.dag_run_id}
            </a>
          </Fact>
        )}
      </dl>
      {matrix.makers.length === 0 && <p class="muted">{t('No DAG that you may see makes it.')}</p>}
      {matrix.makers.length > 0 && makers.length === 0 && <p class="muted">{t('You may not start the DAGs that make it.')}</p>}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick={onClose}>
          {t('Close')}
        </button>
        {makers.map((one) => (
          <button key={one.dag_id} type="button" class="button button-primary" onClick={() => onMake(one.dag_id, one.takes)}>
            {t('Make it by {dag}…', { dag: one.dag_id })}
          </button>
        ))}
      </footer>
    </Dialog>
  );
}

function Matrix({ of, onChoose }: { of: PartitionMatrix; onChoose: (part: Partition) => void }) {
  return (
    <table class="part-matrix">
      <tbody>
        {linesOf(of.partitions).map((line) => (
          <tr key={line.key}>
            {of.group_by !== null && (
              <th scope="row">
                {line.key === '' ? '–' : line.key}
                <span class="muted">{summaryOf(line.parts)}</span>
              </th>
            )}
            <td>
              <div class="part-line">
                {line.parts.map((part) => (
                  <Cell key={part.partition_key} part={part} onChoose={onChoose} />
                ))}
              </div>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Partitions({ read, of, empty }: Props) {
  const [search, change] = useSearch();
  const [chosen, choose] = useState<Partition | null>(null);
  const [making, make] = useState<{ dag: string; takes: string; part: Partition } | null>(null);
  const [grain, setGrain] = useState<string | null>(null);
  const group = search.get('by') ?? groupsOf(grain)[0];
  const query = { from: search.get('least') || undefined, to: search.get('greatest') || undefined, group_by: group || undefined, limit: mostShown };
  const matrix = useResource(
    async (signal) => {
      const found = await read(query, signal);
      if (found.grain !== grain) setGrain(found.grain);
      return found;
    },
    [of, query],
  );
  const reload = useThrottled(matrix.reload, rereadMs);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  // What a run made leads to it; where there is something to be done the dialog has the form, too.
  const onChoose = (part: Partition) => {
    const isSettled = part.state === 'materialized' || part.state === 'running';
    if (isSettled && hasRun(part)) location.hash = runLink(part.dag_id, part.dag_run_id, part.task_id);
    else choose(part);
  };
  const isNarrowed = Boolean(search.get('least') || search.get('greatest'));
  if (matrix.data?.total_entries === 0 && !isNarrowed) return <p class="muted">{empty}</p>;
  return (
    <>
      <div class="toolbar" role="search" aria-label={t('Partitions')}>
        <TextFilter name="least" label={t('From key')} />
        <TextFilter name="greatest" label={t('Until key')} />
        {groupsOf(grain).length > 1 && <Choice label={t('Lines')} value={search.get('by') ?? ''} all={grainName(groupsOf(grain)[0] ?? '')} choices={groupsOf(grain).slice(1).map((id) => ({ id, name: grainName(id) }))} onChange={(by) => change({ by })} />}
      </div>
      <Loaded of={matrix}>
        {(data) =>
          data.total_entries === 0 ? (
            <Empty>{t('No partition matches.')}</Empty>
          ) : (
            <>
              <Legend of={data} />
              <Matrix of={data} onChoose={onChoose} />
              {data.more && <p class="muted lake-note">{t('{shown} of {all} are shown.', { shown: number(data.partitions.length), all: number(data.total_entries) })} {t('Older ones may stand behind them.')}</p>}
              {!data.gaps && <p class="muted lake-note">{t('The keys lie too far apart: those missing between them are not listed.')}</p>}
              {chosen && (
                <PartDialog
                  part={chosen}
                  matrix={data}
                  onMake={(dag, takes) => {
                    make({ dag, takes, part: chosen });
                    choose(null);
                  }}
                  onClose={() => choose(null)}
                />
              )}
            </>
          )
        }
      </Loaded>
      {making && (
        <TriggerDialog
          dag={making.dag}
          start={making.takes === 'partition_key' ? { partition_key: making.part.partition_key } : { logical_date: making.part.begins_at ?? '' }}
          onClose={() => make(null)}
        />
      )}
    </>
  );
}
