#include "scheduler/api/metrics.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace batuta::http {
namespace {

std::string escaped(std::string_view label) {
  std::string out;
  for (const char c : label) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

class Page {
 public:
  void head(std::string_view name, std::string_view type, std::string_view help) {
    families_.push_back({std::string(name), std::string(type), std::string(help), {}});
  }
  // Of the family that was begun last.
  void sample(std::string_view name, MetricLabels labels, double value) {
    families_.back().samples.push_back({std::string(name), std::move(labels), value});
  }
  void one(std::string_view name, std::string_view type, std::string_view help, double value) {
    head(name, type, help);
    sample(name, {}, value);
  }
  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

void counters(Page& page, const EngineMetrics& m, const Sight& sight) {
  const auto n = [](std::uint64_t value) { return static_cast<double>(value); };
  page.one("airflow_scheduler_heartbeat", "counter", "Turns of the scheduler's loop", n(m.turns));
  page.one("airflow_ti_start", "counter", "Attempts launched", n(m.launches));
  page.one("airflow_ti_finish", "counter", "Attempts ended in any way, recalled launches included",
           n(m.finished));
  page.one("airflow_ti_successes", "counter", "Attempts that succeeded", n(m.succeeded));
  page.one("airflow_ti_failures", "counter",
           "Attempts that failed, those that are tried again included", n(m.failed));
  page.one("airflow_task_instances_without_heartbeats_killed", "counter",
           "Attempts lost with their worker", n(m.losses));
  page.head("batuta_ticks_skipped_total", "counter", "Ticks that no run was made for");
  for (const auto& [of, count] : m.skipped_by) {
    if (!sight.sees(of.first)) continue;
    page.sample("batuta_ticks_skipped_total", {{"dag_id", of.first}, {"reason", of.second}},
                n(count));
  }
  page.head("batuta_deadlines_missed_total", "counter", "Runs that missed a deadline");
  for (const auto& [dag, count] : m.deadlines_missed) {
    if (!sight.sees(dag)) continue;
    page.sample("batuta_deadlines_missed_total", {{"dag_id", dag}}, n(count));
  }
  page.one("batuta_backfill_ticks", "counter", "Ticks of backfills that are handled",
           n(m.backfill_ticks));
  page.one("batuta_events", "counter", "Events taken by the scheduler", n(m.events));
  page.one("batuta_stale_reports", "counter", "Reports of attempts that were not current",
           n(m.stale_reports));
  page.one("batuta_commits", "counter", "Transactions committed", n(m.commits));
  page.one("batuta_commit_failures", "counter", "Transactions that failed", n(m.commit_failures));
}

// A summary without quantiles: sums and counts add up over time and DAGs.
void timing(Page& page, const std::string& name, const MetricLabels& labels, const Timing& timing) {
  page.sample(name + "_sum", labels, seconds(timing.sum));
  page.sample(name + "_count", labels, static_cast<double>(timing.count));
}

void tallies(Page& page, const Tallies& all, const Sight& sight) {
  const auto of_dag = [&](const std::string& name, std::string_view help, auto field) {
    page.head(name, "summary", help);
    for (const auto& [dag, tally] : all.by_dag()) {
      if (!sight.sees(dag) || (tally.*field).count == 0) continue;
      timing(page, name, {{"dag_id", dag}}, tally.*field);
    }
  };
  of_dag("airflow_dagrun_duration_success", "Seconds of runs that succeeded", &DagTally::succeeded);
  of_dag("airflow_dagrun_duration_failed", "Seconds of runs that failed", &DagTally::failed);
  of_dag("airflow_dagrun_schedule_delay", "Seconds that scheduled runs began after they were due",
         &DagTally::delay);
  const auto count_of_dag = [&](const std::string& name, std::string_view help,
                                std::uint64_t DagTally::*field) {
    page.head(name, "counter", help);
    for (const auto& [dag, tally] : all.by_dag()) {
      if (!sight.sees(dag) || tally.*field == 0) continue;
      page.sample(name, {{"dag_id", dag}}, static_cast<double>(tally.*field));
    }
  };
  count_of_dag("airflow_asset_updates", "Events of assets, by the DAG whose tasks made them",
               &DagTally::asset_events);
  count_of_dag("airflow_asset_triggered_dagruns", "Runs that assets started",
               &DagTally::asset_runs);
  page.one("batuta_asset_events_told", "counter", "Events of assets that people told",
           static_cast<double>(all.told_asset_events()));
  const auto of_task = [&](auto tell) {
    for (const auto& [dag, tally] : all.by_dag()) {
      if (!sight.sees(dag)) continue;
      for (const auto& [task, told] : tally.tasks) {
        tell(MetricLabels{{"dag_id", dag}, {"task_id", task}}, told);
      }
    }
  };
  const auto times = [&](const std::string& name, std::string_view help, Timing TaskTally::*field) {
    page.head(name, "summary", help);
    of_task([&](const MetricLabels& labels, const TaskTally& told) {
      if ((told.*field).count > 0) timing(page, name, labels, told.*field);
    });
  };
  times("airflow_task_duration", "Seconds of attempts, from start to end", &TaskTally::ran);
  times("airflow_task_queued_duration", "Seconds that attempts waited in their worker to start",
        &TaskTally::queued);
  page.head("batuta_task_attempts_total", "counter",
            "Attempts ended, by what became of the task instance");
  of_task([&](const MetricLabels& labels, const TaskTally& told) {
    for (const auto& [state, count] : told.ended) {
      const std::string_view name = state == TaskState::none ? "none" : to_string(state);
      MetricLabels of = labels;
      of.emplace_back("state", name);
      page.sample("batuta_task_attempts_total", std::move(of), static_cast<double>(count));
    }
  });
}

void gauges(Page& page, const EngineMetrics& m, const DagBagSnapshot& bag) {
  const auto n = [](std::uint64_t value) { return static_cast<double>(value); };
  page.one("airflow_dagbag_size", "gauge", "DAGs known", n(bag.dags.size()));
  page.one("airflow_dag_processing_import_errors", "gauge", "Files with errors",
           n(bag.import_errors.size()));
  page.one("airflow_scheduler_dagruns_running", "gauge", "Runs that have not ended",
           n(m.runs_active));
  page.one("airflow_executor_open_slots", "gauge", "Slots without an attempt",
           n(m.slots - std::min(m.slots, m.tasks_running)));
  page.one("airflow_executor_queued_tasks", "gauge", "Attempts launched, not started",
           n(m.tasks_queued));
  page.one("airflow_executor_running_tasks", "gauge", "Attempts running", n(m.tasks_running));
  page.one("batuta_workers", "gauge", "Agents connected", n(m.workers));
  page.one("batuta_slots", "gauge", "Slots of all agents", n(m.slots));
  page.one("batuta_backfills", "gauge", "Backfills that are not done", n(m.backfills));
  page.one("batuta_inbox_depth", "gauge", "Events waiting for the scheduler", n(m.inbox_depth));
}

void timers(Page& page, const EngineMetrics& m) {
  page.head("airflow_scheduler_scheduler_loop_duration", "gauge", "Seconds per turn, by quantile");
  page.sample("airflow_scheduler_scheduler_loop_duration", {{"quantile", "0.5"}},
              seconds(m.turn_p50));
  page.sample("airflow_scheduler_scheduler_loop_duration", {{"quantile", "0.99"}},
              seconds(m.turn_p99));
  page.head("batuta_commit_duration", "gauge", "Seconds per commit, by quantile");
  page.sample("batuta_commit_duration", {{"quantile", "0.5"}}, seconds(m.commit_p50));
  page.sample("batuta_commit_duration", {{"quantile", "0.99"}}, seconds(m.commit_p99));
}

void pools(Page& page, const std::vector<PoolView>& all) {
  const auto family = [&](std::string_view name, std::string_view help,
                          std::int64_t PoolView::*field) {
    page.head(name, "gauge", help);
    for (const auto& pool : all) {
      page.sample(name, {{"pool_name", pool.row.name}}, static_cast<double>(pool.*field));
    }
  };
  family("airflow_pool_open_slots", "Slots free; -1 without a limit", &PoolView::open_slots);
  family("airflow_pool_queued_slots", "Slots of attempts launched, not started",
         &PoolView::queued_slots);
  family("airflow_pool_running_slots", "Slots of running attempts", &PoolView::running_slots);
  family("airflow_pool_scheduled_slots", "Slots asked for by waiting task instances",
         &PoolView::scheduled_slots);
}

// By host and process, for two agents may share a host.
void workers(Page& page, const std::vector<WorkerView>& all, Time now) {
  const auto family = [&](std::string_view name, std::string_view help, auto value) {
    page.head(name, "gauge", help);
    for (const WorkerView& worker : all) {
      page.sample(name, {{"hostname", worker.hostname}, {"pid", std::to_string(worker.pid)}},
                  value(worker));
    }
  };
  family("batuta_worker_connected", "1 while its connection stands",
         [](const WorkerView& w) { return w.connection != 0 ? 1.0 : 0.0; });
  family("batuta_worker_drained", "1 while it takes nothing new: it was drained, or leaves",
         [](const WorkerView& w) { return w.drained ? 1.0 : 0.0; });
  family("batuta_worker_slots", "Its slots",
         [](const WorkerView& w) { return static_cast<double>(w.slots); });
  family("batuta_worker_running_attempts", "Attempts that it runs",
         [](const WorkerView& w) { return static_cast<double>(w.started); });
  family("batuta_worker_silent_seconds", "Since it last showed that it lives",
         [now](const WorkerView& w) { return std::max(0.0, seconds(now - w.last_seen)); });
}

// "batuta_lineage_waiting" and its like.
void events(Page& page, const std::string& kind, const std::string& what, const EventFacts& facts) {
  const auto one = [&](const char* name, const char* type, const std::string& help, auto value) {
    page.one("batuta_" + kind + name, type, help, static_cast<double>(value));
  };
  one("_waiting", "gauge", what + " on their way", facts.waiting);
  one("_held", "gauge", "1 while the collector or the file takes none",
      facts.trouble.empty() ? 0 : 1);
  one("_sent_total", "counter", what + " sent", facts.sent);
  one("_refused_total", "counter", what + " that the collector refused", facts.refused);
  one("_lost_total", "counter", what + " that were not kept, as too many waited", facts.lost);
}

void surroundings(Page& page, const Surroundings& around) {
  const auto n = [](auto value) { return static_cast<double>(value); };
  page.head("batuta_build_info", "gauge", "The version");
  page.sample("batuta_build_info", {{"version", std::string(around.version)}}, 1);
  page.one("batuta_healthy", "gauge", "1 when health answers 200", around.well ? 1 : 0);
  if (around.outbox_dead >= 0) {
    page.one("batuta_outbox_pending", "gauge", "Publications and alerts on their way",
             n(around.outbox_pending));
    page.one("batuta_outbox_dead", "gauge", "Alerts that were given up", n(around.outbox_dead));
  }
  events(page, "lineage", "Lineage events", around.lineage);
  events(page, "traces", "Requests with spans of traces", around.traces);
  const ProcessMetrics& p = around.process;
  page.one("batuta_disk_free_bytes", "gauge", "Free disk under the home", n(p.disk_free_bytes));
  page.one("batuta_disk_size_bytes", "gauge", "Size of the disk under the home", n(p.disk_bytes));
  page.one("process_cpu_seconds_total", "counter", "CPU time of the scheduler", p.cpu_seconds);
  page.one("process_resident_memory_bytes", "gauge", "Memory of the scheduler",
           n(p.resident_bytes));
  page.one("process_start_time_seconds", "gauge", "When it started", p.start_time);
  page.one("process_open_fds", "gauge", "Files and sockets that it has open", n(p.open_files));
  page.one("process_max_fds", "gauge", "How many it may", n(p.max_files));
}

void machine(Page& page, const HostMetrics& host) {
  const auto n = [](auto value) { return static_cast<double>(value); };
  page.one("batuta_host_memory_size_bytes", "gauge", "Memory of the scheduler's machine",
           n(host.memory_bytes));
  page.one("batuta_host_memory_available_bytes", "gauge",
           "Memory of it that a program could have now", n(host.memory_available_bytes));
  page.head("batuta_host_cpu_seconds_total", "counter", "Seconds of all its cores");
  page.sample("batuta_host_cpu_seconds_total", {{"mode", "busy"}}, host.cpu_busy_seconds);
  page.sample("batuta_host_cpu_seconds_total", {{"mode", "idle"}}, host.cpu_idle_seconds);
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                          auto value) {
    page.head(name, type, help);
    for (const SlotUse& slot : host.slots)
      page.sample(name,
                  {{"worker", std::to_string(slot.worker)},
                   {"pid", std::to_string(slot.pid)},
                   {"hostname", slot.hostname}},
                  value(slot));
  };
  family("batuta_slot_memory_bytes", "gauge", "Memory of a slot and of all that it started",
         [&](const SlotUse& slot) { return n(slot.resident_bytes); });
  family("batuta_slot_cpu_seconds_total", "counter", "Its CPU time",
         [](const SlotUse& slot) { return slot.cpu_seconds; });
  page.one("batuta_slots_not_shown", "gauge", "Slots without the two above: there are too many",
           n(host.slots_not_shown));
}

void requests(Page& page, const std::array<std::uint64_t, 5>& answered) {
  constexpr std::string_view name = "batuta_http_requests_total";
  page.head(name, "counter", "Requests of page and API that were answered");
  for (std::size_t i = 0; i < answered.size(); ++i)
    page.sample(name, {{"code", std::to_string(i + 1) + "xx"}}, static_cast<double>(answered[i]));
}

// Of whom nothing is known there is no sample: a 0 would say that it is up to date.
void lags(Page& page, const StreamLags& all) {
  const auto family = [&](std::string_view name, std::string_view help,
                          std::int64_t StreamLag::*field, std::string_view type = "gauge") {
    page.head(name, type, help);
    for (const StreamLag& one : all.rows) {
      if (!one.trouble.empty()) continue;
      page.sample(
          name,
          {{"connection", one.of.connection}, {"topic", one.of.topic}, {"group", one.of.group}},
          static_cast<double>(one.*field));
    }
  };
  family("batuta_stream_lag", "Records of a topic that a group has not read", &StreamLag::records);
  family("batuta_stream_lag_partition_max", "The same of the partition that is furthest behind",
         &StreamLag::most);
  family("batuta_stream_lost_records", "Records that went before the group read them",
         &StreamLag::lost);
  family("batuta_stream_sent_total", "Records that were ever put into a topic that a group reads",
         &StreamLag::sent, "counter");
  family("batuta_stream_read_total", "Of these behind the group, by what it has committed",
         &StreamLag::read, "counter");
  const auto troubled = std::count_if(all.rows.begin(), all.rows.end(),
                                      [](const StreamLag& one) { return !one.trouble.empty(); });
  page.one("batuta_stream_lag_unknown", "gauge", "Groups whose lag is not known",
           static_cast<double>(troubled) + static_cast<double>(all.left_out));
}

void broker_errors(Page& page, const std::vector<stream::ErrorCount>& all) {
  constexpr std::string_view name = "batuta_stream_broker_errors_total";
  page.head(name, "counter", "Errors of brokers that the scheduler and attempts have met");
  for (const stream::ErrorCount& one : all) {
    const std::string partition = one.of.partition < 0 ? "" : std::to_string(one.of.partition);
    page.sample(name,
                {{"error", one.of.error},
                 {"topic", one.of.topic},
                 {"partition", partition},
                 {"broker", one.of.broker}},
                static_cast<double>(one.times));
  }
}

void asked_stores(Page& page, const std::vector<StoreRequestCount>& all) {
  constexpr std::string_view name = "batuta_storage_requests_total";
  page.head(name, "counter", "Requests of object stores by the server and by attempts");
  for (const StoreRequestCount& one : all)
    page.sample(
        name,
        {{"store", one.of.store}, {"operation", one.of.operation}, {"outcome", one.of.outcome}},
        static_cast<double>(one.times));
}

}  // namespace

std::vector<MetricFamily> metric_families(const EngineMetrics& engine, const LiveView& live,
                                          const DagBagSnapshot& bag, const Sight& sight,
                                          const Surroundings& around) {
  Page page;
  counters(page, engine, sight);
  gauges(page, engine, bag);
  timers(page, engine);
  tallies(page, engine.tallies, sight);
  pools(page, live.pools);
  workers(page, live.workers, around.now);
  surroundings(page, around);
  machine(page, around.host);
  requests(page, around.requests);
  lags(page, around.lags);
  broker_errors(page, around.broker_errors);
  asked_stores(page, around.store_requests);
  return page.take();
}

std::string metrics_text(const std::vector<MetricFamily>& families) {
  std::string out;
  for (const MetricFamily& family : families) {
    out.append("# HELP ").append(family.name).append(" ").append(family.help).append("\n");
    out.append("# TYPE ").append(family.name).append(" ").append(family.type).append("\n");
    for (const MetricSample& sample : family.samples) {
      std::array<char, 32> number{};
      std::snprintf(number.data(), number.size(), "%.15g", sample.value);
      out.append(sample.name);
      const char* before = "{";
      for (const auto& [name, value] : sample.labels) {
        out.append(before).append(name).append("=\"").append(escaped(value)).append("\"");
        before = ",";
      }
      if (!sample.labels.empty()) out.append("}");
      out.append(" ").append(number.data()).append("\n");
    }
  }
  return out;
}

}  // namespace batuta::http
