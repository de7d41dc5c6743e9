// Renders launches and alerts: templates, the attempt's frame of reference, its secrets.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/dagfile/template.h"
#include "scheduler/engine/render.h"
#include "scheduler/serve/mapped_cache.h"
#include "scheduler/serve/params_cache.h"
#include "scheduler/serve/result_cache.h"
#include "scheduler/serve/upstream_results.h"
#include "scheduler/store/crypto.h"
#include "scheduler/store/registry.h"
#include "scheduler/store/secret_reference.h"

namespace batuta {

class RegistryLaunchContext : public LaunchContext {
 public:
  // `registry` must outlive this. `lake_folder` is absolute.
  // `key` opens return values that hold secrets. Below `home` (absolute; empty: none) are those
  // that are files. `lake_store`: what opens the lake's object store, for the slots of plugins that
  // use it; empty: it is a folder.
  RegistryLaunchContext(const Registry& registry, std::string lake_folder, SecretKey key,
                        std::string home = {}, std::vector<Secret> lake_store = {})
      : registry_(registry),
        lake_folder_(std::move(lake_folder)),
        key_(std::move(key)),
        home_(std::move(home)),
        lake_store_(std::move(lake_store)) {}

  // What lake_monitors is told of attempts; a JSON object, or empty. Asked on the control thread.
  // Before the first launch.
  void set_platform_facts(std::function<std::string()> facts) { facts_ = std::move(facts); }
  // What lake_maintenance is told of contracts; a JSON list, or empty. As above.
  void set_retention(std::function<std::string()> told) { retention_ = std::move(told); }
  // What lake_report is told of runs, for the attempt of this name; nullopt: it is being read, and
  // the launch is held. Asked on the control thread. Before the first launch.
  using Report = std::function<std::optional<Result<std::string>>(const std::string& attempt)>;
  void set_report(Report report) { report_ = std::move(report); }
  // Gives what references to secrets refer to; without, there is no such thing. Asked on the
  // control thread, which it must not block. Before the first launch.
  void set_secrets(FindSecret find) { find_secret_ = std::move(find); }
  // The same of programs that defaults of params are asked from. `forget` is told what has been
  // taken, of which nobody asks again.
  void set_param_programs(FindSecret find,
                          std::function<void(const SecretReference&)> forget = {}) {
    find_param_ = std::move(find);
    forget_param_ = std::move(forget);
  }
  // Is shown every turn before its commit. Before the first launch.
  void set_teller(std::function<void(SchedulerState&, Changes&, const Now&)> tell) {
    tell_ = std::move(tell);
  }
  // Of a try, by run, task, map index and number: where its programs' spans belong. Without, they
  // are told nothing. Before the first launch.
  using Traceparent = std::string (*)(const Uuid&, const std::string&, MapIndex, std::int32_t);
  void set_traceparent(Traceparent of) { traceparent_ = of; }
  // What the plugins offer: connection parameters and their defaults come from it. Any thread.
  void set_catalogue(const std::vector<PluginInfo>& catalogue);

  const std::vector<XcomName>& xcoms_of(const Dag& dag, TaskIndex task) override;
  bool asks_for_previous(const Dag& dag, TaskIndex task) override;
  std::vector<XcomName> xcoms_of_alert(const Dag& dag, const std::string& notifier_json) override;
  // launch_secrets.cc
  bool looking_up() const override { return looking_up_; }
  Result<Expansion> expand(const Attempt& attempt) override;
  Result<Gate> gate(const Attempt& attempt) override;
  Status render_launch(const Attempt& attempt, Launch& out, std::string& rendered) override;
  Result<Resolution> resolve(const Attempt& attempt, const DagFinder& newest, Time now) override;
  // launch_waits.cc
  Result<WaitRow> deferral(const Attempt& attempt, const std::string& wait_json, Time now) override;
  // launch_gate.cc
  Result<RunKeys> run_keys(const Attempt& attempt, const Dag& limits) override;
  bool fits_loop(const Task& task, const Finished& report) override;
  void met_broker_errors(const std::string& list_json) override;
  void results_edited(RunSeq run) override { mapped_.forget(run); }
  OutboxRow render_alert(const Attempt& attempt, const AlertEffect& alert, Time now) override;
  // The alerts whose templates failed since the last call are events, too (launch_alert.cc).
  void tell(SchedulerState& state, Changes& changes, const Now& now) override;

