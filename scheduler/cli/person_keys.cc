#include "scheduler/cli/person_keys.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "contract/contract.h"
#include "contract/erasure_facts.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/dagfile/contract_fields.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::size_t most_contracts = 10'000;
constexpr std::size_t least_mask_key = 16, most_mask_key = 64 << 10;

}  // namespace

std::string mask_key_of(const std::string& option, const std::string& place) {
  std::string key;
  if (place.starts_with("env:")) {
    const char* value = std::getenv(place.c_str() + 4);
    if (value == nullptr) throw Failure(option + ": there is no variable " + place.substr(4), 2);
    key = value;
  } else if (place.starts_with("file:")) {
    std::ifstream in(place.substr(5), std::ios::binary);
    if (!in) throw Failure(option + ": " + place.substr(5) + " cannot be read", 2);
    key.assign(std::istreambuf_iterator<char>(in), {});
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
  } else {
    throw Failure(option + " takes env:NAME or file:/path: a key in the arguments is seen by all",
                  2);
  }
  if (key.size() < least_mask_key || key.size() > most_mask_key)
    throw Failure(option + ": a key of pseudonyms has 16 characters at least", 2);
  return key;
}

namespace {

void add_facts(const fs::path& folder, const fs::path& file, const std::string& mask_key,
               json& facts) {
  const std::string below = fs::relative(file, folder).generic_string();
  const auto text = read_below(folder.string(), below, contract::max_contract_bytes);
  if (!text) throw Failure(below + ": " + text.error().message, 1);
  const auto read = contract::read_contract(*text, file.string());
  if (!read.contract)
    throw Failure("a contract that cannot be read hides what tables hold; mend it first: " +
                      shown_text(read.problems.empty() ? below : read.problems.front().text()),
                  1);
  for (const contract::Table& table : read.contract->tables) {
    if (!mask_key.empty() && table.mask_key != mask_key) continue;
    const std::string name = read.contract->domain + "/" + table.name;
    const json told = value_of(parse_untrusted(contract::erasure_facts_json(table)));
    facts["columns"][name] = told["columns"];
    if (told["csv"].is_object()) facts["csv"][name] = told["csv"];
  }
}

}  // namespace

json contract_facts(std::vector<std::string> folders, const std::string& mask_key) {
  if (folders.empty() && fs::is_directory(contracts_beside("./dags")))
    folders.push_back(contracts_beside("./dags"));
  if (folders.empty())
    std::fprintf(stderr,
                 "batuta: no contracts: what sources call a column, and what silver masks, is not "
                 "known (--contracts DIR)\n");
  json facts{{"columns", json::object()}, {"csv", json::object()}};
  for (const std::string& folder : folders) {
    std::size_t seen = 0;
    std::error_code failed;
    for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
      const std::string name = at->path().filename().string();
      if (name.starts_with(".")) {
        at.disable_recursion_pending();
        continue;
      }
      if (!name.ends_with(".odcs.yaml") && !name.ends_with(".odcs.yml")) continue;
      if (++seen > most_contracts) throw Failure(folder + " holds more than 10,000 contracts", 1);
      add_facts(folder, at->path(), mask_key, facts);
    }
    if (failed) throw Failure("--contracts: " + folder + ": " + failed.message(), 2);
  }
  return facts;
}

}  // namespace batuta::cli
