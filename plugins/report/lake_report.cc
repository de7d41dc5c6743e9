// lake_report: keeps what the platform knows of its own work as tables of the lake, so that other
// engines can report on it: runs that ended with their tries, costs, quality and lineage, and what
// tables there are. The server tells what ended since the log of mngt/platform/dag_run was moved
// last (scheduler/api/lake_report.h), a bounded part of it; all tables are handed in as the
// publications of one attempt, and dag_run, with the new mark, is published last: what was
// published without it is told again and takes the place of itself.
//
// Returns {"runs","tables","rows":{table: rows that came},"more","until"}.
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/table.h"
#include "plugins/lake/appender.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/must.h"
#include "plugins/report/kept_rows.h"
#include "plugins/report/report_shapes.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr const char* marker_names[] = {"report/end", "report/run", "report/taken"};
constexpr const char* told_runs = "told_runs";

json report_told(const plugin::Context& context) {
  constexpr JsonLimits limits{20u << 20, 32, 8'000'000, 4u << 20};
  const auto told = parse_untrusted(context.context_json(), limits);
  if (!told)
    throw plugin::FinalError("what the server told cannot be read: " + told.error().message);
  const auto report = told->is_object() ? told->find("report") : told->end();
  if (report == told->end() || !report->is_object() || !report->contains("since") ||
      !report->contains("next") || !report->contains("tables") || !report->contains("runs"))
    throw plugin::FinalError(
        "the server told nothing of its runs: it tells them to the attempts of a server's own DAGs "
        "and tasks alone");
  return *report;
}

std::string day_of(Time at) {
  return to_iso(at).substr(0, 10);
}

json time_or_null(std::int64_t milliseconds) {
  return milliseconds <= 0 ? json() : json(to_iso(Time(std::chrono::milliseconds(milliseconds))));
}

class Reporting {
 public:
  explicit Reporting(plugin::Context& context)
      : context_(context),
        report_(report_told(context)),
        session_(session_options(context)),
        lake_(lake_folder(context)),
        storage_(must(lake_.storage())),
        now_(read_clock().wall),
        oldest_(day_of(now_ - std::chrono::hours(24) * context.integer("keep_days"))) {}

  void run() {
    check_mark();
    load_runs();
    json rows = json::object();
    rows[registry_table_name] = hand_in_registry();
    for (const TableShape& shape : run_shapes()) rows[shape.name] = hand_in_table(shape);
    const bool more = report_.value("more", false);
    if (more)
      context_.warn(
          "more has ended than one attempt takes: the next run goes on from here. Where every run "
          "says so, set lake.report to a schedule that comes more often, such as \"*/5 * * * *\"");
    const Time until{std::chrono::microseconds(number_of_mark("next", 0))};
    context_.return_json(json_text({{"runs", report_["runs"].size()},
                                    {"tables", rows[registry_table_name]},
                                    {"rows", rows},
                                    {"more", more},
                                    {"until", until == Time{} ? json() : json(to_iso(until))}}));
  }

 private:
  std::int64_t number_of_mark(const char* which, std::size_t at) const {
    const auto number = json_int(report_[which].at(at));
    if (!number) throw plugin::FinalError(std::string("the server told no mark: ") + which);
    return *number;
  }

  // What it was told must go on from where the table is: another run may have moved it.
  void check_mark() {
    const DeltaTable table = DeltaTable::open(session_, lake_, run_table_name);
    for (std::size_t i = 0; i < std::size(marker_names); ++i) {
      const std::int64_t is = std::max<std::int64_t>(0, table.marker(marker_names[i]));
      if (number_of_mark("since", i) != is)
        throw plugin::RetryableError(
            std::string(run_table_name) +
            " was moved on meanwhile: what there is to tell is asked anew");
    }
  }

  void load_runs() {
    session_.run(std::string("CREATE OR REPLACE TEMP TABLE ") + told_runs +
                 " (run_uuid VARCHAR, begins VARCHAR)");
    Appender rows(session_, told_runs);
    for (const json& run : report_["runs"]) {
      rows.text(run.at(0).get<std::string>());
      rows.text(run.at(2).get<bool>() ? "yes" : "no");
      rows.end_row();
      days_.push_back(run.at(1).get<std::string>());
    }
    rows.close();
  }

  // A run that is told from its beginning has no other rows any more.
  std::int64_t hand_in_table(const TableShape& shape) {
    context_.check_cancelled();
    const auto told = report_["tables"].find(shape.name.substr(shape.name.rfind('/') + 1));
    if (told == report_["tables"].end())
      throw plugin::FinalError("the server told nothing for " + shape.name +
                               ": server and worker are of different versions");
    const std::string gone = std::string("EXISTS (SELECT 1 FROM ") + told_runs +
                             " AS r WHERE r.run_uuid = t.run_uuid AND r.begins = 'yes')";
    std::function<bool(Publication&)> mark;
    if (shape.name == run_table_name)
      mark = [this](Publication& version) {
        for (std::size_t i = 0; i < std::size(marker_names); ++i)
          version.set_marker(marker_names[i], number_of_mark("next", i));
        return report_["next"] != report_["since"];
      };
    return hand_in_rows(context_, session_, lake_, shape, {*told, gone, days_, oldest_}, mark);
  }

  std::int64_t hand_in_registry() {
    const TableShape& shape = registry_shape();
    json columns = json::array(), rows = json::array();
    for (const auto& column : shape.columns) columns.push_back(column.name);
    const std::string at = to_iso(now_), today = day_of(now_);
    const auto list = must(lakelog::list_tables(*storage_));
    if (list.cut) context_.warn("there are more tables than the first 10,000, which are told");
    for (const std::string& why : list.unreadable) context_.warn(why);
    for (const std::string& name : list.names) {
      context_.check_cancelled();
      const auto first = name.find('/'), last = name.rfind('/');
      const bool has_domain = first != std::string::npos && first != last;
      json row = {name, first == std::string::npos ? json() : json(name.substr(0, first)),
                  has_domain ? json(name.substr(first + 1, last - first - 1)) : json()};
      if (const auto is = lakelog::describe_table(*storage_, name)) {
        for (const json& value :
             {is->description.empty() ? json() : json(is->description), json(is->version),
              is->rows ? json(*is->rows) : json(), json(is->bytes), json(is->files),
              json(is->partitions), json(is->columns.size()), time_or_null(is->created_ms),
              time_or_null(is->modified_ms), json()})
          row.push_back(value);
      } else {
        for (int i = 0; i < 9; ++i) row.push_back(nullptr);
        row.push_back(is.error().message);
      }
      row.push_back(at);
      row.push_back(today);
      rows.push_back(std::move(row));
    }
    const json told = {{"columns", std::move(columns)}, {"rows", std::move(rows)}};
    return hand_in_rows(context_, session_, lake_, shape, {told, "true", {today}, oldest_});
  }

  plugin::Context& context_;
  const json report_;
  Session session_;
  const Lake lake_;
  const std::shared_ptr<lakelog::Storage> storage_;
  const Time now_;
  const std::string oldest_;
  std::vector<std::string> days_;  // on which the runs were made
};

}  // namespace

struct LakeReport {
  static constexpr auto name = "lake_report";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "transform";
  static constexpr auto summary = "Keeps runs, costs, quality and lineage as tables of the lake";
  static constexpr batuta_param params[] = {
      plugin::optional(BATUTA_PARAM_INTEGER, "keep_days",
                       "days after which rows of runs, and of tables, go", "730")};

  void execute(plugin::Context& context) { Reporting(context).run(); }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakeReport)
