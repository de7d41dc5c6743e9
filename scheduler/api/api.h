// The whole HTTP interface as one Handler: routes under /api/v2 (Airflow's shapes), /api/batuta
// (ours), /auth, /metrics, and the page's files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "contract/contract.h"
#include "scheduler/api/assets.h"
#include "scheduler/api/backend.h"
#include "scheduler/api/event_facts.h"
#include "scheduler/api/login.h"
#include "scheduler/api/reloaded_settings.h"
#include "scheduler/api/stream_lags.h"
#include "scheduler/http/exchange.h"
#include "scheduler/http/hub.h"
#include "scheduler/store/history.h"
#include "scheduler/store/registry.h"
#include "scheduler/store/secret_reference.h"
#include "stores/lake.h"
#include "stream/stream.h"

namespace batuta::http {

class Bundles;
class SignOn;

// What one statement of a person may take (POST /api/lake/sql).
struct SqlLimits {
  int slots = 1;                 // statements at a time
  std::int64_t rows = 10'000;    // of one answer
  std::int64_t bytes = 4 << 20;  // the same, as JSON; at most 16 MiB
};

// Everything the API needs. References outlive the handler.
struct ApiServices {
  ApiBackend& backend;
  History& history;
  Registry& registry;
  LoginCodes& codes;
  Hub& hub;
  std::string home{};                       // logs are under <home>/logs
  std::string version{};                    // of the product
  std::vector<std::string> origins{};       // beyond our own: "https://batuta.example.org"
  std::function<Now()> clock = read_clock;  // any thread
  // True when every DAG known before can be triggered. io thread.
  std::function<bool()> ready = [] { return true; };
  // Writes a copy of the database to `path`, which does not exist yet. Blocking; reader thread.
  std::function<Status(const std::string& path)> backup{};
  // A user has another role, or another password or none any more (its tokens have ended): what
  // was made for it must be made anew. Blocking; reader thread.
  std::function<void(const std::string& user, bool other_password)> user_changed{};
  // Outbox rows: send now (an alert given up comes alive again), or forget. `done` on any
  // thread.
  std::function<void(std::int64_t id, std::function<void(Status)> done)> outbox_retry{};
  std::function<void(std::int64_t id, std::function<void(Status)> done)> outbox_drop{};
  // How OpenLineage events leave. Any thread.
  std::function<EventFacts()> lineage = [] { return EventFacts{}; };
  std::function<EventFacts()> traces = [] { return EventFacts{}; };  // likewise
  // How far groups are behind in topics, as it was last looked at. Any thread.
  std::function<StreamLags()> stream_lags = [] { return StreamLags{}; };
  // Plugins that a worker has in its folder and none offers, and why. Any thread.
  std::function<std::vector<PluginFault>()> plugin_faults = [] {
    return std::vector<PluginFault>{};
  };
  // A part of a file of a connected worker (WorkerServer::fetch_file): logs that are on no disk of
  // ours. Blocking; reader thread. Errc::not_found when the worker says so.
  std::function<Result<FileChunk>(const std::string& agent_id, const std::string& path,
                                  std::int64_t offset, std::int64_t size)>
      fetch_file = [](const auto&, const auto&, auto, auto) {
        return Result<FileChunk>(Errc::unavailable, "no worker is connected");
      };
  // A connected worker takes nothing new, or work again (WorkerServer::drain). Any thread.
  std::function<Status(const std::string& agent_id, bool on)> drain_worker = [](const auto&, bool) {
    return Status(Errc::not_found, "no worker is connected");
  };
  // What is wrong with the store as far as the last look at all of it told; empty: nothing. Any
  // thread.
  std::function<std::string()> damage = [] { return std::string(); };
  // The settings in effect by their names in batuta.json, without secrets; those of one section
  // side by side. Any thread.
  std::function<std::vector<std::pair<std::string, std::string>>()> settings = [] {
    return std::vector<std::pair<std::string, std::string>>{};
  };
  // Reads the settings again for the user `owner` and takes over what may change while running, all
  // or nothing. Blocking; reader thread.
  std::function<Result<SettingsReload>(const std::string& owner)> reload_settings =
      [](const auto&) {
        return Result<SettingsReload>(Errc::unavailable, "these settings are not of a file");
      };
  // The DAG folder is read again and all of it told to the engine, what it lacks too: `now`, or
  // with the next look at the folder. Any thread.
  std::function<void(bool now)> read_dags = [](bool) {};
  SignOn* sign_on = nullptr;        // null: there is no login provider
  bool local_login = true;          // passwords are taken
  std::string base_url{};           // of the page, as people reach it; empty: it is not known
  Bundles* bundles = nullptr;       // null: none are named
  SecretOpener* secrets = nullptr;  // null: there is nothing that references could refer to
  // Asks the server of a connection, which has values in the place of references, whether it lets
  // us in: what it said, or why not, both without its secrets and without `secrets`, which are more
  // of them. `stop`: asked now and then; true ends it. Blocking, 40 s at most; on a thread of its
  // own.
  std::function<Result<std::string>(const Connection& connection,
                                    const std::vector<std::string>& secrets,
                                    const std::function<bool()>& stop)>
      try_connection = [](const auto&, const auto&, const auto&) {
        return Result<std::string>(Errc::unavailable, "this server tries no connections");
      };
  // Empty: there is none.
  std::optional<stores::Lake> lake{};
  // A branch of the lake was made: there may be more DAGs now. Any thread.
  std::function<void()> branch_made = [] {};
  // Runs the plugin lake_sql with these parameters in a process of its own, and gives what it
  // returns. `stop`: asked now and then; true ends it. `progress`: told now and then, from 0 to
  // 100, once the engine knows how far it is; may be empty. Blocking; on a thread of its own.
  std::function<Result<std::string>(const std::string& params_json,
                                    const std::function<bool()>& stop,
                                    const std::function<void(int percent)>& progress)>
      lake_query = [](const auto&, const auto&, const auto&) {
        return Result<std::string>(Errc::unavailable, "this installation has no lake");
      };
  // The same of the plugin lake_monitors: what monitors found and their alerts, and what people say
  // of these.
  std::function<Result<std::string>(const std::string& params_json,
                                    const std::function<bool()>& stop)>
      monitor_query = [](const auto&, const auto&) {
        return Result<std::string>(Errc::unavailable, "this installation has no lake");
      };
  // The same of the plugin lake_erase, which may take hours.
  std::function<Result<std::string>(const std::string& params_json,
                                    const std::function<bool()>& stop)>
      erase_query = [](const auto&, const auto&) {
        return Result<std::string>(Errc::unavailable, "this installation has no lake");
      };
  // The same of the plugin lake_maintenance on one table.
  std::function<Result<std::string>(const std::string& params_json,
                                    const std::function<bool()>& stop)>
      upkeep_query = [](const auto&, const auto&) {
        return Result<std::string>(Errc::unavailable, "this installation has no lake");
      };
  // The stream that has a contract's topic. Errc::not_found: there is no topic at all yet.
  // Blocking; on a thread of its own.
  std::function<Result<std::unique_ptr<stream::Stream>>(const contract::Source& source)> topics =
      [](const auto&) {
        return Result<std::unique_ptr<stream::Stream>>(Errc::not_found, "there are no topics here");
      };
  // Called once by make_api, with what is to be called at the start and each minute or so: files of
  // exports whose time is over are deleted. Any thread; blocks on the disk; nothing once the API is
  // gone.
  std::function<void(std::function<void(Time now)> job)> keep_house = [](const auto&) {};
  SqlLimits sql{};
  const Asset* (*find_asset)(std::string_view path) = nullptr;  // null: no page
};

// Called on the io thread, which `io` is run by; nothing in it blocks there. Copies share one API,
// whose reader and hasher threads end with the last copy. At the end: stop the server, then the
// engine, then let the handler go, then the services.
Handler make_api(boost::asio::io_context& io, ApiServices services);

}  // namespace batuta::http
