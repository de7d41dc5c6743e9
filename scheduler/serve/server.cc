#include "scheduler/serve/server.h"

#include <malloc.h>

#include <boost/asio/post.hpp>
#include <filesystem>
#include <set>
#include <system_error>

#include "scheduler/serve/alert_hooks.h"
#include "scheduler/serve/aws_secrets.h"
#include "scheduler/serve/first_user.h"
#include "scheduler/serve/job_config.h"
#include "scheduler/serve/server_impl.h"
#include "scheduler/serve/sql_look.h"
#include "scheduler/serve/start_fault.h"
#include "scheduler/serve/system_dags.h"
#include "scheduler/serve/vault_settings.h"
#include "scheduler/workers/unix_transport.h"

namespace batuta {

namespace {

constexpr std::size_t moves_worth_trimming = 5'000;

SecretLookup::Options lookups_of(const Settings& settings) {
  SecretLookup::Options out;
  out.vault = vault_of(settings);
  out.aws = aws_secrets_of(settings);
  return out;
}

// A run that is not told its params fails, so of many that start together each waits for its turn.
SecretLookup::Options lookups_of_params() {
  SecretLookup::Options out;
  out.waits_for_room = true;
  return out;
}

}  // namespace

Server::Impl::Impl(const Home& h, Options o, HomeLock held)
    : home(h),
      options(std::move(o)),
      lock(std::move(held)),
      lake(home, diverted()),
      kept(open_backend(home.store_url(), {home.path("secret.key"), dag_from_version_text,
                                           read_clock().wall, options.new_store})),
      store(kept->store()),
      registry(kept->registry()),
      history(kept->history()),
      secrets(home.settings().secret_sources(), lookups_of(home.settings())),
      param_programs(home.settings().param_sources(), lookups_of_params()),
      context(registry, home.path("lake"), key_of(home), home.folder(), lake.secrets()),
      result_key(key_of(home)),
      workers(io, make_unix_transport(io, home.path("run/worker.sock")), worker_options()),
      outbox(outbox_options(home, lake.at(), store.store_uuid(), diverted()), hooks_of_outbox()),
      lineage(lineage_teller(home, lake.at(), outbox, diverted())),
      traces(trace_teller(home, store.store_uuid(), outbox, diverted())),
      waits({}, look_hooks(),
            [this](WaitChecked answer) { return engine.post(std::move(answer)); }),
      engine(engine_options(), store, workers, context, engine_sinks()),
      endpoint(home, registry, engine),
      bundles(home.path("revisions"), home.settings().bundles,
              bundle_hooks(dags, engine, registry, secrets)),
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

SecretKey Server::Impl::key_of(const Home& home) {
  auto key = SecretKey::read(home.path("secret.key"));
  if (!key) throw StoreError(key.error().message, false);
  return *std::move(key);
}

WorkerServer::Options Server::Impl::worker_options() const {
  WorkerServer::Options worker_options;
  worker_options.run_folder = home.path("run");
  worker_options.store_uuid = store.store_uuid();
  worker_options.heartbeat = home.settings().heartbeat;
  worker_options.lease = home.settings().lease;
  worker_options.cancel_grace = home.settings().cancel_grace;
  return worker_options;
}

Outbox::Hooks Server::Impl::hooks_of_outbox() {
  Outbox::Hooks hooks = outbox_hooks(engine, store, history, registry, secrets, home.folder());
  if (options.divert_alerts) divert_alerts(hooks, options.divert_alerts);
  return hooks;
}

LookHooks Server::Impl::look_hooks() {
  LookHooks hooks;
  hooks.connection = [this](const std::string& id) { return registry.connection(id); };
  hooks.open = [this](Connection& to) { return secrets.open(to); };
  hooks.stream = [this](const std::string& id) { return topics.of_connection(id); };
  hooks.sql = sql_look(home, options.plugins_folder);
  return hooks;
}

Engine::Options Server::Impl::engine_options() const {
  Engine::Options engine_options;
  engine_options.scheduler.heartbeat = home.settings().heartbeat;
  engine_options.scheduler.lease = home.settings().lease;
  engine_options.scheduler.cancel_grace = home.settings().cancel_grace;
  return engine_options;
}

EngineSinks Server::Impl::engine_sinks() {
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
    malloc_trim(0);  // the state was read anew beside the one it replaced
  };
  return sinks;
}

