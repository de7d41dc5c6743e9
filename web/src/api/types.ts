// The API's objects under the names the page uses, and what no document describes: the live stream and
// what plugins tell. Everything else is schema.ts, which is made from the server's OpenAPI document.
import type * as schema from './schema';

export type Calendar = schema.Calendar;
export type CalendarPart = schema.CalendarPart;
export type CalendarSkip = schema.CalendarSkip;
export type Grid = schema.Grid;
export type GridRun = schema.GridRun;
export type Home = schema.Home;
export type SearchAnswer = schema.SearchAnswer;
export type HomeRun = schema.HomeRun;
export type Session = schema.Session;
export type LoginMethods = schema.LoginMethods;
export type Dag = schema.DAG;
export type DagDetails = schema.DAGDetails;
export type DagPage = schema.DAGCollection;
export type DagVersion = schema.DagVersion;
export type DagSource = schema.DAGSource;
export type DagFile = schema.DAGFile;
export type DagFileCheck = schema.DAGFileCheck;
export type DagFileProblem = schema.DAGFileProblem;
export type DagRun = schema.DAGRun;
export type RunKey = Pick<DagRun, 'dag_id' | 'dag_run_id'>;
export type BulkAnswer = schema.BulkAnswer;
export type RunPage = schema.DAGRunCollection;
export type RunState = DagRun['state'];
export type Task = schema.Task;
export type TaskGroup = schema.TaskGroup;
export type TaskPageOfDag = schema.TaskCollection;
export type TaskInstance = schema.TaskInstance;
export type TaskPage = schema.TaskInstanceCollection;
export type TaskState = TaskInstance['state'];
export type TaskKey = Pick<TaskInstance, 'dag_id' | 'dag_run_id' | 'task_id' | 'map_index'>;
export type LogWindow = schema.LogWindow;
export type XCom = schema.XCom;
export type Dependency = schema.TaskDependency;
export type Question = schema.Question;
export type ImportProblem = schema.ImportError;
export type DagWarning = schema.DAGWarning;
export type Pool = schema.Pool;
export type Variable = schema.Variable;
export type Connection = schema.Connection;
export type User = schema.User;
export type Role = schema.Role;
export type Group = schema.Group;
export type TokenInfo = schema.TokenInfo;
export type IssuedToken = schema.IssuedToken;
export type RightAnswer = schema.RightAnswer;
export type EventLog = schema.EventLog;
export type Job = schema.Job;
export type Asset = schema.Asset;
export type AssetEvent = schema.AssetEvent;
export type AssetQueued = schema.QueuedEvent;
export type Plugin = schema.Plugin;
export type PluginFault = schema.PluginFault;
export type Plugins = schema.PluginCollection;
export type Config = schema.Config;
export type SettingsReload = schema.SettingsReload;
export type Backup = schema.Backup;
export type Bundle = schema.Bundle;
export type BundleDiff = schema.BundleDiff;
export type BundleSwitch = schema.BundleSwitch;
export type OutboxRow = schema.OutboxRow;
export type ConnectionTrial = schema.ConnectionTestResponse;
export type Backfill = schema.Backfill;
export type BackfillPlan = schema.BackfillPlan;
export type BackfillTick = schema.BackfillTick;
export type ConfigSection = schema.ConfigSection;
export type Assets = schema.AssetCollection;
export type AssetEvents = schema.AssetEventCollection;
export type AssetQueue = schema.QueuedEventCollection;
export type LakeBranches = schema.LakeBranchCollection;
export type LakeBranch = schema.LakeBranch;
export type LakeBranchDetails = schema.LakeBranchDetails;
export type LakeBranchTable = schema.LakeBranchTable;
export type LakeBranchDiff = schema.LakeBranchDiff;
export type LakeBranchRow = schema.LakeBranchRow;
export type LakePromotion = schema.LakePromotion;
export type LakePromotedTable = schema.LakePromotedTable;
export type LakeErasure = schema.LakeErasure;
export type LakeMaintenance = schema.LakeMaintenance;
export type LakeErasures = schema.LakeErasureCollection;
export type PartitionMatrix = schema.PartitionMatrix;
export type Partition = schema.Partition;
export type AwaitedDeadlines = schema.AwaitedDeadlineCollection;
export type Deadline = schema.Deadline;
export type WaitingPartitions = schema.WaitingPartitionCollection;
export type LakeTable = schema.LakeTable;
export type LakeTables = schema.LakeTableCollection;
export type LakeTableDetails = schema.LakeTableDetails;
export type LakeColumn = schema.LakeColumn;
export type LakePartition = schema.LakePartition;
export type LakeFile = schema.LakeFile;
export type LakeVersion = schema.LakeVersion;
export type LakeLineage = schema.LakeLineage;
export type LakeLineageEdge = schema.LakeLineageEdge;
export type LakeColumnLineage = schema.LakeColumnLineage;
export type LakeColumnEdge = schema.LakeColumnEdge;
export type LakeRows = schema.LakeRows;
export type LakeTrust = schema.LakeTrust;
export type LakeQuarantines = schema.LakeQuarantineCollection;
export type LakeQuarantine = schema.LakeQuarantine;
export type LakeQuarantineOrder = schema.LakeQuarantineOrder;
export type LakeLetterTopics = schema.LakeLetterTopicCollection;
export type LakeLetterTopic = schema.LakeLetterTopic;
export type LakeLetters = schema.LakeLetters;
export type LakeLetter = schema.LakeLetter;
export type LakeLetterWhole = schema.LakeLetterWhole;
export type LakeLetterOrder = schema.LakeLetterOrder;
export type LakeSqlRows = schema.LakeSqlRows;
export type LakeSqlRunning = schema.LakeSqlRunning;
export type LakeSqlRunningList = schema.LakeSqlRunningCollection;
export type LakeAlert = schema.LakeAlert;
export type LakeAlerts = schema.LakeAlertCollection;
export type LakeMonitor = schema.LakeMonitor;
export type LakeMonitors = schema.LakeMonitorCollection;
export type LakeMonitorResult = schema.LakeMonitorResult;

