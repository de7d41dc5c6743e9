#include "scheduler/api/engine_backend.h"

#include "scheduler/dagfile/run_conf.h"
#include "scheduler/store/sealed_conf.h"

namespace batuta::http {

namespace {
Error not_running() {
  return {Errc::unavailable, "the scheduler is too busy or stopping", {}};
}

std::vector<std::string> passwords_of(const DagBag& bag, const std::string& dag_id) {
  const auto dags = bag.snapshot();
  const auto dag = dags->dags.find(dag_id);
  return dag == dags->dags.end() ? std::vector<std::string>{} : password_params(*dag->second);
}
}  // namespace

void EngineBackend::request(Event event, std::function<void(Reply)> done) {
  if (auto* run = std::get_if<RunRequested>(&event)) {
    auto secret = passwords_of(bag_, run->dag_id);
    secret.emplace_back(quarantine_values_member);
    seal_request(key_, secret, *run);
  } else if (auto* asked = std::get_if<BackfillRequested>(&event)) {
    BackfillRow& row = asked->backfill;
    if (row.conf_json) {
      seal_conf(key_, row.dag_id, passwords_of(bag_, row.dag_id), *row.conf_json);
    }
  }
  engine_.request(std::move(event), std::move(done));
}

void EngineBackend::write(std::function<Status()> write, std::function<void(Status)> done) {
  engine_.write(std::move(write), std::move(done));
}

void EngineBackend::live(std::function<void(Result<LiveView>)> done) {
  const bool asked = engine_.query([done](const SchedulerState& state, const Now&) {
    done(LiveView{state.pool_views(), state.worker_views(), state.known_plugins()});
  });
  if (!asked) done(not_running());
}

void EngineBackend::explain(const InstanceKey& instance,
                            std::function<void(Result<std::vector<Reason>>)> done) {
  const bool asked = engine_.query([instance, done](const SchedulerState& state, const Now& now) {
    done(batuta::explain(state, instance, now));
  });
  if (!asked) done(not_running());
}

EngineMetrics EngineBackend::metrics() const {
  return engine_.metrics();
}

std::string EngineBackend::trouble() const {
  return engine_.trouble();
}

std::shared_ptr<const DagBagSnapshot> EngineBackend::dags() const {
  return bag_.snapshot();
}

}  // namespace batuta::http
