#include "scheduler/serve/server.h"

#include <malloc.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <thread>

#include "common/log.h"
#include "common/safe_json.h"
#include "common/version.h"
#include "scheduler/api/api.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/engine_backend.h"
#include "scheduler/http/server.h"
#include "scheduler/serve/alert_hooks.h"
#include "scheduler/serve/bundle_hooks.h"
#include "scheduler/serve/dag_wiring.h"
#include "scheduler/serve/endpoint.h"
#include "scheduler/serve/first_user.h"
#include "scheduler/serve/housekeeping.h"
#include "scheduler/serve/job_config.h"
#include "scheduler/serve/kept_write.h"
#include "scheduler/serve/lake_query.h"
#include "scheduler/serve/launch_context.h"
#include "scheduler/serve/login_settings.h"
#include "scheduler/serve/offers.h"
#include "scheduler/serve/outbox_wiring.h"
#include "scheduler/serve/platform_facts.h"
#include "scheduler/serve/secret_lookup.h"
#include "scheduler/serve/settings_reload.h"
#include "scheduler/serve/sql_look.h"
#include "scheduler/serve/start_fault.h"
#include "scheduler/serve/system_dags.h"
#include "scheduler/serve/topic_stream.h"
#include "scheduler/store/backend.h"
#include "scheduler/store/home_lock.h"
#include "scheduler/store/sealed_value.h"
#include "scheduler/waits/wait_checker.h"
#include "scheduler/workers/unix_transport.h"
#include "scheduler/workers/worker_server.h"

namespace batuta {

namespace asio = boost::asio;

namespace {

constexpr std::size_t moves_worth_trimming = 5'000;

}  // namespace

struct Server::Impl {
  Impl(const Home& h, Options o, HomeLock held)
      : home(h),
        options(std::move(o)),
        lock(std::move(held)),
        lake(home, diverted()),
        kept(open_backend(home.store_url(), {home.path("secret.key"), dag_from_version_text,
                                             read_clock().wall, options.new_store})),
        store(kept->store()),
        registry(kept->registry()),
        history(kept->history()),
        secrets(home.settings().secret_sources()),
        context(registry, home.path("lake"), key_of(home), home.folder(), lake.secrets()),
        result_key(key_of(home)),
        workers(io, make_unix_transport(io, home.path("run/worker.sock")), worker_options()),
        outbox(outbox_options(home, lake.at(), store.store_uuid(), diverted()), hooks_of_outbox()),
        lineage(lineage_teller(home, lake.at(), outbox, diverted())),
        waits({}, look_hooks(),
              [this](WaitChecked answer) { return engine.post(std::move(answer)); }),
        engine(engine_options(), store, workers, context, engine_sinks()),
        endpoint(home, registry, engine),
        bundles(home.path("revisions"), home.settings().bundles,
                bundle_hooks(dags, engine, registry)),
        dags(
            options.dags_folder, engine, [this](const auto& changed) { save_job_configs(changed); },
            home.settings().contracts, bundles.folders(), home.path("bundles")),
        hub(io, {}),
        backend(engine, dags.bag(), key_of(home)),
        offers([this](WorkerOffers told) { on_catalogue(std::move(told.plugins)); }),
        catalogue(engine, [this] {
          store.save_catalogue(offers.plugins());
          return success();
        }) {}

  // The registry has made it, if it was not there.
  static SecretKey key_of(const Home& home) {
    auto key = SecretKey::read(home.path("secret.key"));
    if (!key) throw StoreError(key.error().message, false);
    return *std::move(key);
  }

  // ---- wiring -----------------------------------------------------------------------------------

  WorkerServer::Options worker_options() const {
    WorkerServer::Options worker_options;
    worker_options.run_folder = home.path("run");
    worker_options.store_uuid = store.store_uuid();
    worker_options.heartbeat = home.settings().heartbeat;
    worker_options.lease = home.settings().lease;
    worker_options.cancel_grace = home.settings().cancel_grace;
    return worker_options;
  }

  Outbox::Hooks hooks_of_outbox() {
    Outbox::Hooks hooks = outbox_hooks(engine, store, history, registry, secrets, home.folder());
    if (options.divert_alerts) divert_alerts(hooks, options.divert_alerts);
    return hooks;
  }

  bool diverted() const { return static_cast<bool>(options.divert_alerts); }

