// The newest versions of the lake's tables, each with whether it may be relied on.
import * as api from '../api/endpoints';
import { Ago } from '../components/time';
import { TrustBadge } from '../components/trust_badge';
import { number } from '../lib/format';
import { usePolled } from '../lib/hooks';
import { lakeLink } from '../lib/route';
import { t } from '../lib/words';

const shown = 8;
const pollMs = 15_000;

/** Nothing while there is no table, or none that one may see. */
export function NewestTables() {
  const tables = usePolled((signal) => api.lakeTables({ order_by: '-modified', limit: shown, offset: 0 }, signal), [], pollMs);
  if (!tables.data?.total_entries) return null;
  return (
    <section class="card home-card" aria-label={t('Newest versions')}>
      <h2>
        <a href="#/lake?order=-modified">{t('Newest versions')}</a>
        <span class="muted"> {number(tables.data.total_entries)}</span>
      </h2>
      <ul class="home-list">
        {tables.data.tables.map((one) => (
          <li key={`${one.layer}/${one.domain}/${one.table}`}>
            <a class="home-name" href={lakeLink(one, { tab: 'versions' })} title={`${one.layer}/${one.domain}/${one.table}`}>
              {one.domain}/{one.table}
            </a>
            {one.trust && <TrustBadge of={one.trust} />}
            <span class="muted">
              <Ago at={one.modified} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
