// What a server is made of. Private to the room.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "scheduler/api/api.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/engine_backend.h"
#include "scheduler/api/lake_report.h"
#include "scheduler/http/server.h"
#include "scheduler/serve/bundle_hooks.h"
#include "scheduler/serve/cost_watch.h"
#include "scheduler/serve/dag_wiring.h"
#include "scheduler/serve/endpoint.h"
#include "scheduler/serve/housekeeping.h"
#include "scheduler/serve/kept_write.h"
#include "scheduler/serve/lag_watch.h"
#include "scheduler/serve/lake_query.h"
#include "scheduler/serve/launch_context.h"
#include "scheduler/serve/login_settings.h"
#include "scheduler/serve/offers.h"
#include "scheduler/serve/outbox_wiring.h"
#include "scheduler/serve/platform_facts.h"
#include "scheduler/serve/report_facts.h"
#include "scheduler/serve/secret_lookup.h"
#include "scheduler/serve/server.h"
#include "scheduler/serve/settings_reload.h"
#include "scheduler/serve/topic_stream.h"
#include "scheduler/store/backend.h"
#include "scheduler/store/home_lock.h"
#include "scheduler/store/sealed_value.h"
#include "scheduler/waits/wait_checker.h"
#include "scheduler/workers/worker_server.h"

namespace batuta {

namespace asio = boost::asio;

struct Server::Impl {
  Impl(const Home& h, Options o, HomeLock held);

  // The registry has made it, if it was not there.
  static SecretKey key_of(const Home& home);

  // ---- wiring -----------------------------------------------------------------------------------

  WorkerServer::Options worker_options() const;
  Outbox::Hooks hooks_of_outbox();
  bool diverted() const { return static_cast<bool>(options.divert_alerts); }
  LookHooks look_hooks();
  Engine::Options engine_options() const;
  EngineSinks engine_sinks();

  // What a burst of runs has freed goes back to the system; after a few tasks there is nothing
  // worth the milliseconds. Control thread.
  void give_back_memory();

  // ---- DAGs and catalogue -----------------------------------------------------------------------

  // Whatever of these cannot be written now, because the inbox or the disk is full, is written when
  // all is told anew: job configurations with the DAGs, the catalogue each minute and after an
  // outage.
  void save_job_configs(const DagWiring::Dags& changed);

  void on_catalogue(std::vector<PluginInfo> plugins);

  // ---- start and stop ---------------------------------------------------------------------------

  Status start();

  void take_over(const Settings& settings);
  void gather_facts(bool at_once);
  // DAGs that the server brings along, as lake and settings are now. Any thread: the last who calls
  // has seen what any before it saw.
  void set_own_dags();

  // What ended since the lake's own tables of it were moved on (scheduler/api/lake_report.h).
  // Blocks on the lake and the store.
  Result<std::string> ended_runs() const;

  // Before anything is served: no default account, no open door.
  Status first_admin();

  // A user's tokens may have ended, the command line's among them; and a password that is no longer
  // so must not lie about.
  void on_user_changed(const std::string& user, bool other_password);

  void stop();

  // ---- the API (server_services.cc) -------------------------------------------------------------

  Status serve();
  http::ApiServices services();
  http::EventFacts lineage_facts() const;
  http::EventFacts trace_facts() const;
  std::string user_of(const http::Request& head) const;
  void retry_outbox(std::int64_t id, std::function<void(Status)> done);
  std::string url() const;

  // In this order: each uses those above it.

  const Home home;
  const Options options;
  HomeLock lock;
  const LakePlace lake;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  const std::unique_ptr<Backend> kept;
  Store& store;
  Registry& registry;
  History& history;
  SecretLookup secrets, param_programs;
  const TopicStreams topics{registry, secrets, home.path("stream")};
  RegistryLaunchContext context;
  ClockTrust clock{kept->upkeep().clock_seen(), read_clock()};
  PlatformFacts facts{clock};
  http::CostFacts cost_facts{lake.at()};  // of the thread of `costs`
  CostWatch costs{[this](const auto& asked, const auto& stopping) {
    return cost_facts.read(history, asked, read_clock().wall, stopping);
  }};
  ReportFacts report{[this] { return ended_runs(); }};
  const SecretKey result_key;  // seals return values that hold secrets; io thread
  WorkerServer workers;
  Outbox outbox;
  const std::unique_ptr<LineageTeller> lineage;  // null: it is off; control thread
  const std::unique_ptr<TraceTeller> traces;     // likewise
  WaitChecker waits;
  Engine engine;
  Endpoint endpoint;
  BundleKeeper bundles;
  DagWiring dags;
  http::LoginCodes codes;
  const std::unique_ptr<http::SignOn> sign_on{sign_on_of(home.settings())};  // null: no provider
  http::Hub hub;
  http::EngineBackend backend;
  Offers offers;
  KeptWrite catalogue;
  LagWatch lags{[this](const std::string& id) { return topics.if_there(id); }};
  SettingsReloader reloader{home, engine, registry, [this](const Settings& s) { take_over(s); }};
  std::size_t moves = 0;  // of task instances since memory was given back; control thread
  std::mutex own_dags_mutex;
  std::mutex damage_mutex;
  std::string damage;                      // of the store, as housekeeping found it last
  std::function<void(Time)> keep_exports;  // set before housekeeping, whose thread calls it
  std::unique_ptr<Housekeeping> housekeeping;
  std::unique_ptr<http::Server> http_server;
  std::thread io_thread;
  std::atomic<bool> stopped{false};
};

}  // namespace batuta