  http::LineageFacts lineage_facts() const {
    const LineageStanding standing = outbox.lineage();
    http::LineageFacts told;
    told.on = lineage != nullptr;
    told.waiting = standing.waiting;
    told.sent = standing.sent;
    told.refused = standing.refused;
    told.lost = standing.dropped + (lineage ? lineage->lost() : 0);
    told.trouble = standing.trouble;
    told.since = standing.since;
    return told;
  }

  LookHooks look_hooks() {
    LookHooks hooks;
    hooks.connection = [this](const std::string& id) { return registry.connection(id); };
    hooks.open = [this](Connection& to) { return secrets.open(to); };
    hooks.stream = [this, open = hooks.open](const std::string& id) {
      return stream_of(id, registry, open, home.folder() + "/stream");
    };
    hooks.sql = sql_look(home, options.plugins_folder);
    return hooks;
  }

  Engine::Options engine_options() const {
    Engine::Options engine_options;
    engine_options.scheduler.heartbeat = home.settings().heartbeat;
    engine_options.scheduler.lease = home.settings().lease;
    engine_options.scheduler.cancel_grace = home.settings().cancel_grace;
    return engine_options;
  }

  EngineSinks engine_sinks() {
    EngineSinks sinks;
    sinks.feed_demand = [this] { return hub.demand(); };
    sinks.feed = [this](std::vector<FeedEvent> events) { hub.publish(std::move(events)); };
    sinks.committed = [this](const Changes& changes) {
      outbox.on_committed(changes);
      moves += changes.tasks_updated.size();
      if (!changes.pools.empty() || !changes.pools_deleted.empty()) dags.check_pools();
    };
    sinks.check = [this](CheckEffect effect) { waits.check(std::move(effect)); };
    sinks.idle = [this] { give_back_memory(); };
    sinks.store_available = [this](Unsent unsent) {
      // The turns that were lost may have held DAG changes and outbox results.
      dags.repost();
      catalogue.ask_if_missed();
      outbox.reload(std::move(unsent.outbox), std::move(unsent.publications));
    };
    return sinks;
  }

  // What a burst of runs has freed goes back to the system; after a few tasks there is nothing
  // worth the milliseconds. Control thread.
  void give_back_memory() {
    if (moves < moves_worth_trimming) return;
    malloc_trim(0);
    moves = 0;
  }

  // ---- DAGs and catalogue -----------------------------------------------------------------------

  // Whatever of these cannot be written now, because the inbox or the disk is full, is written when
  // all is told anew: job configurations with the DAGs, the catalogue each minute and after an
  // outage.
  void save_job_configs(const DagWiring::Dags& changed) {
    std::vector<JobConfigView> rows;
    const Time now = read_clock().wall;
    for (const auto& dag : changed) {
      for (auto& row : job_configs_of(*dag, lake.at().url(), now)) rows.push_back(std::move(row));
    }
    if (rows.empty()) return;
    engine.write(
        [this, rows = std::move(rows)] {
          store.save_job_configs(rows);
          return success();
        },
        [this](const Status& status) {
          if (!status) dags.missed();
        });
  }

  void on_catalogue(std::vector<PluginInfo> plugins) {
    context.set_catalogue(plugins);
    bundles.set_catalogue(plugins);
    dags.bag().set_catalogue(std::move(plugins));
    catalogue.ask();
  }

  // ---- start and stop ---------------------------------------------------------------------------

