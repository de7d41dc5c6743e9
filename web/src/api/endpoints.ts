// Every call the page makes, one function each. Paths are Airflow's; ours are under /api/batuta.
import { ApiError, get, getText, path, queryString, request, type Query } from './client';
import { everyPage, type Rows } from '../lib/pages';
import type * as t from './types';

const v2 = '/api/v2';
const ours = '/api/batuta';

interface Page {
  limit: number;
  offset: number;
}

// One page of a list: {"<plural>": rows, "total_entries": n}.
async function rowsOf<T>(url: string, plural: string, query: Query, signal?: AbortSignal): Promise<Rows<T>> {
  const body = await get<Record<string, T[]> & { total_entries: number }>(`${url}${queryString(query)}`, signal);
  return { rows: body[plural] ?? [], total: body.total_entries };
}

const dagUrl = (dag: string) => `${v2}/dags/${path(dag)}`;
const runUrl = (dag: string, run: string) => `${dagUrl(dag)}/dagRuns/${path(run)}`;
const taskUrl = (dag: string, run: string, task: string) =>
  `${runUrl(dag, run)}/taskInstances/${path(task)}`;

// Session
export const session = () => request<t.Session>('GET', `${ours}/session`, { quiet401: true });
export const login = (body: { code: string } | { username: string; password: string }) =>
  request<t.Session>('POST', `${ours}/login`, { body, quiet401: true });
/** How people log in here; asked by who is not yet. */
export const loginMethods = () => get<t.LoginMethods>(`${ours}/login`);
export const logout = () => request<unknown>('POST', `${ours}/logout`, { quiet401: true });
/** A page draws at most ten times a second: of a task that moved more often meanwhile, what it was last is enough. */
export const eventsUrl = `${ours}/events?gather_ms=100`;

// DAGs
export const dags = (query: Query, signal?: AbortSignal) =>
  get<t.DagPage>(`${v2}/dags${queryString(query)}`, signal);
export const dagDetails = (dag: string, signal?: AbortSignal) =>
  get<t.DagDetails>(`${dagUrl(dag)}/details`, signal);
export const dagTags = (signal?: AbortSignal) =>
  everyPage((page) => rowsOf<string>(`${v2}/dagTags`, 'tags', { ...page }, signal));
/** Of one version, or of the newest. */
export const dagSource = (dag: string, version: number | undefined, signal?: AbortSignal) =>
  get<t.DagSource>(`${v2}/dagSources/${path(dag)}${queryString({ version_number: version })}`, signal);
/** The file as it lies on the disk, for who may edit it. */
export const dagFile = (dag: string, signal?: AbortSignal) => get<t.DagFile>(`${ours}/dags/${path(dag)}/file`, signal);
/** What is wrong with a text for it, and the tasks that it would have. */
export const checkDagFile = (dag: string, content: string, signal?: AbortSignal) =>
  request<t.DagFileCheck>('POST', `${ours}/dags/${path(dag)}/file/check`, { body: { content }, signal });
/** Over the text that has this hash; 409 when the file has another by now. */
export const saveDagFile = (dag: string, content: string, hash: string) =>
  request<{ hash: string }>('PUT', `${ours}/dags/${path(dag)}/file`, { body: { content, hash } });
/** The newest first. */
export const dagVersions = (dag: string, limit: number, signal?: AbortSignal) =>
  rowsOf<t.DagVersion>(`${dagUrl(dag)}/dagVersions`, 'dag_versions', { limit, order_by: '-version_number' }, signal);
/** Of one version, or of the newest. */
export const dagTasks = (dag: string, version: number | undefined, signal?: AbortSignal) =>
  get<t.TaskPageOfDag>(`${dagUrl(dag)}/tasks${queryString({ version_number: version })}`, signal);
export const setPaused = (dag: string, paused: boolean) =>
  request<t.Dag>('PATCH', `${dagUrl(dag)}?update_mask=is_paused`, { body: { is_paused: paused } });
