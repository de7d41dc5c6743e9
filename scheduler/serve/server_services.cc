#include <nlohmann/json.hpp>
#include <system_error>

#include "common/version.h"
#include "scheduler/serve/server_impl.h"
#include "scheduler/serve/sql_look.h"
#include "scheduler/waits/trial.h"

namespace batuta {

namespace {

http::EventFacts facts_of(const EventStanding& standing, bool on, std::uint64_t lost) {
  http::EventFacts told;
  told.on = on;
  told.waiting = standing.waiting;
  told.sent = standing.sent;
  told.refused = standing.refused;
  told.lost = standing.dropped + lost;
  told.trouble = standing.trouble;
  told.since = standing.since;
  return told;
}

}  // namespace

http::EventFacts Server::Impl::lineage_facts() const {
  return facts_of(outbox.lineage(), lineage != nullptr, lineage ? lineage->lost() : 0);
}
http::EventFacts Server::Impl::trace_facts() const {
  return facts_of(outbox.traces(), traces != nullptr, traces ? traces->lost() : 0);
}

void Server::Impl::retry_outbox(std::int64_t id, std::function<void(Status)> done) {
  engine.write(
      [this, id]() -> Status {
        const auto row = store.retry_outbox(id, read_clock().wall);
        if (!row) return {Errc::not_found, "no outbox row " + std::to_string(id)};
        outbox.retry(*row);
        return success();
      },
      std::move(done));
}

http::ApiServices Server::Impl::services() {
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
  services.stream_lags = [this] { return lags.told(); };
  services.traces = [this] { return trace_facts(); };
  services.read_dags = [this](bool now) { now ? dags.repost() : dags.missed(); };
  services.settings = [this] { return shown_settings(*home.live()); };
  services.reload_settings = [this](const std::string& owner) { return reloader.reload(owner); };
  services.lake = lake.at();
  services.branch_made = [this] { set_own_dags(); };
  services.lake_query = lake_query(home, options.plugins_folder, lake);
  services.topics = [this](const auto& source) { return topics.of_source(source); };
  const auto without_progress = [this](const char* plugin) {
    return [ask = lake_query(home, options.plugins_folder, lake, plugin)](
               const auto& params, const auto& stop) { return ask(params, stop, {}); };
  };
  services.erase_query = without_progress("lake_erase");
  services.upkeep_query = without_progress("lake_maintenance");
  services.monitor_query = without_progress("lake_monitors");
  const Settings& set = home.settings();
  services.sign_on = sign_on.get();
  services.local_login = set.auth_local_login;
  services.base_url = set.base_url;
  services.sql = {set.lake_sql_slots, set.lake_sql_rows, set.lake_sql_bytes};
  services.find_asset = http::find_asset;
  services.keep_house = [this](auto job) { keep_exports = std::move(job); };
  services.bundles = &bundles;
  services.secrets = &secrets;
  services.try_connection = [sql = sql_look(home, options.plugins_folder)](
                                const Connection& connection, const std::vector<std::string>& more,
                                const std::function<bool()>& stop) {
    TrialHooks hooks;
    hooks.sql = sql;
    hooks.broker = TopicStreams::of_broker;
    hooks.cancelled = stop;
    return try_connection(connection, more, hooks);
  };
  return services;
}

std::string Server::Impl::user_of(const http::Request& head) const {
  const auto known = http::known_identity(head, registry, read_clock().wall);
  return known ? known->user : "";
}

Status Server::Impl::serve() {
  http::Limits limits;
  for (const auto& host : home.settings().allowed_hosts) limits.guard.hosts.push_back(host);
  limits.trusted_proxies = home.settings().trusted_proxies;
  try {
    http_server =
        std::make_unique<http::Server>(io, options.host, static_cast<std::uint16_t>(options.port),
                                       limits, http::make_api(io, services()),
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

std::string Server::Impl::url() const {
  return "http://" + reachable_host(options.host) + ":" + std::to_string(http_server->port());
}

}  // namespace batuta
