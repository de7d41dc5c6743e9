// The views that are opened seldom: the form of a run, a DAG over time, those of the lake, of assets, of what is administered, and the lists beside runs and tasks. A
// file of their own, which is read when the first of them is opened. Their sentences come first: a view's module says some at once.
import '../lang/pt_late';

export { AccessView } from './access';
export { AssetsView, AssetView } from './assets';
export { AuditView, EventList } from './audit';
export { BackfillView } from './backfill';
export { BackfillList, BackfillsView } from './backfills';
export { BranchesView } from './branches';
export { BranchView } from './branch';
export { ConnectionsView } from './connections';
export { DagCalendar } from './dag_calendar';
export { DagDetailsView } from './dag_details';
export { DagTrends } from './dag_trends';
export { DeadlinesView } from './deadlines';
export { DomainsView } from './domains';
export { ErasuresView } from './erasures';
export { ErasureView } from './erasure';
export { HealthView } from './health';
export { InstallationView } from './installation';
export { LakeView } from './lake';
export { LakeSqlView } from './lake_sql';
export { LakeTableView } from './lake_table';
export { LettersView, LetterTopicsView } from './letters';
export { MonitorsView } from './monitors';
export { PoolsView } from './pools';
export { QuarantinesView } from './quarantines';
export { RunAssets } from './run_assets';
export { TriggerDialog } from './trigger_dialog';
export { VariablesView } from './variables';
export { XComsView } from './xcoms';
