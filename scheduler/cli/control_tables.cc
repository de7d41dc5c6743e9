#include "scheduler/cli/control_tables.h"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/cli/client.h"
#include "scheduler/store/backend.h"
#include "scheduler/store/home_lock.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr std::int64_t most_rows = 10'000;

ControlTable config_table() {
  return {"ingestion_job_config",
          {{"job_name", "string"},
           {"params", "string"},
           {"interval", "string"},
           {"overlap", "string"},
           {"bucket_name", "string"},
           {"updated_by", "string"},
           {"created_at", "timestamp"},
           {"updated_at", "timestamp"}},
          {}};
}

ControlTable execution_table() {
  return {"ingestion_job_execution",
          {{"id", "long"},
           {"execution_id", "string"},
           {"job_name", "string"},
           {"try_number", "long"},
           {"params", "string"},
           {"interval", "string"},
           {"overlap", "string"},
           {"bucket_name", "string"},
           {"start_time", "timestamp"},
           {"end_time", "timestamp"},
           {"filename", "string"},
           {"records", "long"},
           {"status", "string"},
           {"error", "string"},
           {"heartbeat_at", "timestamp"},
           {"created_at", "timestamp"},
           {"updated_at", "timestamp"}},
          {}};
}

// They travel in one message to the slot that runs the query.
void tell_of_older(std::int64_t total) {
  std::fprintf(stderr,
               "batuta: mngt.ingestion_job_execution has %lld rows; this reads the newest %lld. "
               "`batuta jobs executions --offset N` lists the older ones\n",
               static_cast<long long>(total), static_cast<long long>(most_rows));
}

// Values in the order of the columns; nested ones as JSON text.
void add_row(ControlTable& table, const json& object) {
  json row = json::array();
  for (const auto& [name, type] : table.columns) {
    const json value = object.value(name, json(nullptr));
    row.push_back(value.is_structured() ? json(json_text(value)) : value);
  }
  table.rows.push_back(json_text(row));
}

void read_from_server(const Client& client, ControlTable& configs, ControlTable& executions) {
  // Named, because a range-for does not keep the answer whose member it walks.
  const json answer = client.get("/api/batuta/jobs/configs");
  for (const json& row : answer["job_configs"]) add_row(configs, row);
  for (std::int64_t offset = 0; offset < most_rows; offset += max_page) {
    const json page = client.get("/api/batuta/jobs/executions?limit=" + std::to_string(max_page) +
                                 "&offset=" + std::to_string(offset));
    for (const json& row : page["job_executions"]) add_row(executions, row);
    const std::int64_t total = json_int(page["total_entries"]).value_or(0);
    if (offset + max_page >= total) return;
    if (offset + max_page >= most_rows) tell_of_older(total);
  }
}

void read_from_file(const std::string& home, ControlTable& configs, ControlTable& executions) {
  const auto lock = HomeLock::acquire(home);
  if (!lock) throw Failure(lock.error().message, 1);
  const auto history = open_history("sqlite:" + home + "/batuta.db");
  for (const JobConfigView& row : history->job_configs()) {
    add_row(configs, http::job_config_json(row));
  }
  for (std::int64_t offset = 0; offset < most_rows; offset += max_page) {
    const auto page = history->job_executions(std::nullopt, {max_page, offset}, {});
    for (const JobExecutionView& view : page.rows) {
      add_row(executions, http::job_execution_json(view));
    }
    if (offset + max_page >= page.total) return;
    if (offset + max_page >= most_rows) tell_of_older(page.total);
  }
}

}  // namespace

std::vector<ControlTable> read_control_tables(const std::string& home) {
  ControlTable configs = config_table();
  ControlTable executions = execution_table();
  if (Client::server_is_running(home)) {
    read_from_server(Client::find(home), configs, executions);
  } else if (std::filesystem::exists(home + "/batuta.db")) {
    read_from_file(home, configs, executions);
  }
  return {std::move(configs), std::move(executions)};
}

}  // namespace batuta::cli
