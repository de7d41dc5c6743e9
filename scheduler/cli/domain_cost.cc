#include "scheduler/cli/domain_cost.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/time.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"

namespace batuta::cli {
namespace {

using nlohmann::json;

struct CostArguments {
  std::string name, last = "30d";
  bool by_day = false;
};

void say_what_is_missing(const json& report) {
  for (const json& table : report["unknown"])
    std::fprintf(stderr, "batuta: rows or bytes of %s are not known and count as 0\n",
                 shown_text(table.get<std::string>()).c_str());
  if (const auto without = report.value("unmeasured", std::int64_t{0}); without > 0)
    std::fprintf(
        stderr, "batuta: processor time or bytes read of %lld tries are not known and count as 0\n",
        static_cast<long long>(without));
  if (report.value("more", false))
    std::fprintf(stderr,
                 "batuta: there are more tries than are counted: ask for less, by --last\n");
  if (report.value("hidden", false))
    std::fprintf(stderr, "batuta: tables or DAGs that you may not see are not counted\n");
}

void cost_of_domain(Session& session, const CostArguments& a) {
  const auto last = parse_duration(a.last);
  if (!last || *last <= Duration::zero())
    throw Failure("--last must be a duration such as 12h or 30d, not \"" + a.last + "\"", 2);
  const std::string since = to_iso(read_clock().wall - *last);
  const json report = session.client().get("/api/lake/domains/" + percent_encoded(a.name) +
                                           "/cost?since=" + percent_encoded(since));
  if (session.format().data()) return print_object(session.format(), report);
  print_rows(session.format(), report["stored"],
             {{"layer", "layer"},
              {"tables", "tables"},
              {"rows", "rows"},
              {"files", "files"},
              {"bytes", "bytes"}});
  std::printf("\n");
  const std::vector<Column> work{{"runs", "runs"},
                                 {"tries", "attempts"},
                                 {"failed", "failed"},
                                 {"busy seconds", "busy_seconds", true},
                                 {"cpu seconds", "cpu_seconds", true},
                                 {"read bytes", "read_bytes"},
                                 {"peak KiB", "peak_rss_kib"}};
  std::vector<Column> columns{{"dag", "dag_id"}};
  columns.insert(columns.end(), work.begin(), work.end());
  print_rows(session.format(), report["work"], columns);
  if (a.by_day) {
    std::printf("\n");
    columns = {{"day", "day"}, {"stored bytes", "stored_bytes"}};
    columns.insert(columns.end(), work.begin(), work.end());
    print_rows(session.format(), report["days"], columns);
  }
  const auto whole = [&](const char* name) {
    return static_cast<long long>(report.value(name, std::int64_t{0}));
  };
  std::printf(
      "\n%s: %lld bytes stored; since %s %lld tries of %lld runs, %.3f busy seconds, %.3f of a "
      "processor, %lld bytes read\n",
      a.name.c_str(), whole("bytes"), since.c_str(), whole("attempts"), whole("runs"),
      report.value("busy_seconds", 0.0), report.value("cpu_seconds", 0.0), whole("read_bytes"));
  say_what_is_missing(report);
}

}  // namespace

void add_domain_cost(CLI::App& domain, Session& session) {
  auto a = std::make_shared<CostArguments>();
  CLI::App* verb = add_verb(domain, session, "cost",
                            "What its tables hold, and what the tasks that write them took",
                            [&session, a] { cost_of_domain(session, *a); });
  verb->add_option("name", a->name, "of the domain: tables are <layer>/<name>/<table>")->required();
  verb->add_option("--last", a->last, "tries that began within so long, such as 12h or 30d")
      ->capture_default_str();
  verb->add_flag("--by-day", a->by_day, "also day by day");
}

}  // namespace batuta::cli
