// A domain's files on the disk and the record of them: planned, made, made again, taken away.
#include "scheduler/dagfile/domain_files.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/dagfile/dagfile_fixture.h"

namespace batuta::domains {
namespace {

namespace fs = std::filesystem;

const std::string sales = R"(apiVersion: v3.1.0
kind: DataContract
id: sales
version: 1.0.0
status: active
servers:
  - {server: drop, type: local, path: "/srv/orders.csv", format: csv}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
)";

// A home with roles and groups as a map, as a server would have them.
struct Home {
  TempFolder folder;
  std::map<std::string, std::string> rights;
  DomainPlaces places = *places_of((folder.path() / "home").string(), "sales");

  Home() { fs::create_directories((folder.path() / "home/bundles").string()); }
  FindRight find() {
    return [this](const DomainPart& part, bool) {
      const auto at = rights.find(part.name);
      return at == rights.end() ? std::string() : at->second;
    };
  }
  Domain domain(const std::string& text = sales) {
    auto reading = read_domain("sales", text, "", "sales.yaml");
    for (const auto& problem : reading.problems) MESSAGE(problem.text());
    REQUIRE(reading.domain);
    return *reading.domain;
  }
  DomainPlan plan(const Domain& what) {
    auto planned = plan_to_have(places, what, *read_record(places), find(),
                                [](const auto&) { return std::string(); });
    REQUIRE(planned.ok());
    return *planned;
  }
  // All of it, or up to the step that is named.
  void apply(const std::string& up_to = "") {
    const Domain what = domain();
    auto record = *read_record(places);
    const DomainPlan todo = plan(what);
    REQUIRE(begin_apply(places, what, "", todo, record).ok());
    if (up_to == "begin") return;
    for (const DomainStep& step : todo.steps)
      if (step.part.kind != "file") rights[step.part.name] = step.part.state;
    REQUIRE(carry_out_files(places, todo).ok());
    if (up_to == "files") return;
    REQUIRE(end_apply(places, todo, record).ok());
  }
  std::string text(const std::string& file) const {
    std::stringstream out;
    out << std::ifstream(places.bundle + "/" + file).rdbuf();
    return out.str();
  }
};

}  // namespace

TEST_CASE("a domain is made whole, again changes nothing, and is taken away whole") {
  Home home;
  const DomainPlan first = home.plan(home.domain());
  CHECK(first.changes() == first.steps.size());
  CHECK_FALSE(fs::exists(home.places.bundle));
  home.apply();
  CHECK(home.text("contracts/sales/orders.odcs.yaml") == sales);
  CHECK(home.plan(home.domain()).changes() == 0);
  const std::string where = (home.folder.path() / "home").string();
  CHECK(*recorded_domains(where, 10) == std::vector<std::string>{"sales"});
  CHECK(recorded_domains(where, 0).error().code == Errc::too_large);
  CHECK(recorded_domains(where + "/nowhere", 10)->empty());
  const auto record = *read_record(home.places);
  CHECK_FALSE(record.contains("before"));
  const auto removal = plan_to_remove(home.places, record, home.find());
  REQUIRE(removal.ok());
  CHECK(removal->conflicts.empty());
  CHECK(removal->changes() == first.steps.size());
  CHECK(removal->steps.front().part.kind == "group");
  REQUIRE(remove_domain(home.places, *removal).ok());
  CHECK_FALSE(fs::exists(home.places.bundle));
  CHECK(read_record(home.places)->empty());
}

TEST_CASE("what an apply left that was killed in the midst of a file is no stranger's") {
  Home home;
  home.apply("begin");
  fs::create_directories(home.places.bundle + "/contracts/sales");
  std::ofstream(home.places.bundle + "/contracts/sales/.orders.odcs.yaml.new") << "half";
  const auto removal = plan_to_remove(home.places, *read_record(home.places), home.find());
  REQUIRE(removal.ok());
  CHECK(removal->conflicts.empty());
  std::ofstream(home.places.bundle + "/contracts/sales/.notes.new") << "somebody's";
  CHECK(
      plan_to_remove(home.places, *read_record(home.places), home.find())->conflicts ==
      std::vector<std::string>{"the file contracts/sales/.notes.new was not made by this domain"});
  REQUIRE(remove_domain(home.places, *removal).ok());
  CHECK_FALSE(fs::exists(home.places.bundle));
}

