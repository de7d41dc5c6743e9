// One installation: everything under one folder.
//
//   batuta.json     settings (optional)        scheduler.lock   held by the running scheduler
//   batuta.db       the store                  secret.key       encrypts secrets, 0600
//   admin.json      first admin's password, 0600
//   run/            worker.sock, endpoint.json, slots/, agents' locks
//   logs/           one folder per run UUID; scheduler.log, worker.log
//   results/, runs/ likewise: large return values, what tasks of a run share (common/run_files.h)
//   lake/           raw bronze silver gold quarantine
//   bundles/        each folder in it is a bundle of DAGs      backups/
//   revisions/      bundles of Git repositories, checked out
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/serve/bundle_settings.h"

namespace batuta {

// <home>/batuta.json, each value overridden by BATUTA_<NAME>, a dot in it
// being an underscore. Unknown keys are errors.
struct Settings {
  Duration heartbeat = std::chrono::seconds(2);
  Duration lease = std::chrono::seconds(10);
  Duration cancel_grace = std::chrono::seconds(10);
  Duration stop_drain{};  // what runs may end by itself before a worker that stops asks it to
  int retention_days = 90;
  int min_free_disk_percent = 10;
  std::vector<std::string> allowed_hosts;  // beside loopback names
  std::vector<std::string>
      trusted_proxies;                   // plain IP addresses: their X-Forwarded-For is believed
  std::string worker_user;               // "worker.user": slots run as; empty = the server's
  std::string worker_user_range;         // "worker.user_range": "64000-64031", an id for each slot
  std::int64_t worker_memory_limit = 0;  // "worker.memory_limit": bytes for each process; 0 = none
  // "worker.run_dir_limit": bytes of the folder that a run's tasks share; 0 = any number
  std::int64_t worker_run_dir_limit = std::int64_t{10} << 30;
  // "worker.env": what commands find in their environment, by name; as a JSON object.
  std::string worker_env = "{}";
  // "worker.container_socket": of the engine that container tasks are run by; empty = there is none
  std::string worker_container_socket;
  // "worker.container_images": those that may be run; empty = each
  std::vector<std::string> worker_container_images;
  std::string contracts;  // "contracts": folder of contracts; empty = beside the DAG folder
  std::vector<BundleSetting> bundles;  // "bundles": beside the DAG folder
  std::string base_url;           // "base_url": where people reach the page, for links in alerts
  bool page_edit_dags = false;    // "page.edit_dags": people may edit DAG files in the page
  std::string outgoing_proxy;     // "outgoing.proxy": common/outgoing.h
  std::string outgoing_no_proxy;  // "outgoing.no_proxy"
  std::string outgoing_ca_file;   // "outgoing.ca_file"
  std::int64_t lake_memory = 640 << 20;  // "lake.memory": of a slot's SQL engine, bytes
  int lake_threads = 1;                  // "lake.threads": of a slot's SQL engine
  Duration lake_sql_timeout = std::chrono::seconds(30);  // "lake.sql_timeout"
  int lake_sql_slots = 1;                 // "lake.sql_slots": people's statements at a time
  int lake_sql_rows = 10'000;             // "lake.sql_rows": of one answer of the server
  std::int64_t lake_sql_bytes = 4 << 20;  // "lake.sql_bytes": the same
  // "lake.maintenance": the schedule on which tables are looked after, or "off".
  std::string lake_maintenance = "23 3 * * *";
  Duration lake_maintenance_budget = std::chrono::minutes(30);  // "lake.maintenance_budget"
  int lake_maintenance_small_files = 32;                        // "lake.maintenance_small_files"
  std::string lake_monitors =
      "*/15 * * * *";  // "lake.monitors": when monitors are judged, or "off"
};

// The settings of the home in `folder`, which need not be there: then the defaults and the
// environment. Changes nothing. Errc::invalid for bad settings.
Result<Settings> settings_of(const std::string& folder);

// Every setting by its name with its value as batuta.json takes it; those with one prefix side by
// side. None is a secret.
std::vector<std::pair<std::string, std::string>> shown_settings(const Settings& settings);

class Home {
 public:
  // Creates the folders (0700). Errc::unavailable when that fails, Errc::invalid for bad settings.
  static Result<Home> open(const std::string& folder);

  const std::string& folder() const { return folder_; }  // absolute
  const Settings& settings() const { return settings_; }
  std::string path(const std::string& relative) const { return folder_ + "/" + relative; }

  std::string store_url() const { return "sqlite:" + path("batuta.db"); }

  // 0600, whole or not at all.
  Status write_private(const std::string& relative, const std::string& text) const;

 private:
  std::string folder_;
  Settings settings_;
};

}  // namespace batuta