/** All folders of DAGs are read again, that of its file among them. */
export const readDagFile = (fileToken: string) => request<unknown>('PUT', `${v2}/parseDagFile/${path(fileToken)}`);
/** With all that it has done; its file stays. */
export const deleteDag = (dag: string) => request<unknown>('DELETE', dagUrl(dag));
export const setFavorite = (dag: string, favorite: boolean) =>
  request<unknown>('POST', `${dagUrl(dag)}/${favorite ? 'favorite' : 'unfavorite'}`);
export const importErrors = (page: Page, signal?: AbortSignal) =>
  rowsOf<t.ImportProblem>(`${v2}/importErrors`, 'import_errors', { ...page }, signal);
export const dagWarnings = (page: Page, signal?: AbortSignal) =>
  rowsOf<t.DagWarning>(`${v2}/dagWarnings`, 'dag_warnings', { ...page }, signal);

/** Tasks by newest runs, a letter a cell. */
export const grid = (dag: string, query: Query, signal?: AbortSignal) =>
  get<t.Grid>(`${ours}/dags/${path(dag)}/grid${queryString(query)}`, signal);
/** What ran and what is planned between each two neighbours of `at`. */
export const calendar = (dag: string, at: string[], signal?: AbortSignal) => get<t.Calendar>(`${ours}/dags/${path(dag)}/calendar${queryString({ at })}`, signal);
/** DAGs, tasks and runs by a part of their name. */
export const search = (q: string, signal?: AbortSignal) => get<t.SearchAnswer>(`${ours}/search${queryString({ q, limit: 8 })}`, signal);
export const home = (hours: number, signal?: AbortSignal) => get<t.Home>(`${ours}/home${queryString({ hours })}`, signal);

// Runs
export const dagRuns = (dag: string, query: Query, signal?: AbortSignal) =>
  get<t.RunPage>(`${dagUrl(dag)}/dagRuns${queryString(query)}`, signal);
export const dagRun = (dag: string, run: string, signal?: AbortSignal) =>
  get<t.DagRun>(runUrl(dag, run), signal);
export const trigger = (
  dag: string,
  body: { logical_date: string | null; conf: Record<string, unknown>; branch?: string; note?: string; dag_run_id?: string; partition_key?: string },
) => request<t.DagRun>('POST', `${dagUrl(dag)}/dagRuns`, { body });
/** Of any DAG, of all of it or of none. */
export const clearRuns = (runs: readonly t.RunKey[], dryRun: boolean, onlyFailed: boolean) =>
  request<{ task_instances?: t.TaskInstance[]; total_entries: number }>('POST', `${dagUrl('~')}/clearDagRuns`, {
    body: { dag_runs: runs.map(({ dag_id, dag_run_id }) => ({ dag_id, dag_run_id })), dry_run: dryRun, only_failed: onlyFailed },
  });
type RunAction = { action: 'update'; entities: (t.RunKey & { state: string })[] } | { action: 'delete'; entities: t.RunKey[] };
/** Each row by itself; what was refused is in the answer. */
export const changeRuns = (action: RunAction) =>
  request<t.BulkAnswer>('PATCH', `${dagUrl('~')}/dagRuns`, { body: { actions: [action] } });
export const setRunState = (dag: string, run: string, state: 'success' | 'failed') =>
  request<t.DagRun>('PATCH', `${runUrl(dag, run)}?update_mask=state`, { body: { state } });

export const setRunNote = (dag: string, run: string, note: string) => request<t.DagRun>('PATCH', `${runUrl(dag, run)}?update_mask=note`, { body: { note } });
/** A run that is held starts no task; those that run go on. */
export const holdRun = (dag: string, run: string, held: boolean) => request<t.DagRun>('PATCH', `${runUrl(dag, run)}?update_mask=is_paused`, { body: { is_paused: held } });