TEST_CASE("domains whose folder cannot be read are told, not taken for none") {
  Home home;
  fs::create_directories(home.folder.path() / "home");
  std::ofstream(home.folder.path() / "home" / "domains") << "a file";
  CHECK(recorded_domains((home.folder.path() / "home").string(), 10).error().code ==
        Errc::unavailable);
}

TEST_CASE("an apply that was killed at any step is ended by the next, without force") {
  for (const char* killed_after : {"begin", "files"}) {
    CAPTURE(killed_after);
    Home home;
    home.apply(killed_after);
    CHECK(read_record(home.places)->contains("before"));  // by which it is known to be unfinished
    CHECK(home.plan(home.domain()).conflicts.empty());
    home.apply();
    CHECK(home.plan(home.domain()).changes() == 0);
    // Of one that was about to renew a file: what was there before is nobody else's change.
    const std::string newer = sales + "description: {purpose: sums}\n";
    const Domain renewed = home.domain(newer);
    auto record = *read_record(home.places);
    REQUIRE(begin_apply(home.places, renewed, "", home.plan(renewed), record).ok());
    CHECK(home.plan(renewed).conflicts.empty());
  }
}

TEST_CASE("what others changed or put there is told, and the digest of the plan is another") {
  Home home;
  home.apply();
  const auto before = plan_json("sales", home.plan(home.domain()));
  CHECK(before["changes"] == 0);
  std::ofstream(home.places.bundle + "/dags/sales_quality.json", std::ios::app) << "\n";
  const auto after = plan_json("sales", home.plan(home.domain()));
  CHECK(after["changes"] == 1);
  CHECK(after["conflicts"][0] == "the file dags/sales_quality.json was changed since it was made");
  CHECK(after["digest"] != before["digest"]);
  std::ofstream(home.places.bundle + "/notes.txt") << "mine";
  const auto removal = plan_to_remove(home.places, *read_record(home.places), home.find());
  REQUIRE(removal.ok());
  CHECK(removal->conflicts.size() == 2);
  const auto taken = plan_to_have(home.places, home.domain(), *read_record(home.places),
                                  home.find(), [](const auto&) { return std::string("other"); });
  REQUIRE(taken.ok());
  CHECK(taken->conflicts.back() == "the DAG sales_quality is of the bundle other already");
}

TEST_CASE("a record that is damaged, or that leads out of the bundle, is refused") {
  Home home;
  fs::create_directories((home.folder.path() / "home/domains").string());
  std::ofstream(home.places.record) << "{";
  CHECK(read_record(home.places).error().message.find("is damaged") != std::string::npos);
  const auto record = nlohmann::json::parse(R"({"file":{"../../x":{"sha256":"1"}}})");
  CHECK_FALSE(plan_to_remove(home.places, record, home.find()).ok());
  CHECK_FALSE(places_of("/srv", "../x").ok());
}

TEST_CASE("a contract that cannot be carried out is told with its place") {
  const auto bad = read_domain("sales", sales + "nonsense: 1\n", "", "c.yaml");
  REQUIRE_FALSE(bad.domain);
  REQUIRE_FALSE(bad.problems.empty());
  CHECK(bad.problems[0].line == 12);
  const auto schedule = read_domain("sales", sales, "every now and then", "c.yaml");
  REQUIRE_FALSE(schedule.domain);
  CHECK(schedule.problems[0].message.find("schedule") != std::string::npos);
  CHECK_FALSE(read_domain("Sales", sales, "", "c.yaml").domain);
}

}  // namespace batuta::domains
