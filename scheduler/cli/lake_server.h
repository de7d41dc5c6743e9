// The lake as a server tells of it: by the rights and read masks of the caller's token, where the
// files would tell all. In the forms that `batuta lake` prints of the files. Internal to this room.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/time.h"
#include "scheduler/cli/commands.h"

namespace batuta::cli {

// Whether a server is asked: one is named (BATUTA_URL), or runs on the home, and nobody asked for
// the files themselves.
bool asks_server(const Session& session, bool files);

// Every function below throws Failure with the server's words where it refuses.

// {"table","version","rows","files","bytes","modified"} each; what is left out goes to stderr.
nlohmann::json tables_of_server(const Session& session);
// The same of one, and "id", "description", "partition_columns" and "columns".
nlohmann::json table_of_server(const Session& session, const std::string& table);

struct AskedRows {
  std::string table, sql;  // one of them
  std::int64_t limit = 20, version = -1;
  std::string at, branch;  // empty: now, the lake itself
  std::string to{};        // sql: a new Parquet file for the rows; empty: they are printed
};
// {"version","time","operation","added","removed","info"} each, newest first, at most
// `limit`; `cut`: there are more.
nlohmann::json history_of_server(const Session& session, const std::string& table,
                                 std::int64_t limit, bool& cut);
// An order to look after a table, POST /api/lake/tables/…/maintenance with this body: waits for its
// end and gives the report. An interrupt and a wait that is over stop it.
nlohmann::json upkeep_by_server(const Session& session, const std::string& table,
                                const nlohmann::json& body, Duration patience);
// Of one that was told to stop, for `why`: what it came to where it ended all the same. Throws
// Failure with `code` where it did not, or has not yet.
nlohmann::json end_of_stopped(nlohmann::json order, const std::string& why, int code);
struct AskedDiff {
  std::string table;
  std::vector<std::string> key;  // empty: the contract's
  std::int64_t from = -1, to = -1;
  int limit = 20;
};
// "/api/lake/tables/gold/shop/sales". Throws Failure for what has not three parts.
std::string table_path(const std::string& table);
// What LakeVersionDiff is over HTTP.
nlohmann::json diff_of_server(const Session& session, const AskedDiff& asked);
// What LakeSqlPlan is; `at` empty: now.
nlohmann::json plan_of_server(const Session& session, const std::string& sql, const std::string& at,
                              bool analyze);
// The bytes as a new file; what is no whole Parquet file is refused, and nothing is overwritten.
void write_parquet(const std::string& path, const std::string& bytes);
// Says on standard error which columns a file has masked, by the header Batuta-Masked.
void say_masked_header(const Client::Headers& headers);
// Prints the rows of a table or a statement, and says what was cut or masked.
void print_rows_of_server(Session& session, const AskedRows& asked);

}  // namespace batuta::cli