// Backfills
export const backfills = (query: Query, signal?: AbortSignal) => rowsOf<t.Backfill>(`${v2}/backfills`, 'backfills', query, signal);
/** With what became of its dates, and the states of its runs. */
export const backfill = (id: number, signal?: AbortSignal) => get<t.Backfill>(`${ours}/backfills/${id}`, signal);
export const backfillTicks = (id: number, page: Page, signal?: AbortSignal) => rowsOf<t.BackfillTick>(`${ours}/backfills/${id}/ticks`, 'ticks', { ...page }, signal);
export const planBackfill = (body: Record<string, unknown>) => request<t.BackfillPlan>('POST', `${v2}/backfills/dry_run`, { body });
export const createBackfill = (body: Record<string, unknown>) => request<t.Backfill>('POST', `${v2}/backfills`, { body });
export const changeBackfill = (id: number, action: 'pause' | 'unpause' | 'cancel') => request<t.Backfill>('PUT', `${v2}/backfills/${id}/${action}`);

// Task instances. `index`: which of a mapped task's; below 0 where the task is not mapped.
const instanceUrl = (dag: string, run: string, task: string, index: number) =>
  `${taskUrl(dag, run, task)}${index < 0 ? '' : `/${index}`}`;
const of = (index: number): Query => (index < 0 ? {} : { map_index: index });
export const taskInstances = (dag: string, run: string, query: Query, signal?: AbortSignal) =>
  get<t.TaskPage>(`${runUrl(dag, run)}/taskInstances${queryString(query)}`, signal);
export const taskInstance = (dag: string, run: string, task: string, signal?: AbortSignal, index = -1) =>
  get<t.TaskInstance>(instanceUrl(dag, run, task, index), signal);
export const tries = (dag: string, run: string, task: string, signal?: AbortSignal, index = -1) =>
  get<t.TaskPage>(`${instanceUrl(dag, run, task, index)}/tries`, signal);
/** A part of a try's log: before or after a byte of it, its end, or the lines with a text or of a level. */
export const logWindow = (dag: string, run: string, task: string, query: Query, signal?: AbortSignal, index = -1) =>
  get<t.LogWindow>(
    `${ours}/dags/${path(dag)}/dagRuns/${path(run)}/taskInstances/${path(task)}/log${queryString({ ...of(index), ...query })}`,
    signal,
  );
/** As it stands in the file, a window at a time. */
export const logText = (
  dag: string,
  run: string,
  task: string,
  attempt: number,
  token: string | null,
  signal?: AbortSignal,
  index = -1,
) =>
  getText(
    `${taskUrl(dag, run, task)}/logs/${path(attempt)}${queryString({ ...of(index), token: token ?? undefined })}`,
    signal,
  );
export const xcomEntries = (dag: string, run: string, task: string, signal?: AbortSignal, index = -1) =>
  everyPage((page) =>
    rowsOf<t.XCom>(`${taskUrl(dag, run, task)}/xcomEntries`, 'xcom_entries', { ...page, ...of(index) }, signal),
  );
export const xcomEntry = (dag: string, run: string, task: string, key: string, signal?: AbortSignal, index = -1) =>
  get<t.XCom>(`${taskUrl(dag, run, task)}/xcomEntries/${path(key)}${queryString(of(index))}`, signal);
const xcomUrl = (task: t.TaskKey, key: string) => `${taskUrl(task.dag_id, task.dag_run_id, task.task_id)}/xcomEntries/${path(key)}`;
export const createXcom = (task: t.TaskKey, key: string, value: unknown) =>
  request<t.XCom>('POST', `${taskUrl(task.dag_id, task.dag_run_id, task.task_id)}/xcomEntries`, { body: { key, value, map_index: task.map_index } });
export const setXcom = (task: t.TaskKey, key: string, value: unknown) =>
  request<t.XCom>('PATCH', xcomUrl(task, key), { body: { value, map_index: task.map_index } });