/** One rule's result, as plugins report it; a plugin of one's own may leave things out. */
export interface QualityResult {
  rule?: string;
  table?: string;
  dimension?: string;
  severity?: string;
  checked?: number;
  failed?: number;
  passed?: boolean;
}

export interface LakeQualityReport extends Omit<schema.LakeQualityReport, 'results'> {
  results: QualityResult[];
}

export interface LakeQuality extends Omit<schema.LakeQuality, 'reports'> {
  reports: LakeQualityReport[];
}

/** Which table: layer, domain and name. */
export type LakeKey = Pick<LakeTable, 'layer' | 'domain' | 'table'>;

export interface AttemptReport extends Omit<schema.AttemptReport, 'quality'> {
  quality: QualityResult[];
}

/** The document calls the parts of a health answer objects: the scheduler decides what is in them. */
export interface Health extends schema.HealthInfo {
  metadatabase: { status: string | null };
  scheduler: { status: string | null; latest_scheduler_heartbeat: string | null };
}

/** What the live stream tells of a run. */
export type RunEvent = Pick<DagRun, 'dag_id' | 'dag_run_id' | 'state' | 'run_type' | 'start_date' | 'end_date'> & {
  queued_at: string | null;
};

/** What the live stream tells of a task instance. */
export type TaskEvent = Pick<
  TaskInstance,
  'dag_id' | 'dag_run_id' | 'task_id' | 'map_index' | 'state' | 'try_number' | 'start_date' | 'end_date' | 'duration'
>;
/** The same of several instances of one run, each as it was last. */
export interface GatheredTasks extends Pick<TaskEvent, 'dag_id' | 'dag_run_id'> {
  tasks: Omit<TaskEvent, 'dag_id' | 'dag_run_id'>[];
}
export type Domain = schema.Domain;
export type DomainPage = schema.DomainCollection;
export type DomainDetails = schema.DomainDetails;
export type DomainPlan = schema.DomainPlan;
export type DomainStep = schema.DomainStep;
export type LakeCost = schema.LakeCost;
export type LakeCostDay = schema.LakeCostDay;
export type LakePlanNode = schema.LakePlanNode;
export type LakeSqlPlan = schema.LakeSqlPlan;
export type LakeVersionSide = schema.LakeVersionSide;
export type LakeVersionRow = schema.LakeVersionRow;
export type LakeVersionDiff = schema.LakeVersionDiff;
export type Metric = schema.Metric;
export type MetricSample = schema.MetricSample;
export type MetricSeries = schema.MetricSeries;
export type MetricCollection = schema.MetricCollection;
