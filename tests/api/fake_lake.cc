// What the fake history tells of attempts' reports, and of the lake from them, as the store does.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "common/safe_json.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

using nlohmann::json;

json told_in(const AttemptReportRow& row, const char* member) {
  auto told = parse_untrusted(row.report_json);
  return told && told->is_object() ? told->value(member, json::array()) : json::array();
}

const TaskInstanceView* view_of_report(const std::vector<TaskInstanceView>& views,
                                       const AttemptReportRow& row) {
  const auto it = std::find_if(views.begin(), views.end(), [&](const TaskInstanceView& view) {
    return view.row.key() == row.key.instance();
  });
  return it == views.end() ? nullptr : &*it;
}

}  // namespace

std::optional<AttemptReportRow> FakeHistory::attempt_report(
    const InstanceKey& instance, std::optional<std::int32_t> try_number) {
  std::optional<AttemptReportRow> found;
  for (const auto& row : report_rows) {
    const bool asked = !try_number || *try_number == row.try_number;
    if (asked && row.key.instance() == instance) found = row;
  }
  return found;
}

std::vector<QualityReportView> FakeHistory::quality_reports(const std::string& table,
                                                            const Page& page) {
  std::vector<QualityReportView> found;
  for (auto row = report_rows.rbegin(); row != report_rows.rend(); ++row) {
    const json told = told_in(*row, "quality");
    const bool of_table = std::any_of(told.begin(), told.end(), [&](const json& one) {
      return one.is_object() && one.value("table", "") == table;
    });
    const auto* view = view_of_report(views, *row);
    if (of_table && view)
      found.push_back({*row, view->dag_id, view->dag_run_id, view->task_id, view->run_after});
  }
  const auto from = std::min<std::size_t>(static_cast<std::size_t>(page.offset), found.size());
  found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(from));
  if (found.size() > static_cast<std::size_t>(page.limit))
    found.resize(static_cast<std::size_t>(page.limit));
  return found;
}

QualityNews FakeHistory::quality_news(const ReportMark& since) {
  QualityNews news;
  news.mark.row = std::ssize(report_rows);
  for (auto at = static_cast<std::size_t>(since.row); at < report_rows.size(); ++at) {
    std::map<std::string, TableQuality> told;
    for (const json& one : told_in(report_rows[at], "quality")) {
      TableQuality& of = told[one.value("table", "")];
      of.table = one.value("table", "");
      ++of.rules;
      if (one.value("passed", true)) continue;
      const bool blocking = one.value("severity", "") == "blocking";
      (blocking ? of.broken_blocking : of.broken_warning).push_back(one.value("rule", ""));
    }
    for (const auto& [table, of] : told) news.tables.push_back(of);
  }
  return news;
}

EndedRuns FakeHistory::ended_runs(const EndedMark& since, std::int64_t most) {
  EndedRuns out;
  out.mark = since;
  out.written = written_tables;
  for (const RunRow& row : run_rows) {
    if (!row.end_date || EndedMark{*row.end_date, row.seq, 0} <= since) continue;
    EndedRun& run = out.runs.emplace_back();
    run.row = row;
    out.mark = std::max(out.mark, EndedMark{*row.end_date, row.seq, 0});
    for (const auto* list : {&older_tries, &views}) {
      for (const TaskInstanceView& view : *list) {
        if (view.row.run != row.seq) continue;
        // The answer ends in the midst of a run, without a mark that says where.
        out.more = list == &views && most-- <= 0;
        if (out.more) return out;
        EndedTry& each = run.tries.emplace_back();
        each.row = view.row;
        each.task_id = view.task_id;
        each.pool = "default_pool";
        for (const AttemptReportRow& told : report_rows)
          if (told.key == view.row.attempt()) each.report_json = told.report_json;
      }
    }
  }
  return out;
}

std::vector<LineageEdge> FakeHistory::lineage() {
  std::vector<LineageEdge> found;
  std::map<std::tuple<std::string, std::string, std::string, std::string>, bool> seen;
  for (auto row = report_rows.rbegin(); row != report_rows.rend(); ++row) {
    const auto* view = view_of_report(views, *row);
    for (const json& one : told_in(*row, "lineage")) {
      if (!view || !one.is_object() || !one.contains("from") || !one.contains("to")) continue;
      LineageEdge edge{one["from"],    one["to"],        one.value("from_version", -1),
                       view->dag_id,   view->dag_run_id, view->task_id,
                       view->run_after};
      if (std::exchange(seen[{edge.from, edge.to, edge.dag_id, edge.task_id}], true)) continue;
      found.push_back(std::move(edge));
    }
  }
  return found;
}

void TestApi::add_lake(ApiServices& services) {
  services.topics = [this](const contract::Source&) {
    if (topic_opens) topic_opens();
    return stream::open_file_stream(home + "/stream");
  };
  services.lake_query = [this](const auto& params, const auto& stop, const auto& progress) {
    lake_stop = stop;
    lake_progress = progress;
    lake_queries.push_back(params);
    return lake_answer();
  };
  services.erase_query = [this](const auto& params, const auto& stop) {
    erase_queries.push_back(params);
    return erase_answer(stop);
  };
  services.upkeep_query = [this](const auto& params, const auto& stop) {
    upkeep_queries.push_back(params);
    return upkeep_answer(stop);
  };
  services.monitor_query = [this](const auto& params, const auto&) {
    monitor_queries.push_back(params);
    return monitor_answer(nlohmann::json::parse(params));
  };
}

}  // namespace batuta::http
