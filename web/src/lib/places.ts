// The page's places, as the bar and the palette offer them.
import { t } from './words';

export interface Place {
  href: string;
  label: string;
  views: readonly string[];
  key: string; // behind "g"
  isInBar?: false; // its list leads there, and the palette
}

export const places: readonly Place[] = [
  { href: '#/home', label: t('Home'), views: ['home'], key: 'h' },
  { href: '#/dags', label: t('DAGs'), views: ['dags', 'dag', 'run'], key: 'd' },
  { href: '#/runs', label: t('Runs'), views: ['runs', 'backfills', 'backfill', 'deadlines'], key: 'r' },
  { href: '#/backfills', label: t('Backfills'), views: [], key: 'b', isInBar: false },
  { href: '#/deadlines', label: t('Deadlines'), views: [], key: 'u', isInBar: false },
  { href: '#/tasks', label: t('Tasks'), views: ['tasks', 'xcoms'], key: 't' },
  { href: '#/xcoms', label: 'XComs', views: [], key: 'x', isInBar: false },
  { href: '#/assets', label: t('Assets'), views: ['assets', 'asset'], key: 'i' },
  { href: '#/lake', label: t('Lake'), views: ['lake', 'lake_table', 'domains', 'quarantines', 'letter_topics', 'letters', 'branches', 'branch', 'erasures', 'erasure'], key: 'k' },
  { href: '#/lake/monitors', label: t('Monitors'), views: ['monitors'], key: 'm' },
  { href: '#/lake/sql', label: t('SQL'), views: ['lake_sql'], key: 's' },
  { href: '#/problems', label: t('Problems'), views: ['problems'], key: 'p' },
  { href: '#/pools', label: t('Pools'), views: ['pools'], key: 'o' },
  { href: '#/variables', label: t('Variables'), views: ['variables'], key: 'v' },
  { href: '#/connections', label: t('Connections'), views: ['connections'], key: 'c' },
  { href: '#/access', label: t('Access'), views: ['access'], key: 'a' },
  { href: '#/audit', label: t('Event log'), views: ['audit'], key: 'e' },
  { href: '#/installation', label: t('Installation'), views: ['installation'], key: 'n' },
  { href: '#/health', label: t('Health'), views: ['health'], key: 'l' },
];