export const deleteXcom = (task: t.TaskKey, key: string) => request<unknown>('DELETE', `${xcomUrl(task, key)}${queryString(of(task.map_index))}`);
/** Over all DAGs, runs and tasks that one sees, without their values. */
export const xcomsOf = (query: Query, signal?: AbortSignal) => rowsOf<t.XCom>(`${taskUrl('~', '~', '~')}/xcomEntries`, 'xcom_entries', query, signal);
/** What a try told about quality and lineage; `try_number` null and both lists empty when it told nothing. */
export const attemptReport = (
  dag: string,
  run: string,
  task: string,
  attempt: number,
  signal?: AbortSignal,
  index = -1,
): Promise<t.AttemptReport> =>
  get<t.AttemptReport>(
    `${ours}/dags/${path(dag)}/dagRuns/${path(run)}/taskInstances/${path(task)}/report${queryString({ ...of(index), try_number: attempt, allow_none: true })}`,
    signal,
  );
export const dependencies = (dag: string, run: string, task: string, signal?: AbortSignal, index = -1) =>
  get<{ dependencies: t.Dependency[] }>(`${instanceUrl(dag, run, task, index)}/dependencies`, signal);
const questionUrl = (dag: string, run: string, task: string, index: number) =>
  `${taskUrl(dag, run, task)}/${index}/hitlDetails`;
/** What a try asked people; null when it asked nothing. */
export const question = (
  dag: string,
  run: string,
  task: string,
  index: number,
  attempt: number,
  signal?: AbortSignal,
): Promise<t.Question | null> =>
  get<t.Question>(`${questionUrl(dag, run, task, index)}/tries/${path(attempt)}`, signal).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  });
export const answer = (
  dag: string,
  run: string,
  task: string,
  index: number,
  tryNumber: number,
  options: readonly string[],
  input: Record<string, unknown>,
) =>
  request<unknown>('PATCH', questionUrl(dag, run, task, index), {
    body: { chosen_options: options, params_input: input, try_number: tryNumber },
  });
/** Over all DAGs that one sees, the oldest first. */
export const questionsWaiting = (limit: number, signal?: AbortSignal) =>
  rowsOf<t.Question>(
    `${dagUrl('~')}/dagRuns/~/hitlDetails`,
    'hitl_details',
    { response_received: false, state: 'deferred', limit },
    signal,
  );
/** What a mark of one, with its neighbours, would touch. */
export const markPreview = (task: t.TaskKey, body: MarkBody, signal?: AbortSignal) =>
  request<t.TaskPage>('PATCH', `${instanceUrl(task.dag_id, task.dag_run_id, task.task_id, task.map_index)}/dry_run`, { body, signal });
export interface MarkBody {
  new_state: t.TaskState;
  include_upstream: boolean;
  include_downstream: boolean;
  include_past: boolean;
  include_future: boolean;
}
type TaskAction = { action: 'update'; entities: (t.TaskKey & MarkBody)[] } | { action: 'delete'; entities: t.TaskKey[] };
/** Each by itself, of any DAG and run; what was refused is in the answer. */
export const changeTasks = (action: TaskAction) => request<t.BulkAnswer>('PATCH', `${runUrl('~', '~')}/taskInstances`, { body: { actions: [action] } });
export const markTask = (task: t.TaskKey, body: MarkBody) =>
  request<t.TaskPage>('PATCH', instanceUrl(task.dag_id, task.dag_run_id, task.task_id, task.map_index), { body });

export const setTaskNote = (dag: string, run: string, task: string, note: string, index = -1) =>
  request<unknown>('PATCH', instanceUrl(dag, run, task, index), { body: { note } });

export interface ClearBody {
  dry_run: boolean;
  dag_run_id: string;
  task_ids?: (string | [string, number])[];
  include_downstream?: boolean;
  include_upstream?: boolean;
  include_past?: boolean;
  include_future?: boolean;
  only_failed?: boolean;
  run_on_latest_version?: boolean; // of one run alone
  keep_checkpoints?: boolean;
}
export const clearTasks = (dag: string, body: ClearBody) =>
  request<t.TaskPage>('POST', `${dagUrl(dag)}/clearTaskInstances`, {
    body: { only_running: false, reset_dag_runs: true, ...body },
  });

