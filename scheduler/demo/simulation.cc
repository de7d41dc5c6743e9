#include "scheduler/demo/simulation.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "scheduler/demo/assertions.h"
#include "scheduler/demo/brokerage_sources.h"
#include "scheduler/demo/payments.h"
#include "scheduler/demo/people.h"
#include "scheduler/demo/shop_sources.h"
#include "scheduler/demo/written_file.h"

namespace batuta::demo {
namespace {

std::uint32_t times(std::uint32_t ppm, double factor) {
  return static_cast<std::uint32_t>(static_cast<double>(ppm) * factor + 0.5);
}

std::unique_ptr<Simulation> brokerage(const SimulationOptions& options) {
  BrokerageOptions with;
  with.seed = options.seed;
  with.clients = options.size;
  with.days = options.days;
  with.first_day = options.first_day;
  for (std::uint32_t* ppm : {&with.duplicate_ppm, &with.revised_ppm, &with.late_ppm, &with.bad_ppm})
    *ppm = times(*ppm, options.defects);
  return make_brokerage(with);
}

std::unique_ptr<Simulation> shop(const SimulationOptions& options) {
  ShopOptions with;
  with.seed = options.seed;
  with.customers = options.size;
  with.days = options.days;
  with.first_day = options.first_day;
  for (std::uint32_t* ppm :
       {&with.duplicate_ppm, &with.untidy_ppm, &with.bad_ppm, &with.doubtful_ppm})
    *ppm = times(*ppm, options.defects);
  return make_shop(with);
}

std::unique_ptr<Simulation> people(const SimulationOptions& options) {
  PeopleOptions with;
  with.seed = options.seed;
  with.people = options.size;
  with.days = options.days;
  with.first_day = options.first_day;
  for (std::uint32_t* ppm : {&with.duplicate_ppm, &with.late_ppm, &with.bad_ppm})
    *ppm = times(*ppm, options.defects);
  return make_people(with);
}

std::unique_ptr<Simulation> payments(const SimulationOptions& options) {
  PaymentsOptions with;
  with.seed = options.seed;
  with.accounts = options.size;
  with.days = options.days;
  with.first_day = options.first_day;
  for (std::uint32_t* ppm : {&with.duplicate_ppm, &with.late_ppm, &with.bad_ppm})
    *ppm = times(*ppm, options.defects);
  return make_payments(with);
}

struct Known {
  const char* name;
  std::unique_ptr<Simulation> (*make)(const SimulationOptions&);
};
constexpr Known known[] = {
    {"brokerage", brokerage}, {"ecommerce", shop}, {"risk", payments}, {"users", people}};

}  // namespace

std::string script_with_role(const RealDatabase& real, const std::string& password) {
  return "SET LOCAL log_min_error_statement = panic;\n"  // no log has the password
         "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '" +
         real.login + "') THEN CREATE ROLE " + real.login +
         "; END IF; END $$;\n"
         "ALTER ROLE " +
         real.login +
         " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '" +
         password + "';\nREVOKE ALL ON DATABASE " + real.database +
         " FROM PUBLIC;\nGRANT CONNECT ON DATABASE " + real.database + " TO " + real.login + ";\n" +
         real.script + real.grants;
}

BrokerText broker_contract(const std::string& file) {
  return {file, "{property: batuta.server, value: embedded}",
          "{property: batuta.server, value: broker}"};
}

BrokerText broker_monitor(const std::string& pipeline) {
  return {"monitors/" + pipeline + ".json", R"("kind": "lag", "topic")",
          R"("kind": "lag", "connection": ")" + pipeline + R"(_broker", "topic")", true};
}

std::vector<std::string> simulated_pipelines() {
  std::vector<std::string> names;
  for (const Known& each : known) names.emplace_back(each.name);
  return names;
}

std::vector<std::string> runnable_pipelines() {
  std::vector<std::string> names = simulated_pipelines();
  names.insert(names.begin(), "financial");
  return names;
}

std::string describe(const std::string& pipeline, const SimulationOptions& options) {
  char defects[32];
  std::snprintf(defects, sizeof defects, "%g", options.defects);
  return pipeline + " --seed " + std::to_string(options.seed) + " --size " +
         std::to_string(options.size) + " --first-day " + day_text(options.first_day) +
         " --defects " + defects;
}

std::unique_ptr<Simulation> make_simulation(const std::string& pipeline,
                                            const SimulationOptions& options) {
  for (const Known& each : known)
    if (pipeline == each.name) return each.make(options);
  return nullptr;
}

Status write_file(const std::string& path, const std::string& text) {
  const std::string staged = path + ".new";
  {
    std::ofstream file(staged, std::ios::binary | std::ios::trunc);
    file << text;
    if (!file.flush()) return {Errc::unavailable, path + " cannot be written"};
  }
  std::error_code error;
  std::filesystem::rename(staged, path, error);
  if (error) return {Errc::unavailable, path + " cannot be written: " + error.message()};
  return success();
}

}  // namespace batuta::demo
