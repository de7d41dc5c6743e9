// Persons erased from the lake: what was ordered, by whom and how far it is; a new order after a look ahead.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeErasure } from '../api/types';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { erasureState, isUnderWay } from '../lib/erasures';
import { useFollowed, useTitle } from '../lib/hooks';
import { erasureLink } from '../lib/route';
import { t } from '../lib/words';
import { ErasureDialog } from './erasure_order';

const columns: readonly Column<LakeErasure>[] = [
  { name: t('Person'), cell: (one) => <a href={erasureLink(one.operation)}>{one.subject || one.operation}</a> },
  { name: t('From'), cell: (one) => one.domain ?? one.table ?? t('the whole lake') },
  { name: t('What'), cell: (one) => (one.apply ? t('erased') : t('looked ahead')) },
  { name: t('State'), cell: (one) => erasureState(one.state) },
  { name: t('By'), cell: (one) => one.by ?? '–' },
  { name: t('Asked'), cell: (one) => <Ago at={one.asked_at} /> },
  { name: t('Ended'), cell: (one) => <Ago at={one.ended_at} /> },
];

export function ErasuresView() {
  const [isNew, setNew] = useState(false);
  const erasures = useFollowed((signal) => api.lakeErasures(signal), [], (data) => !data.erasures.some((one) => isUnderWay(one.state)), 2000);
  useTitle(t('Erasures'));
  return (
    <>
      <nav class="crumbs" aria-label={t('Where this is')}>
        <a href="#/lake">{t('Lake')}</a>
      </nav>
      <div class="page-head">
        <h1>{t('Erasures')}</h1>
        <button type="button" class="button" onClick={() => setNew(true)}>
          {t('Erase a person…')}
        </button>
      </div>
      <p class="lead">{t('A person leaves every layer, older versions too, for good. What was applied stays on record, without the person\'s values; plans are remembered until the server ends.')}</p>
      <Loaded of={erasures}>
        {(page) => (
          <>
            <SimpleTable rows={page.erasures} columns={columns} keyOf={(one) => one.operation} empty={t('Nobody was erased, as far as you may know.')} />
            {page.more && <p class="muted lake-note">{t('There are older records than are listed.')}</p>}
          </>
        )}
      </Loaded>
      {isNew && <ErasureDialog onClose={() => setNew(false)} onDone={erasures.reload} />}
    </>
  );
}