 private:
  // The four above, whatever the secrets that they meet: launch_mapping.cc, launch_gate.cc,
  // launch_context.cc, launch_waits.cc.
  Result<Expansion> read_expansion(const Attempt& attempt);
  Result<Gate> read_gate(const Attempt& attempt);
  // The run's conf with the values that programs were asked for; nullopt: none is missing, or
  // (looking_up_) is known yet. An error names the param.
  Result<std::optional<std::string>> fill_params(const Attempt& attempt);
  Status fill_launch(const Attempt& attempt, Launch& out, std::string& rendered);
  Result<Resolution> read_resolution(const Attempt& attempt, const DagFinder& newest, Time now);
  // A variable for a task, or for people without `hidden`.
  std::optional<std::string> variable(std::string_view key, std::vector<std::string>* hidden);
  void begin_secrets();
  std::optional<Result<std::string>> find_secret(const SecretReference& reference) const;
  Result<std::optional<std::string>> run_key(const Attempt& attempt, const RunLimit& limit,
                                             const char* which);
  // The parameters as the plugin gets them; `rendered` is what people may see of them.
  Result<std::string> render_params(const Attempt& attempt, Launch& out, std::string& rendered);
  Result<std::string> context_json(const Attempt& attempt, std::vector<std::string>& hidden);
  UpstreamResults results() { return {key_, home_, large_}; }
  bool names_results(const Dag& dag, TaskIndex task);
  bool reads_upstream(const Dag& dag, TaskIndex task);
  // `params` outlives the scope.
  TemplateScope scope_of(const Attempt& attempt, const RunParams& params,
                         std::vector<std::string>* hidden);
  void note_mishap(EventLogRow row);
  Status add_secrets(const Attempt& attempt, Launch& out);
  Status add_secret(const std::string& connection, Launch& out);
  bool uses_lake(const Attempt& attempt, const Launch& out) const;
  // What the attempt's task is mapped over, as it is now (launch_mapping.cc).
  Result<MappedCache::Kept> mapped_over(const Attempt& attempt);
  Result<MappedCache::Kept> read_mapping(const Attempt& attempt, std::size_t& bytes);
  bool still_true(const Attempt& attempt, const MappedOver& kept) const;
  // What a task's definition says, read once per DAG version.
  struct TaskParts {
    std::string plain_params;                     // of a task without templates
    std::optional<ParsedSpec> spec;               // of one with
    std::optional<ParsedSpec> mapped_over, name;  // of a mapped one
    std::optional<ParsedSpec> run_if;             // of one that has it
    std::optional<std::vector<XcomName>> xcoms;
    std::optional<bool> names_results;
  };
  TaskParts& parts_of(const Dag& dag, TaskIndex task);
  const std::string& plain_params(const Attempt& attempt);
  Result<ParsedSpec> parsed_spec(const Dag& dag, TaskIndex task);
  // conf over the defaults of the DAG's params: a run's attempts share them.
  ParamsCache::Params params_of(const Attempt& attempt);
  // For whatever acts on them: an error when a password cannot be opened, as its box is no value.
  Result<ParamsCache::Params> opened_params(const Attempt& attempt);

  const Registry& registry_;
  const std::string lake_folder_;
  const SecretKey key_;
  const std::string home_;
  const std::vector<Secret> lake_store_;
  std::function<std::string()> facts_, retention_;
  Report report_;
  Traceparent traceparent_ = nullptr;
  FindSecret find_secret_, find_param_;
  std::function<void(const SecretReference&)> forget_param_;
  std::function<void(SchedulerState&, Changes&, const Now&)> tell_;
  // Control thread.
  bool looking_up_ = false;            // the last call met a secret that is being looked up
  std::optional<Error> secret_fault_;  // why it met one that there is not
  std::map<std::string, std::vector<TaskParts>, std::less<>> parts_;  // by version
  ParamsCache params_;
  MappedCache mapped_;
  ResultCache large_;
  std::vector<EventLogRow> alert_mishaps_;  // of render_alert, for the next tell

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, PluginInfo, std::less<>> catalogue_;
};

}  // namespace batuta