// Administration
type Body = Record<string, unknown>;
/** A thing of the registry that is made, changed in part, and deleted under its name. */
const things = <T>(url: string, plural: string) => ({
  list: (page: Page, signal?: AbortSignal) => rowsOf<T>(url, plural, { ...page }, signal),
  create: (body: Body) => request<T>('POST', url, { body }),
  change: (name: string, body: Body) => request<T>('PATCH', `${url}/${path(name)}`, { body }),
  remove: (name: string) => request<unknown>('DELETE', `${url}/${path(name)}`),
});
export const pools = things<t.Pool>(`${v2}/pools`, 'pools');
export const variables = things<t.Variable>(`${v2}/variables`, 'variables');
export const connections = things<t.Connection>(`${v2}/connections`, 'connections');
/** Nothing is kept: what is not written is as it is kept. */
export const tryConnection = (body: Body) => request<t.ConnectionTrial>('POST', `${v2}/connections/test`, { body });
export const users = things<t.User>(`${ours}/users`, 'users');
export const roles = things<t.Role>(`${ours}/roles`, 'roles');
export const groups = things<t.Group>(`${ours}/groups`, 'groups');
export const tokens = things<t.TokenInfo>(`${ours}/tokens`, 'tokens');
export const issueToken = (body: Body) => request<t.IssuedToken>('POST', `${ours}/tokens`, { body });
export const setOwnPassword = (password: string, new_password: string) => request<unknown>('PATCH', `${ours}/session`, { body: { password, new_password } });
/** Whether whoever is signed in may do this. */
export const mayI = async (action: string, resource: string, signal?: AbortSignal) =>
  (await get<t.RightAnswer>(`${ours}/rights${queryString({ action, resource })}`, signal)).allowed;
/** The newest first. */
export const eventLogs = (query: Query, signal?: AbortSignal) => rowsOf<t.EventLog>(`${v2}/eventLogs`, 'event_logs', { ...query, order_by: '-event_log_id' }, signal);
/** Deadlines that runs have missed. */
export const awaitedDeadlines = (query: Query, signal?: AbortSignal) => get<t.AwaitedDeadlines>(`${ours}/deadlines${queryString(query)}`, signal);
export const missedDeadlines = (query: Query, signal?: AbortSignal) =>
  rowsOf<t.EventLog>(`${v2}/eventLogs`, 'event_logs', { ...query, event: 'deadline_missed', order_by: '-event_log_id' }, signal);
/** The newest event about ticks of this DAG that no run was made for. */
export const lastSkippedTicks = (dag: string, signal?: AbortSignal) =>
  rowsOf<t.EventLog>(
    `${v2}/eventLogs`,
    'event_logs',
    { dag_id: dag, event: 'ticks_skipped', limit: 1, order_by: '-event_log_id' },
    signal,
  );
export const jobs = (page: Page, signal?: AbortSignal) => rowsOf<t.Job>(`${v2}/jobs`, 'jobs', { ...page }, signal);
/** A worker that is drained takes no new task; those that run go on. */
export const drainWorker = (agent: string, drained: boolean) => request<unknown>('POST', `${ours}/workers/${path(agent)}/${drained ? 'drain' : 'resume'}`);
export const health = (signal?: AbortSignal) => get<t.Health>(`${v2}/monitor/health`, signal);
export const version = (signal?: AbortSignal) => get<{ version: string }>(`${v2}/version`, signal);

