// The route table's rows of the lake: everything below /api/lake.
#include "scheduler/api/handlers.h"
#include "scheduler/api/route_rows.h"

namespace batuta::http {

using namespace route_rows;

namespace {

#define LAKE "/api/lake/tables"
#define LAKE_SQL "/api/lake/sql"
#define LAKE_QUARANTINE "/api/lake/quarantine"
#define LAKE_LETTERS "/api/lake/dead-letters"
#define LAKE_BRANCHES "/api/lake/branches"
#define LAKE_ERASURES "/api/lake/erasures"
#define LAKE_MAINTENANCE "/api/lake/maintenance"
#define LAKE_MONITORS "/api/lake/monitors"
#define LAKE_ALERTS "/api/lake/alerts"
#define LAKE_TABLE LAKE "/{layer}/{domain}/{table}"

// clang-format off
constexpr Route lake_rows[] = {
    {get,   LAKE, reading<list_lake_tables>, some_lake,
     "Tables of the lake, as their logs tell; `groups`: how many there are in each domain and layer, whatever is "
     "filtered; `left_out`: what the list lacks, and why", {.query = &lake_list_params, .answer = "LakeTableCollection"}},
    {get,   LAKE_TABLE, reading<get_lake_table>, read_lake, "One table: columns, partitions, files, contract",
     {.answer = "LakeTableDetails"}},
    {get,   LAKE_TABLE "/versions", reading<list_lake_versions>, read_lake,
     "Its versions, newest first: when, by which run, how many rows its files added and removed",
     {.query = &page_params, .answer = "LakeVersionCollection"}},
    {get,   LAKE_TABLE "/statistics", reading<get_lake_statistics>, read_lake,
     "What its columns held in a version, by the statistics of its files: NULLs, least and greatest value; null where a file "
     "does not tell, and of columns that are masked for whoever asks",
     {.query = &lake_version_params, .answer = "LakeStatistics"}},
    {get,   LAKE_TABLE "/diff", diff_lake_versions, read_lake,
     "What one version has otherwise than another: rows added, removed and changed by a key, or whole rows where there is "
     "none, with a sample; columns; files. Only files that differ are read; `not_compared` says why rows were not",
     {.query = &version_diff_params, .answer = "LakeVersionDiff"}},
    {get,   LAKE_TABLE "/partitions", reading<list_lake_partitions>, read_lake,
     "Its partitions, or of a table that lies in none those that its runs were about: made, older than what they are made "
     "of, failed, missing between others; by which run, and which DAGs make them",
     {.query = &partition_params, .answer = "LakePartitionMatrix"}},
    {get,   LAKE_TABLE "/quality", reading<list_lake_quality>, read_lake,
     "What attempts told of its quality, newest first; `more`: there are older ones",
     {.query = &page_params, .answer = "LakeQuality"}},
    {get,   LAKE_TABLE "/lineage", reading<get_lake_lineage>, read_lake,
     "Tables that it is made of and that are made of it, and by which tasks; `hidden`: tables that may not be seen; with "
     "`columns` also what these come of and what comes of them, column by column, and how they are masked on the way",
     {.query = &lake_lineage_params, .answer = "LakeLineage"}},
    {get,   LAKE_TABLE "/rows", get_lake_rows, read_lake,
     "Its rows, page by page: of some columns, where conditions hold, in an order, of the newest version or an older one; "
     "`next_cursor` goes on in the version that the first page was of",
     {.query = &lake_rows_params, .answer = "LakeRows"}},
    {get,   LAKE_TABLE "/export", get_lake_export, read_lake,
     "All its rows as a file, Parquet, CSV, JSON lines or a tar archive of folders by partition, by `format` or Accept; "
     "resumed by Range, with If-Range or of a named version; too large a file is refused, never cut",
     {.query = &lake_export_params}},
    {get,   "/api/lake/domains/{domain}/cost", get_lake_cost, some_lake,
     "What a domain's tables hold and what the tasks that write them took, by layer, DAG and day; `hidden`: not all of it may be "
     "seen; `more`: there are more tries than are counted", {.query = &lake_cost_params, .answer = "LakeCost"}},
    {get,   LAKE_BRANCHES, reading<list_lake_branches>, some_lake, "Branches of the lake, by name",
     {.answer = "LakeBranchCollection"}},
    {post,  LAKE_BRANCHES, create_lake_branch, edit_some_lake,
     "A branch of the lake: runs that name it read the lake where it has nothing of its own, and write beside it",
     {.body = &lake_branch_body, .answer = "LakeBranch", .status = 201}},
    {get,   LAKE_BRANCHES "/{branch}", reading<get_lake_branch>, some_lake,
     "The tables that were written on it, from which version of the lake's, and whether those have moved since; `hidden`: "
     "how many one may not read", {.answer = "LakeBranchDetails"}},
    {get,   LAKE_BRANCHES "/{branch}/diff", diff_lake_branch, some_lake,
     "What a branch's table has otherwise than the version of the lake's that it stands on: rows added, removed and changed by "
     "key, some of them with their values before and after, as masked as always; needs the right to read the table",
     {.query = &branch_diff_params, .answer = "LakeBranchDiff"}},
    {post,  LAKE_BRANCHES "/{branch}/promote", promote_lake_branch, edit_some_lake,
     "What the branch has made becomes the lake's, all of its tables or none, by a run of the DAG lake_promotion; refused "
     "where the lake's have moved since the branch began, each named; with `dry_run` it is only told which go. Needs the "
     "right to edit each table; the branch stays until it is dropped",
     {.body = &lake_promotion_body, .answer = "LakePromotion"}},
    {del,   LAKE_BRANCHES "/{branch}", drop_lake_branch, edit_some_lake,
     "It goes with all that was written on it; who made it may, and who may edit lake:*; not while runs on it go on",
     {.status = 204}},
    {post,  LAKE_ERASURES, order_lake_erasure, erase_some_lake,
     "Take a person out of all layers, older versions too, for good; a plan without `apply`. One after the other, and not within "
     "this request: its end is told by its operation. Needs the right to erase all layers of the domain, or of the lake",
     {.body = &lake_erasure_body, .answer = "LakeErasure", .status = 202}},
    {get,   LAKE_ERASURES, reading<list_lake_erasures>, erase_some_lake,
     "Orders and plans that the server remembers, and what was applied before, the newest first, without their reports; "
     "`more`: there are older records", {.answer = "LakeErasureCollection"}},
    {get,   LAKE_ERASURES "/{operation}", reading<get_lake_erasure>, erase_some_lake,
     "How far one is: queued, running, ended, failed or stopped; its report, which has no value of the person",
     {.answer = "LakeErasure"}},
    {del,   LAKE_ERASURES "/{operation}", stop_lake_erasure, erase_some_lake,
     "End one that is under way at its next step; ordered again under its operation it goes on", {.status = 204}},
    {post,  LAKE_TABLE "/maintenance", order_lake_upkeep, edit_lake,
     "Look after the table: optimize, vacuum, restore or expire; with `dry_run` it is only told what would be done. One table "
     "after the other, and not within this request: its end is told by its operation. What is deleted before the table's own "
     "retention (vacuum with force, expire) needs the right to delete, besides",
     {.body = &lake_upkeep_body, .answer = "LakeMaintenance", .status = 202}},
    {get,   LAKE_MAINTENANCE, reading<list_lake_upkeep>, edit_some_lake,
     "Such orders and looks ahead that the server remembers, of tables that one may edit, the newest first; no reports",
     {.answer = "LakeMaintenanceCollection"}},
    {get,   LAKE_MAINTENANCE "/{operation}", reading<get_lake_upkeep>, edit_some_lake,
     "How far one is: queued, running, ended, failed or stopped; its report. Needs the right to edit the table",
     {.answer = "LakeMaintenance"}},
    {del,   LAKE_MAINTENANCE "/{operation}", stop_lake_upkeep, edit_some_lake,
     "End one that is under way at its next step; what it has committed stands. Needs the right to edit the table",
     {.status = 204}},
    {get,   LAKE_QUARANTINE, reading<list_quarantines>, some_lake, "Tables with rows in quarantine",
     {.answer = "LakeQuarantineCollection"}},
    {get,   LAKE_QUARANTINE "/{domain}/{table}", get_quarantine, some_lake,
     "Rejected rows of a table by reason and run, the newest first; needs the right to read the domain's quarantine",
     {.query = &quarantine_params, .answer = "LakeQuarantine"}},
    {get,   LAKE_QUARANTINE "/{domain}/{table}/rows", get_quarantine_rows, some_lake,
     "Rejected rows, the newest first, masked as the contract says", {.query = &quarantine_rows_params, .answer = "LakeRows"}},
    {post,  LAKE_QUARANTINE "/{domain}/{table}", order_quarantine, edit_some_lake,
     "Repair, replay or discard rejected rows, by a run of the DAG that makes the table; its task's return_value says what "
     "became of each. Needs the right to edit the domain's quarantine and, unless rows are discarded, its silver",
     {.body = &quarantine_order_body, .answer = "LakeQuarantineOrder"}},
    {get,   LAKE_LETTERS, list_dead_letters, some_lake,
     "Contracts that read a topic, and how many of its messages lie open as dead letters; of those whose dlq one may read",
     {.answer = "LakeLetterTopicCollection"}},
    {get,   LAKE_LETTERS "/{domain}/{table}", get_dead_letters, some_lake,
     "Open dead letters of a contract's topic, and how many of each reason; what is long is cut. Needs the right to read the "
     "domain's dlq; where the contract masks a column, what was sent is shown to who may see it alone",
     {.query = &letter_params, .answer = "LakeLetters"}},
    {get,   LAKE_LETTERS "/{domain}/{table}/{letter}", get_dead_letter, some_lake, "One open dead letter whole",
     {.answer = "LakeLetterWhole"}},
    {post,  LAKE_LETTERS "/{domain}/{table}", order_dead_letters, edit_some_lake,
     "Repair, replay or discard dead letters. Needs the right to edit the domain's dlq and, unless they are discarded, its "
     "bronze; the DAG's next run takes what was sent again",
     {.body = &letter_order_body, .answer = "LakeLetterOrder"}},
    {post,  LAKE_SQL, run_lake_sql, some_lake,
     "Rows of one SELECT over tables that one may read; as CSV where Accept begins with text/csv, as a Parquet file "
     "with application/vnd.apache.parquet, all of them or none. `cut` (Batuta-Cut) says "
     "whether there are more; what is wrong with the statement is told with its line and column. With `explain` the plan of "
     "it instead",
     {.body = &lake_sql_body, .answer = "LakeSqlRows|LakeSqlPlan"}},
    {get,   LAKE_SQL, list_lake_sql, some_lake,
     "SELECTs of one's own that run or wait, of those that were given a `query_id`: `progress` is the percent done, null until "
     "the engine knows",
     {.answer = "LakeSqlRunningCollection"}},
    {del,   LAKE_SQL "/{query_id}", cancel_lake_sql, some_lake, "End a SELECT of one's own that runs or waits",
     {.status = 204}},
    {get,   LAKE_MONITORS, list_lake_monitors, some_lake,
     "Monitors of tables and tasks that one may see, each as it was judged last; `counts`: by status, whatever is filtered",
     {.query = &lake_monitor_params, .answer = "LakeMonitorCollection"}},
    {get,   LAKE_MONITORS "/{domain}/{monitor}/results", list_monitor_results, some_lake,
     "What one monitor found, newest first, of the last 90 days",
     {.query = &page_params, .answer = "LakeMonitorResultCollection"}},
    {get,   LAKE_ALERTS, list_lake_alerts, some_lake,
     "Alerts of monitors that one may see: unless ordered the open ones first, the gravest and newest of them on top; "
     "`counts`: by state, whatever is filtered; `more`: there are older ones than are looked at",
     {.query = &lake_alert_params, .answer = "LakeAlertCollection"}},
    {post,  LAKE_ALERTS "/{alert_id}", change_lake_alert, edit_some_lake,
     "Acknowledge or close an open alert; needs the right to edit what it is about, the table's layer or the DAG",
     {.body = &lake_alert_body, .answer = "LakeAlert"}},
};
// clang-format on

}  // namespace

std::span<const Route> lake_route_rows() {
  return lake_rows;
}

}  // namespace batuta::http
