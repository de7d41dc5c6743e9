// One Delta log entry, put if absent: the publish step of docs/architecture.md's three-step commit.
//
// A publication's JSON, as a plugin hands it to batuta_host.output and the outbox hands it back:
//   {"table": "silver/financial/quotes",
//    "operation": "create" | "append" | "merge" | "overwrite_partitions",
//    "append": true|false,               // blind append
//    "read_version": 12,                 // -1: the table did not exist
//    "schema": [{"name","type","nullable"}…],   // Delta types; used when the table is created,
//                                               // compared when it exists
//    "partition_columns": ["day"],
//    "description": "…",
//    "read_partitions": [{"day":"2026-11-20"}…] | null,   // null: read the whole table
//    "add": [{"path","size","modification_time","partition_values":{},"stats":{…}}…],
//    "remove": [{"path","partition_values":{},"size"}…],
//    "txn": [{"app_id","version"}…],     // the plugin's own progress markers, beside ours
//    "metrics": {"rows_in":n,"rows_out":n,…}}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta::lakelog {

struct Publication {
  std::string lake;          // absolute folder
  std::string payload_json;  // as above
  std::string app_id;        // "batuta/<store uuid>"
  std::int64_t number = 0;   // txn version under app_id
  std::string uuid;          // finding it in a commitInfo means "already done"
  std::string info_json;     // for commitInfo: dag_id, run_id, execution_id, task_id, try, plugin
};

struct Published {
  std::int64_t version = -1;  // the log entry that holds the publication
  bool already_done = false;
};

// Idempotent; safe to kill anywhere: the entry exists whole or not at all. Retries lost races for
// the next version itself. Errors:
//   Errc::conflict     can never succeed: a commit after read_version touched what was read,
//   another
//                      schema, or a newer publication of app_id is already in the log
//   Errc::invalid      the payload is wrong, or the table needs a newer writer: can never succeed
//   Errc::unavailable  the disk said no: try again
// Any thread; publications of one table one at a time.
Result<Published> publish(const Publication& publication);

}  // namespace batuta::lakelog