// Assets
export const assets = (query: Query, signal?: AbortSignal) => get<t.Assets>(`${v2}/assets${queryString(query)}`, signal);
export const asset = (id: number, signal?: AbortSignal) => get<t.Asset>(`${v2}/assets/${id}`, signal);
/** Those that a run took. */
export const upstreamAssetEvents = (dag: string, run: string, signal?: AbortSignal) => get<t.AssetEvents>(`${runUrl(dag, run)}/upstreamAssetEvents`, signal);
export const assetEvents = (query: Query, signal?: AbortSignal) => get<t.AssetEvents>(`${v2}/assets/events${queryString(query)}`, signal);
/** Which of its partitions there are, told by this grain where one is asked for. */
export const assetPartitions = (id: number, query: Query, signal?: AbortSignal) => get<t.PartitionMatrix>(`${ours}/assets/${id}/partitions${queryString(query)}`, signal);
/** Keys of which something has come for a DAG, and not all that their run waits for. */
export const waitingPartitions = (dag: string, signal?: AbortSignal) => get<t.WaitingPartitions>(`${ours}/dags/${path(dag)}/partitionedDagRuns`, signal);
export const queuedOfAsset = (id: number, signal?: AbortSignal) => get<t.AssetQueue>(`${v2}/assets/${id}/queuedEvents`, signal);
/** As if a task had made it anew. */
export const tellAsset = (body: Body) => request<t.AssetEvent>('POST', `${v2}/assets/events`, { body });
export const forgetQueued = (dag: string, asset: number) => request<unknown>('DELETE', `${dagUrl(dag)}/assets/${asset}/queuedEvents`);

// The installation
export const plugins = (signal?: AbortSignal) => get<t.Plugins>(`${ours}/plugins`, signal);
export const config = (signal?: AbortSignal) => get<t.Config>(`${v2}/config`, signal);
/** What may change while the server runs is taken over, all or nothing; the rest is named. */
export const reloadConfig = () => request<t.SettingsReload>('POST', `${ours}/config/reload`);
/** A copy of the database beside it; its name is made from the time unless given. */
export const backUp = (body: Body) => request<t.Backup>('POST', `${ours}/db/backup`, { body });
export const bundles = (page: Page, signal?: AbortSignal) => rowsOf<t.Bundle>(`${ours}/bundles`, 'bundles', { ...page }, signal);
const bundleUrl = (name: string) => `${ours}/bundles/${path(name)}`;
/** What switching to a revision would change; '': where its ref is now. */
export const bundleDiff = (name: string, revision: string, signal?: AbortSignal) => get<t.BundleDiff>(`${bundleUrl(name)}/diff${queryString({ revision: revision || undefined })}`, signal);
export const deployBundle = (name: string, body: Body) => request<t.BundleSwitch>('POST', `${bundleUrl(name)}/deploy`, { body });
export const rollBackBundle = (name: string, revision: string) => request<t.BundleSwitch>('POST', `${bundleUrl(name)}/rollback`, { body: { revision } });
/** What must still be published or sent. */
export const outbox = (query: Query, signal?: AbortSignal) => rowsOf<t.OutboxRow>(`${ours}/outbox`, 'outbox', query, signal);
export const changeOutbox = (id: number, action: 'retry' | 'drop') => request<unknown>('POST', `${ours}/outbox/${id}/${action}`);

// The lake
const lakeUrl = (of: t.LakeKey) => `/api/lake/tables/${path(of.layer)}/${path(of.domain)}/${path(of.table)}`;
export const lakeTables = (query: Query, signal?: AbortSignal) => get<t.LakeTables>(`/api/lake/tables${queryString(query)}`, signal);
export const lakeTable = (of: t.LakeKey, signal?: AbortSignal) => get<t.LakeTableDetails>(lakeUrl(of), signal);
export const lakeVersions = (of: t.LakeKey, page: Page, signal?: AbortSignal) => rowsOf<t.LakeVersion>(`${lakeUrl(of)}/versions`, 'versions', { ...page }, signal);
export const lakeQuality = (of: t.LakeKey, page: Page, signal?: AbortSignal) => get<t.LakeQuality>(`${lakeUrl(of)}/quality${queryString({ ...page })}`, signal);
/** With a column: its ways too. */
export const lakeLineage = (of: t.LakeKey, depth: number, columns: string, signal?: AbortSignal) =>
  get<t.LakeLineage>(`${lakeUrl(of)}/lineage${queryString({ depth, columns })}`, signal);
