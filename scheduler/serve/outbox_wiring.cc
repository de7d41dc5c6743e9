#include "scheduler/serve/outbox_wiring.h"

#include <exception>
#include <optional>
#include <utility>

#include "scheduler/serve/alert_hooks.h"
#include "scheduler/serve/event_settings.h"

namespace batuta {
namespace {

EventBacklog backlog_of(const EventStanding& standing) {
  return {standing.waiting, standing.waiting_bytes};
}

}  // namespace

Outbox::Options outbox_options(const Home& home, const stores::Lake& lake,
                               const std::string& store_uuid, bool diverted) {
  Outbox::Options options{lake, store_uuid};
  options.base_url = home.settings().base_url;
  if (diverted) {
    options.alert_spacing = Duration::zero();
  } else {
    options.lineage = lineage_transport(home.settings());
    options.traces = trace_transport(home.settings());
  }
  return options;
}

Outbox::Hooks outbox_hooks(Engine& engine, Store& store, History& history, Registry& registry,
                           SecretLookup& secrets, const std::string& home) {
  Outbox::Hooks hooks;
  hooks.post = [&engine](Event event) { return engine.post(std::move(event)); };
  hooks.delete_rows = [&engine, &store](const std::vector<std::int64_t>& ids) {
    const Status done = engine.write_and_wait([&store, ids] {
      store.finish_outbox(ids);
      return success();
    });
    return done.ok();
  };
  hooks.save_row = [&engine, &store](const OutboxRow& row) {
    const Status done = engine.write_and_wait([&store, row] {
      store.update_outbox(row);
      return success();
    });
    return done.ok();
  };
  hooks.kept_dead = [&history](OutboxKind kind) -> std::optional<std::int64_t> {
    try {
      const OutboxCounts counts = history.outbox_counts();
      return kind == OutboxKind::trace ? counts.trace_dead : counts.lineage_dead;
    } catch (const std::exception&) {
      return std::nullopt;
    }
  };
  hooks.connection = [&registry](const std::string& id) { return registry.connection(id); };
  hooks.open = [&secrets](Connection& to) { return secrets.open(to); };
  hooks.log_tail = [home](const std::string& log) { return log_tail(home, log); };
  return hooks;
}

std::unique_ptr<LineageTeller> lineage_teller(const Home& home, const stores::Lake& lake,
                                              const Outbox& outbox, bool diverted) {
  const Settings& settings = home.settings();
  if (diverted || !lineage_transport(settings).on()) return nullptr;
  LineageNames names;
  names.jobs = settings.lineage_namespace;
  names.tables = lineage_namespace_of(lake.url());
  names.base_url = settings.base_url;
  return std::make_unique<LineageTeller>(std::move(names),
                                         [&outbox] { return backlog_of(outbox.lineage()); });
}

std::unique_ptr<TraceTeller> trace_teller(const Home& home, const std::string& store_uuid,
                                          const Outbox& outbox, bool diverted) {
  const Settings& settings = home.settings();
  if (diverted || !trace_transport(settings).on()) return nullptr;
  return std::make_unique<TraceTeller>(
      TraceNames{settings.traces_service, store_uuid, settings.base_url},
      [&outbox] { return backlog_of(outbox.traces()); });
}

}  // namespace batuta