  Status start() {
    if (auto status = first_admin(); !status) return status;
    std::set<std::string> agents;
    std::vector<std::pair<DagRow, std::shared_ptr<const Dag>>> known;
    engine.start([&](const StoredState& stored) {
      context.set_catalogue(stored.catalogue);
      dags.bag().set_catalogue(stored.catalogue);
      bundles.set_catalogue(stored.catalogue);
      context.set_secrets(secrets.finder());
      if (lineage) {
        context.set_teller([this](SchedulerState& state, Changes& changes, const Now& now) {
          lineage->tell(state, changes, now);
        });
      }
      context.set_platform_facts([this] { return facts.json(); });
      dags.bag().set_built_in(system_dags(home.settings()));
      for (const StoredRun& run : stored.runs) {
        for (const InstanceHot& row : run.hot) {
          if (!row.worker.empty() && !is_terminal(row.state)) agents.insert(row.worker);
        }
      }
      outbox.reload(stored.outbox, stored.publications);
      known = stored.dags;
    });
    malloc_trim(0);  // what reading the store took beyond what is kept
    outbox.start();
    waits.start();
    dags.start(known);
    bundles.start();
    workers.set_offers_sink([this](WorkerId worker, std::optional<WorkerOffers> told) {
      offers.set(worker, std::move(told));
    });
    if (auto status = workers.start([this](std::vector<Event> events) {
          for (Event& event : events) {
            auto* ended = std::get_if<AttemptFinished>(&event);
            if (ended != nullptr) seal_result(result_key, ended->report);
          }
          return engine.post(std::move(events));
        });
        !status) {
      return status;
    }
    workers.check_agents({agents.begin(), agents.end()});
    if (auto status = serve(); !status) return status;
    if (auto status = endpoint.publish(url()); !status) return status;
    Housekeeping::Hooks hooks;
    hooks.each_minute = [this] {
      endpoint.renew_if_due();
      catalogue.ask_if_missed();
      facts.refresh(history, *dags.bag().snapshot());
      if (keep_exports) keep_exports(read_clock().wall);
    };
    hooks.looked_at_store = [this](const std::string& found) {
      std::lock_guard guard(damage_mutex);
      damage = found;
    };
    housekeeping = std::make_unique<Housekeeping>(home, kept->upkeep(), engine, std::move(hooks));
    return success();
  }

  Status serve() {
    http::ApiServices services{.backend = backend,
                               .history = history,
                               .registry = registry,
                               .codes = codes,
                               .hub = hub,
                               .home = home.folder(),
                               .version = version};
    services.ready = [this] { return dags.ready(); };
    services.damage = [this] {
      std::lock_guard guard(damage_mutex);
      return damage;
    };
    services.plugin_faults = [this] { return offers.faults(); };
    services.fetch_file = [this](const std::string& agent_id, const std::string& path,
                                 std::int64_t offset, std::int64_t size) {
      return workers.fetch_file(agent_id, path, offset, size);
    };
    services.drain_worker = [this](const std::string& agent_id, bool on) {
      return workers.drain(agent_id, on);
    };
    services.backup = [this](const std::string& path) { return kept->upkeep().backup(path); };
    services.user_changed = [this](const std::string& user, bool other_password) {
      on_user_changed(user, other_password);
    };
    services.outbox_retry = [this](std::int64_t id, std::function<void(Status)> done) {
      retry_outbox(id, std::move(done));
    };
    services.outbox_drop = [this](std::int64_t id, std::function<void(Status)> done) {
      engine.write(
          [this, id] {
            auto status = store.drop_outbox(id);
            if (status) outbox.drop(id);
            return status;
          },
          std::move(done));
    };
    services.lineage = [this] { return lineage_facts(); };
    services.read_dags = [this](bool now) { now ? dags.repost() : dags.missed(); };
    services.settings = [this] { return shown_settings(*home.live()); };
    services.reload_settings = [this](const std::string& owner) { return reloader.reload(owner); };
    services.lake = lake.at();
    services.lake_query = lake_query(home, options.plugins_folder, lake);
    services.monitor_query = lake_query(home, options.plugins_folder, lake, "lake_monitors");
    const Settings& set = home.settings();
    services.sign_on = sign_on.get();
    services.local_login = set.auth_local_login;
    services.base_url = set.base_url;
    services.sql = {set.lake_sql_slots, set.lake_sql_rows, set.lake_sql_bytes};
    services.find_asset = http::find_asset;
    services.keep_house = [this](auto job) { keep_exports = std::move(job); };
    services.bundles = &bundles;
    services.secrets = &secrets;
    http::Limits limits;
    for (const auto& host : set.allowed_hosts) limits.guard.hosts.push_back(host);
    limits.trusted_proxies = home.settings().trusted_proxies;
    try {
      http_server = std::make_unique<http::Server>(
          io, options.host, static_cast<std::uint16_t>(options.port), limits,
          http::make_api(io, std::move(services)),
          [this](const http::Request& head) { return user_of(head); });
    } catch (const std::system_error& error) {
      return {Errc::unavailable,
              "cannot listen on " + options.host + ":" + std::to_string(options.port) + ": " +
                  error.what() +
                  " (--port N takes another port, 0 a free one; --host an IP address "
                  "of this machine)"};
    }
    io_thread = std::thread([this] { io.run(); });
    return success();
  }