void Server::Impl::give_back_memory() {
  if (moves < moves_worth_trimming) return;
  malloc_trim(0);
  moves = 0;
}

void Server::Impl::save_job_configs(const DagWiring::Dags& changed) {
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

void Server::Impl::on_catalogue(std::vector<PluginInfo> plugins) {
  context.set_catalogue(plugins);
  bundles.set_catalogue(plugins);
  dags.bag().set_catalogue(std::move(plugins));
  catalogue.ask();
}

Status Server::Impl::start() {
  if (auto status = first_admin(); !status) return status;
  std::set<std::string> agents;
  std::vector<std::pair<DagRow, std::shared_ptr<const Dag>>> known;
  engine.start([&](const StoredState& stored) {
    context.set_catalogue(stored.catalogue);
    dags.bag().set_catalogue(stored.catalogue);
    bundles.set_catalogue(stored.catalogue);
    context.set_secrets(secrets.finder());
    context.set_param_programs(param_programs.finder(), [this](const SecretReference& taken) {
      param_programs.forget(taken);
    });
    if (lineage || traces) {
      context.set_teller([this](SchedulerState& state, Changes& changes, const Now& now) {
        if (lineage) lineage->tell(state, changes, now);
        if (traces) traces->tell(state, changes, now);
      });
    }
    if (traces) context.set_traceparent(traceparent_of);
    context.set_platform_facts([this] { return facts.json(); });
    context.set_retention([this] { return facts.retention(); });
    context.set_report([this](const std::string& attempt) { return report.find(attempt); });
    set_own_dags();
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
  lags.start();
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
    gather_facts(false);
    if (keep_exports) keep_exports(read_clock().wall);
  };
  hooks.looked_at_store = [this](const std::string& found) {
    std::lock_guard guard(damage_mutex);
    damage = found;
  };
  housekeeping =
      std::make_unique<Housekeeping>(home, kept->upkeep(), engine, clock, std::move(hooks));
  return success();
}

void Server::Impl::gather_facts(bool at_once) {
  facts.refresh(history, *dags.bag().snapshot(), lags, costs, at_once);
}

void Server::Impl::take_over(const Settings& settings) {
  if (http_server) http_server->answer_for(settings.allowed_hosts, settings.trusted_proxies);
  set_own_dags();
}

void Server::Impl::set_own_dags() {
  const std::lock_guard lock(own_dags_mutex);
  std::error_code none;
  // A store is not asked: a start waits for none.
  const bool branches =
      !lake.at().is_folder() || std::filesystem::exists(lake.at().folder() + "/_branches", none);
  dags.bag().set_built_in(system_dags(*home.live(), branches));
}

Result<std::string> Server::Impl::ended_runs() const {
  const auto since = http::reported_until(lake.at());
  if (!since) return since.error();
  try {
    return http::ended_report(history, *since);
  } catch (const StoreError& error) {
    return {Errc::unavailable, error.what()};
  }
}

Status Server::Impl::first_admin() {
  return registry.users().empty() ? make_first_user(registry, home) : success();
}

void Server::Impl::on_user_changed(const std::string& user, bool other_password) {
  std::error_code ignored;
  if (other_password && user == first_user)
    std::filesystem::remove(home.path("admin.json"), ignored);
  if (!stopped) endpoint.renew_if_due();
}

void Server::Impl::stop() {
  if (stopped.exchange(true)) return;
  housekeeping.reset();
  endpoint.withdraw();
  if (http_server) http_server->stop();
  bundles.begin_stop();
  secrets.stop();  // a bundle's connection and those below wait for it
  bundles.stop();
  dags.stop();
  asio::post(io, [this] { workers.stop(); });
  param_programs.stop();
  if (sign_on) sign_on->stop();
  outbox.stop();
  waits.stop();
  engine.stop();
  work.reset();
  io.stop();
  if (io_thread.joinable()) io_thread.join();
  kept->end_reads();  // whoever still reads for an attempt or an answer is not waited for
  http_server.reset();
}

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
void Server::gather_facts() {
  impl_->gather_facts(true);
}
bool Server::stopping() const {
  return impl_->stopped;
}
bool Server::ready() const {
  return impl_->dags.ready();
}

}  // namespace batuta
