// A case of the conformance folder (README.md): read, run, compared.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/conformance/world.h"

namespace batuta::conformance {

using nlohmann::json;

// The case cannot be read, or a step of it cannot be done.
class BadCase : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Refuses members of `object` that are not named.
void allow_only(const json& object, const std::vector<std::string>& names,
                const std::string& where);
Time time_at(const json& value, const std::string& where);
Duration span_of(const json& value, const std::string& where);

// Does one of `steps` (case_steps.cc).
void do_step(World& world, const json& step, const std::string& where);
// A DAG of the case: switched on unless it says otherwise itself.
std::shared_ptr<const Dag> dag_of(json dag);

// What is not as `expected` says, a line each (case_expect.cc).
void compare(const World& world, Time begin, const json& expected, const std::string& where,
             std::vector<std::string>& problems);

// Runs a whole case; what is wrong, a line each. `key_file` opens the registry's secrets.
std::vector<std::string> run_case(const std::string& text, Registry& registry,
                                  const std::string& key_file);

}  // namespace batuta::conformance