  std::string user_of(const http::Request& head) const {
    const auto known = http::known_identity(head, registry, read_clock().wall);
    return known ? known->user : "";
  }

  void take_over(const Settings& settings) {
    if (http_server) http_server->answer_for(settings.allowed_hosts, settings.trusted_proxies);
    dags.bag().set_built_in(system_dags(settings));
  }

  void retry_outbox(std::int64_t id, std::function<void(Status)> done) {
    engine.write(
        [this, id]() -> Status {
          const auto row = store.retry_outbox(id, read_clock().wall);
          if (!row) return {Errc::not_found, "no outbox row " + std::to_string(id)};
          outbox.retry(*row);
          return success();
        },
        std::move(done));
  }

  // Before anything is served: no default account, no open door.
  Status first_admin() {
    return registry.users().empty() ? make_first_user(registry, home) : success();
  }

  // A user's tokens may have ended, the command line's among them; and a password that is no longer
  // so must not lie about.
  void on_user_changed(const std::string& user, bool other_password) {
    std::error_code ignored;
    if (other_password && user == first_user)
      std::filesystem::remove(home.path("admin.json"), ignored);
    if (!stopped) endpoint.renew_if_due();
  }

  void stop() {
    if (stopped.exchange(true)) return;
    housekeeping.reset();
    endpoint.withdraw();
    if (http_server) http_server->stop();
    bundles.stop();
    dags.stop();
    asio::post(io, [this] { workers.stop(); });
    secrets.stop();  // those below wait for it
    if (sign_on) sign_on->stop();
    outbox.stop();
    waits.stop();
    engine.stop();
    work.reset();
    io.stop();
    if (io_thread.joinable()) io_thread.join();
    http_server.reset();
  }

  std::string url() const {
    return "http://" + reachable_host(options.host) + ":" + std::to_string(http_server->port());
  }

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
  SecretLookup secrets;
  RegistryLaunchContext context;
  PlatformFacts facts;
  const SecretKey result_key;  // seals return values that hold secrets; io thread
  WorkerServer workers;
  Outbox outbox;
  const std::unique_ptr<LineageTeller> lineage;  // null: it is off; control thread
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
  SettingsReloader reloader{home, engine, registry, [this](const Settings& s) { take_over(s); }};
  std::size_t moves = 0;  // of task instances since memory was given back; control thread
  std::mutex damage_mutex;
  std::string damage;                      // of the store, as housekeeping found it last
  std::function<void(Time)> keep_exports;  // set before housekeeping, whose thread calls it
  std::unique_ptr<Housekeeping> housekeeping;
  std::unique_ptr<http::Server> http_server;
  std::thread io_thread;
  std::atomic<bool> stopped{false};
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::start(const Home& home, const Options& options) {
  auto lock = HomeLock::acquire(home.folder());
  if (!lock) {
    Error error = lock.error();
    if (error.code == Errc::conflict) error.where = where_of(StoreFault::in_use);
    return error;
  }
  try {
    auto server = std::unique_ptr<Server>(
        new Server(std::make_unique<Impl>(home, options, std::move(*lock))));
    if (auto status = server->impl_->start(); !status) return status.error();
    return server;
  } catch (const StoreError& error) {
    return {Errc::unavailable, error.what(), where_of(error.fault())};
  }
}

void Server::stop() {
  impl_->stop();
}
void Server::hold_back() {
  impl_->workers.hold_back();
}
int Server::port() const {
  return impl_->http_server->port();
}
std::string Server::url() const {
  return impl_->url();
}
std::string Server::make_login_code() {
  return impl_->codes.issue(an_admin(impl_->registry), read_clock().wall);
}
Result<SettingsReload> Server::reload_settings(const std::string& owner) {
  return impl_->reloader.reload(owner);
}
void Server::request(RunRequested event, std::function<void(Reply)> done) {
  impl_->backend.request(std::move(event), std::move(done));
}
Engine& Server::engine() {
  return impl_->engine;
}
Registry& Server::registry() {
  return impl_->registry;
}
History& Server::history() {
  return impl_->history;
}
bool Server::stopping() const {
  return impl_->stopped;
}
bool Server::ready() const {
  return impl_->dags.ready();
}

}  // namespace batuta