/** Of one version, or of the newest. */
export const lakeRows = (of: t.LakeKey, version: number | undefined, limit: number, signal?: AbortSignal) =>
  get<t.LakeRows>(`${lakeUrl(of)}/rows${queryString({ version, limit })}`, signal);
/** Where the whole table comes from as a file, never cut. */
export const lakeExportUrl = (of: t.LakeKey, format: 'parquet' | 'csv' | 'jsonl', version: number | undefined) => `${lakeUrl(of)}/export${queryString({ format, version })}`;
export const tablePartitions = (of: t.LakeKey, query: Query, signal?: AbortSignal) => get<t.PartitionMatrix>(`${lakeUrl(of)}/partitions${queryString(query)}`, signal);
const branchUrl = (name: string) => `/api/lake/branches/${path(name)}`;
export const lakeBranch = (name: string, signal?: AbortSignal) => get<t.LakeBranchDetails>(branchUrl(name), signal);
export const createBranch = (body: Body) => request<t.LakeBranch>('POST', '/api/lake/branches', { body });
export const dropBranch = (name: string) => request<unknown>('DELETE', branchUrl(name));
/** A table of it beside the version of the lake's that it stands on. */
export const branchDiff = (name: string, query: Query, signal?: AbortSignal) => get<t.LakeBranchDiff>(`${branchUrl(name)}/diff${queryString(query)}`, signal);
/** A dry run tells what would go and what is in the way; else a run publishes it. */
export const promoteBranch = (name: string, body: { dry_run: boolean; note?: string }, signal?: AbortSignal) => request<t.LakePromotion>('POST', `${branchUrl(name)}/promote`, { body, signal });
/** A look ahead with `dry_run`; followed by its operation. */
export const orderMaintenance = (of: t.LakeKey, body: Body) => request<t.LakeMaintenance>('POST', `${lakeUrl(of)}/maintenance`, { body });
const maintenanceUrl = (operation: string) => `/api/lake/maintenance/${path(operation)}`;
export const lakeMaintenance = (operation: string, signal?: AbortSignal) => get<t.LakeMaintenance>(maintenanceUrl(operation), signal);
export const stopMaintenance = (operation: string) => request<unknown>('DELETE', maintenanceUrl(operation));
const erasuresUrl = '/api/lake/erasures';
export const lakeErasures = (signal?: AbortSignal) => get<t.LakeErasures>(erasuresUrl, signal);
export const lakeErasure = (operation: string, signal?: AbortSignal) => get<t.LakeErasure>(`${erasuresUrl}/${path(operation)}`, signal);
export const orderErasure = (body: Body) => request<t.LakeErasure>('POST', erasuresUrl, { body });
export const stopErasure = (operation: string) => request<unknown>('DELETE', `${erasuresUrl}/${path(operation)}`);
export const lakeBranches = (signal?: AbortSignal) => get<t.LakeBranches>('/api/lake/branches', signal);
export const lakeQuarantines = (signal?: AbortSignal) => get<t.LakeQuarantines>('/api/lake/quarantine', signal);
const quarantineUrl = (of: Pick<t.LakeKey, 'domain' | 'table'>) => `/api/lake/quarantine/${path(of.domain, of.table)}`;
export const lakeQuarantine = (of: Pick<t.LakeKey, 'domain' | 'table'>, signal?: AbortSignal) => get<t.LakeQuarantine>(quarantineUrl(of), signal);
export const quarantinedRows = (of: Pick<t.LakeKey, 'domain' | 'table'>, query: Query, signal?: AbortSignal) => get<t.LakeRows>(`${quarantineUrl(of)}/rows${queryString(query)}`, signal);
/** Makes a run of it, which carries it out. */
export const orderQuarantine = (of: Pick<t.LakeKey, 'domain' | 'table'>, body: Body) => request<t.LakeQuarantineOrder>('POST', quarantineUrl(of), { body });
const lettersUrl = (of: Pick<t.LakeKey, 'domain' | 'table'>) => `/api/lake/dead-letters/${path(of.domain, of.table)}`;
export const letterTopics = (signal?: AbortSignal) => get<t.LakeLetterTopics>('/api/lake/dead-letters', signal);
export const letters = (of: Pick<t.LakeKey, 'domain' | 'table'>, query: Query, signal?: AbortSignal) => get<t.LakeLetters>(`${lettersUrl(of)}${queryString(query)}`, signal);
export const letter = (of: Pick<t.LakeKey, 'domain' | 'table'>, place: string, signal?: AbortSignal) => get<t.LakeLetterWhole>(`${lettersUrl(of)}/${path(place)}`, signal);
/** Done when it answers. */
export const orderLetters = (of: Pick<t.LakeKey, 'domain' | 'table'>, body: Body, signal?: AbortSignal) => request<t.LakeLetterOrder>('POST', lettersUrl(of), { body, signal });
export const lakeMonitors = (query: Query, signal?: AbortSignal) => get<t.LakeMonitors>(`/api/lake/monitors${queryString(query)}`, signal);
/** What one found, the newest first; its id is "domain/name". */
export const monitorResults = (id: string, page: Page, signal?: AbortSignal) =>
  rowsOf<t.LakeMonitorResult>(`/api/lake/monitors/${path(...id.split('/'))}/results`, 'results', { ...page }, signal);
