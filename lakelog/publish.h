// One Delta log entry, put if absent: the publish step of docs/architecture.md's three-step commit.
//
// A publication's JSON, as a plugin hands it to batuta_host.output and the outbox hands it back:
//   {"table": "silver/financial/quotes",
//    "operation": "create" | "append" | "merge" | "overwrite_partitions" | "promote",
//    "append": true|false,               // blind append
//    "read_version": 12,                 // -1: the table did not exist
//    "base": {"protocol":{…}, "metaData":{…}},  // what held at read_version: only the log after it
//                                        // is read then; without, it is replayed from its begin
//    "schema": [{"name","type","nullable"}…],   // Delta types; used when the table is created,
//                                               // compared when it exists. A blind append may lack
//                                               // nullable columns at its end: they are NULL
//    "evolve": true,                     // the schema may have more columns than the table:
//    nullable
//                                        // ones at its end, which this version adds
//    "partition_columns": ["day"],
//    "description": "…",
//    "table_id": "…",                    // of a table that is made; without, it gets a new one
//    "read_partitions": [{"day":"2026-11-20"}…] | null,   // null: read the whole table
//    "add": [{"path","size","modification_time","partition_values":{},"stats":{…}}…],
//    "remove": [{"path","partition_values":{},"size"}…],
//    "txn": [{"app_id","version"}…],     // the plugin's own progress markers, beside ours
//    "metrics": {"rows_in":n,"rows_out":n,…}}
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "lakelog/storage.h"

namespace batuta::lakelog {

struct Publication {
  Storage* storage = nullptr;  // the lake; outlives the call
  std::string payload_json;    // as above
  std::string app_id;          // "batuta/<store uuid>"
  std::int64_t number = 0;     // txn version under app_id
  std::string uuid;            // finding it in a commitInfo means "already done"
  std::string info_json;       // for commitInfo: dag_id, run_id, execution_id, task_id, try, plugin
  // The oldest read version among the table's publications that wait, or -1: what is newer in the
  // log is not cleaned up. Asked for when there is something to clean up; null = only this one.
  std::function<std::int64_t()> oldest_read_version = {};
  // Asked before the entry is put, and not when it stands already: an error is publish()'s.
  std::function<Status()> before_put = {};
};

struct Published {
  std::int64_t version = -1;  // the log entry that holds the publication
  bool already_done = false;
};

// Idempotent; safe to kill anywhere: the entry exists whole or not at all. Retries lost races for
// the next version itself. Errors:
//   Errc::conflict     can never succeed as it is, though one prepared anew may: a commit after
//                      read_version touched what was read, a newer publication of app_id is already
//                      in the log, a staged file or the table itself is gone
//   Errc::invalid      can never succeed, however often it is prepared: the payload is wrong, the
//                      table needs a newer writer, is append only or has another schema, or would
//                      lie below or above another one
//   Errc::unavailable  the disk said no: try again
// Any thread; publications of one table one at a time.
Result<Published> publish(const Publication& publication);

// Whether publish() would refuse it now, with its error; nothing is written.
Status check_publication(const Publication& publication);

}  // namespace batuta::lakelog
