// Dead letters: what contracts could not take of the topics that they read.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeKey, LakeLetter, LakeLetters, LakeLetterTopic } from '../api/types';
import { Choice } from '../components/choice';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { number } from '../lib/format';
import { useLive, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { useMay } from '../lib/may';
import { usePicks, type Picks } from '../lib/picks';
import { lakeLink, lettersLink } from '../lib/route';
import { t } from '../lib/words';
import { LetterDialog, LettersDialog } from './letter_order';

type Of = Pick<LakeKey, 'domain' | 'table'>;
const shownLetters = 200;

const topicColumns: readonly Column<LakeLetterTopic>[] = [
  {
    name: t('Topic'),
    cell: (one) => (
      <div>
        <a href={lettersLink(one)}>{one.topic}</a>
        {one.problem !== null && <p class="lake-problem">{one.problem}</p>}
      </div>
    ),
  },
  { name: t('Contract'), cell: (one) => `${one.domain}/${one.table}` },
  { name: t('Came from'), cell: (one) => one.source_topic },
  { name: t('Not seen to'), number: true, cell: (one) => (one.open === null ? '–' : number(one.open)) },
];

function Crumbs({ isInside }: { isInside: boolean }) {
  return (
    <nav class="crumbs" aria-label={t('Where this is')}>
      <a href="#/lake">{t('Lake')}</a>
      {isInside && <a href={lettersLink()}>{t('Dead letters')}</a>}
    </nav>
  );
}

export function LetterTopicsView() {
  const topics = useResource((signal) => api.letterTopics(signal), []);
  const reload = useThrottled(topics.reload, 5000);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  useTitle(t('Dead letters'));
  return (
    <>
      <Crumbs isInside={false} />
      <div class="page-head">
        <h1>{t('Dead letters')}</h1>
      </div>
      <p class="lead">{t('Messages that a contract could not take of its topic lie in a topic of their own, whole, until somebody sees to them.')}</p>
      <Loaded of={topics}>{(page) => <SimpleTable rows={page.topics} columns={topicColumns} keyOf={(one) => `${one.domain}/${one.table}`} empty={t('No contract that you may see reads a topic.')} />}</Loaded>
    </>
  );
}

type Doing = { act: 'replay' | 'discard' } | { act: 'repair' | 'show'; letter: string };

// `mayAct`: null for who may change nothing.
function columnsOf(picks: Picks<LakeLetter> | null, canSend: boolean, onDo: (what: Doing) => void): Column<LakeLetter>[] {
  const columns: Column<LakeLetter>[] = [
    { name: t('Letter'), cell: (one) => <button type="button" class="link-button mono" onClick={() => onDo({ act: 'show', letter: one.letter })}>{one.letter}</button> },
    {
      name: t('Reason'),
      cell: (one) => (
        <div>
          {one.reason}
          {one.message !== null && <p class="lake-about">{one.message}</p>}
        </div>
      ),
    },
    { name: t('Value'), cell: (one) => <span class="letter-value mono">{one.value ?? one.no_value ?? '–'}</span> },
    { name: t('Tries'), number: true, cell: (one) => number(one.attempt) },
    { name: t('First'), cell: (one) => <Ago at={one.first_seen} /> },
  ];
  if (picks) {
    columns.unshift({
      name: t('Chosen'),
      cell: (one) => <input type="checkbox" checked={picks.has(one)} aria-label={t('Choose {run}', { run: one.letter })} onChange={(event) => picks.pick([one], event.currentTarget.checked)} />,
    });
  }
  if (canSend) {
    columns.push({
      name: t('Actions'),
      cell: (one) => (
        <button type="button" class="button" aria-label={t('Repair letter {letter}', { letter: one.letter })} onClick={() => onDo({ act: 'repair', letter: one.letter })}>
          {t('Repair')}…
        </button>
      ),
    });
  }
  return columns;
}

function Letters({ of, data, reason, onChanged }: { of: Of; data: LakeLetters; reason: string | null; onChanged: () => void }) {
  const canDiscard = useMay('edit', `lake:${of.domain}/dlq`);
  const canBronze = useMay('edit', `lake:${of.domain}/bronze`);
  const canSend = canDiscard && canBronze;
  const picks = usePicks(data.letters, (one) => one.letter, `${of.domain}/${of.table} ${reason ?? ''}`);
  const [doing, onDo] = useState<Doing | null>(null);
  const close = () => onDo(null);
  const done = () => {
    picks.clear();
    onChanged();
  };
  const choice = { letters: picks.chosen.map((one) => one.letter), reason };
  return (
    <>
      {canDiscard && data.open > 0 && (
        <div class="bulk-bar">
          <span>{choice.letters.length > 0 ? t('{count} chosen', { count: number(choice.letters.length) }) : reason === null ? t('All open letters') : t('All with the reason {reason}', { reason })}</span>
          {canSend && (
            <button type="button" class="button" onClick={() => onDo({ act: 'replay' })}>
              {t('Replay')}…
            </button>
          )}
          <button type="button" class="button" onClick={() => onDo({ act: 'discard' })}>
            {t('Discard')}…
          </button>
        </div>
      )}
      <SimpleTable rows={data.letters} columns={columnsOf(canDiscard ? picks : null, canSend, onDo)} keyOf={(one) => one.letter} empty={t('No letter is open.')} />
      {data.more && <p class="muted lake-note">{t('The first {count} are shown, there are more.', { count: number(data.letters.length) })}</p>}
      {(doing?.act === 'replay' || doing?.act === 'discard') && <LettersDialog of={of} action={doing.act} choice={choice} onClose={close} onDone={done} />}
      {(doing?.act === 'repair' || doing?.act === 'show') && <LetterDialog of={of} letter={doing.letter} isRepair={doing.act === 'repair'} onClose={close} onDone={done} />}
    </>
  );
}

export function LettersView({ of }: { of: Of }) {
  const [search, change] = useSearch();
  const reason = search.get('reason');
  const letters = useResource((signal) => api.letters(of, { reason: reason ?? undefined, limit: shownLetters }, signal), [of.domain, of.table, reason]);
  const reload = useThrottled(letters.reload, 5000);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  const name = `${of.domain}/${of.table}`;
  useTitle(`${t('Dead letters')} ${name}`);
  return (
    <>
      <Crumbs isInside />
      <div class="page-head">
        <h1>{name}</h1>
        <a class="button" href={lakeLink({ ...of, layer: 'dlq' })}>
          {t('Their table')}
        </a>
      </div>
      <Loaded of={letters}>
        {(data) => (
          <>
            <p class="lead">{t('{count} messages of the topic {from} lie open in {topic}.', { count: number(data.open), from: data.source_topic, topic: data.topic })}</p>
            {data.masked.length > 0 && <p class="muted lake-note">{t('Masked for you: {columns}', { columns: data.masked.join(', ') })}</p>}
            <div class="toolbar">
              <Choice label={t('Reason')} value={reason ?? ''} all={t('All reasons')} choices={data.reasons.map((one) => ({ id: one.reason, name: `${one.reason} (${number(one.open)})` }))} onChange={(next) => change({ reason: next })} />
            </div>
            {data.more_reasons && <p class="muted lake-note">{t('There are more reasons than are counted here.')}</p>}
            <Letters of={of} data={data} reason={reason} onChanged={letters.reload} />
          </>
        )}
      </Loaded>
    </>
  );
}