export const lakeAlerts = (query: Query, signal?: AbortSignal) => get<t.LakeAlerts>(`/api/lake/alerts${queryString(query)}`, signal);
export const changeAlert = (id: number, action: 'ack' | 'close', note: string) => request<t.LakeAlert>('POST', `/api/lake/alerts/${id}`, { body: { action, note } });
export const lakeSql = (body: { sql: string; limit?: number | undefined; query_id: string }, signal?: AbortSignal) => request<t.LakeSqlRows>('POST', '/api/lake/sql', { body, signal });
export const explainSql = (body: { sql: string; query_id: string; explain: true; analyze: boolean }, signal?: AbortSignal) => request<t.LakeSqlPlan>('POST', '/api/lake/sql', { body, signal });
/** One's own that run or wait. */
export const runningSql = (signal?: AbortSignal) => get<t.LakeSqlRunningList>('/api/lake/sql', signal);
export const cancelLakeSql = (id: string) => request<unknown>('DELETE', `/api/lake/sql/${path(id)}`);

// Data domains
const domainUrl = (name: string) => `${ours}/domains/${path(name)}`;
export const domains = (signal?: AbortSignal) => get<t.DomainPage>(`${ours}/domains${queryString({ limit: 1000 })}`, signal);
/** With its contract, and what taking it away would do. */
export const domain = (name: string, signal?: AbortSignal) => get<t.DomainDetails>(domainUrl(name), signal);
export const planDomain = (name: string, contract: string, schedule: string, signal?: AbortSignal) =>
  request<t.DomainPlan>('POST', `${domainUrl(name)}/plan`, { body: { contract, schedule }, signal });
/** As that plan says; 409 when something else would be done by now. */
export const applyDomain = (name: string, body: { contract: string; schedule: string; digest: string; force: boolean }) =>
  request<t.DomainPlan>('PUT', domainUrl(name), { body });
export const destroyDomain = (name: string, digest: string, force: boolean) => request<t.DomainPlan>('DELETE', `${domainUrl(name)}${queryString({ digest, force })}`);
/** Of the last 30 days. */
export const domainCost = (name: string, signal?: AbortSignal) => get<t.LakeCost>(`/api/lake/domains/${path(name)}/cost`, signal);
export const lakeVersionDiff = (of: t.LakeKey, query: Query, signal?: AbortSignal) => get<t.LakeVersionDiff>(`${lakeUrl(of)}/diff${queryString(query)}`, signal);
export const metrics = (query: Query, signal?: AbortSignal) => get<t.MetricCollection>(`${ours}/metrics${queryString(query)}`, signal);
