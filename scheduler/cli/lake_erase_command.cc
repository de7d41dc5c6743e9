// lake erase: a person taken out of the lake, from raw to gold, by whoever owns the files; one call
// of the plugin lake_erase in a slot of its own.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/safe_json.h"
#include "common/time.h"
#include "common/uuid.h"
#include "contract/contract.h"
#include "lakelog/path.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/dagfile/contract_fields.h"
#include "scheduler/dagfile/folder.h"
#include "scheduler/store/crypto.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t most_contracts = 10'000;
constexpr std::size_t least_mask_key = 16, most_mask_key = 64 << 10;

struct EraseArguments {
  std::vector<std::string> keys, mask_keys, contracts;
  std::string domain, table, operation, subject, plugins, timeout = "6h";
  bool apply = false, yes = false;
};

struct GivenKey {
  std::string column, value;
};

std::vector<GivenKey> given_keys(const EraseArguments& a) {
  std::vector<GivenKey> out;
  for (const std::string& written : a.keys) {
    const auto equal = written.find('=');
    GivenKey key{written.substr(0, equal), {}};
    if (key.column.empty()) throw Failure("--key: \"" + written + "\" is not column=value", 2);
    key.value = equal == written.npos ? read_secret("value of " + key.column + ": ")
                                      : written.substr(equal + 1);
    if (key.value.find_first_not_of(" \t\r\n") == std::string::npos)
      throw Failure("--key: " + key.column + " has no value: who has none is nobody", 2);
    out.push_back(std::move(key));
  }
  return out;
}

// The key of pseudonyms, from where it is written: env:NAME or file:/path.
std::string mask_key_of(const std::string& place) {
  std::string key;
  if (place.starts_with("env:")) {
    const char* value = std::getenv(place.c_str() + 4);
    if (value == nullptr) throw Failure("--mask-key: there is no variable " + place.substr(4), 2);
    key = value;
  } else if (place.starts_with("file:")) {
    std::ifstream in(place.substr(5), std::ios::binary);
    if (!in) throw Failure("--mask-key: " + place.substr(5) + " cannot be read", 2);
    key.assign(std::istreambuf_iterator<char>(in), {});
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
  } else {
    throw Failure("--mask-key takes env:NAME or file:/path: a key in the arguments is seen by all",
                  2);
  }
  if (key.size() < least_mask_key || key.size() > most_mask_key)
    throw Failure("--mask-key: a key of pseudonyms has 16 characters at least", 2);
  return key;
}

json keys_json(const EraseArguments& a, const std::vector<GivenKey>& keys) {
  json out = json::array();
  for (const GivenKey& key : keys) {
    json pseudonyms = json::array();
    for (const std::string& place : a.mask_keys)
      pseudonyms.push_back(hex_of(hmac_sha256(mask_key_of(place), key.value)));
    out.push_back({{"column", key.column}, {"value", key.value}, {"pseudonyms", pseudonyms}});
  }
  return out;
}

struct ErasureFacts {
  json columns = json::object(), csv = json::object();
};

void add_facts(const fs::path& folder, const fs::path& file, ErasureFacts& facts) {
  const std::string below = fs::relative(file, folder).generic_string();
  const auto text = read_below(folder.string(), below, contract::max_contract_bytes);
  if (!text) throw Failure(below + ": " + text.error().message, 1);
  const auto read = contract::read_contract(*text, file.string());
  if (!read.contract)
    throw Failure("a contract that cannot be read hides what tables hold; mend it first: " +
                      shown_text(read.problems.empty() ? below : read.problems.front().text()),
                  1);
  for (const contract::Table& table : read.contract->tables) {
    const std::string name = read.contract->domain + "/" + table.name;
    if (table.source.kind == contract::SourceKind::csv)
      facts.csv[name] = {{"delimiter", table.source.delimiter},
                         {"quote", table.source.quote},
                         {"encoding", table.source.encoding}};
    json& columns = facts.columns[name];
    columns = json::object();
    for (const contract::Column& column : table.columns)
      columns[column.name] = {{"source", column.source_name},
                              {"type", column.type},
                              {"mask", contract::to_string(column.mask)}};
  }
}

// What contracts say of columns: what sources call them, which type silver has, what it masks.
ErasureFacts contract_facts(const EraseArguments& a) {
  std::vector<std::string> folders = a.contracts;
  if (folders.empty() && fs::is_directory(contracts_beside("./dags")))
    folders.push_back(contracts_beside("./dags"));
  if (folders.empty())
    std::fprintf(stderr,
                 "batuta: no contracts: what sources call a column, and what silver masks, is not "
                 "known (--contracts DIR)\n");
  ErasureFacts facts;
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
      add_facts(folder, at->path(), facts);
    }
    if (failed) throw Failure("--contracts: " + folder + ": " + failed.message(), 2);
  }
  return facts;
}

// What the record calls the person: nobody tells it back into the value without the home's key.
std::string subject_of(const Session& session, const EraseArguments& a,
                       const std::vector<GivenKey>& keys) {
  if (!a.subject.empty()) return a.subject;
  const auto key = SecretKey::read(session.home + "/secret.key");
  if (!key)
    throw Failure(
        "what shall the record call the person? Say it with --subject, such as the "
        "request's number (" +
            key.error().message + ")",
        2);
  std::string text;
  for (const GivenKey& one : keys) text += json_text(json::array({one.column, one.value}));
  return "person-" + hex_of(key->mac("lake erase", text)).substr(0, 16);
}

// Tells persons and means apart under one operation; empty where the home has no key.
std::string erasure_mark(const Session& session, const char* purpose, const json& of) {
  const auto key = SecretKey::read(session.home + "/secret.key");
  return key ? hex_of(key->mac(purpose, json_text(of))).substr(0, 32) : std::string();
}

std::int64_t erase_number(const json& told, const char* name) {
  return json_int(told.value(name, json())).value_or(0);
}

void print_erased(Session& session, const json& told) {
  if (session.format().data()) return print_object(session.format(), told);
  const bool applied = told.value("applied", false);
  const auto list = [&](const char* name) { return told.value(name, json::array()); };
  if (told.value("done_before", false))
    std::printf("%s was done before; this is what was done:\n",
                told.value("operation", "").c_str());
  print_rows(session.format(), list("tables"),
             {{"table", "table"},
              {applied ? "rows erased" : "rows", "rows"},
              {applied ? "old files deleted" : "old files", "old_files"},
              {"version", "version"},
              {"columns", "columns"}});
  print_rows(session.format(), list("raw"), {{"raw file", "file"}, {"records", "records"}});
  std::printf(
      "%s: %lld rows of %zu tables, %lld records of %zu raw files, %lld files of older "
      "versions\n",
      applied ? "erased" : "would be erased", static_cast<long long>(erase_number(told, "rows")),
      list("tables").size(), static_cast<long long>(erase_number(told, "raw_records")),
      list("raw").size(), static_cast<long long>(erase_number(told, "old_files")));
  for (const bool undone : {true, false}) {
    if (undone && told.value("complete", true)) continue;
    std::printf(undone ? "\nstill to be done:\n" : "\nnot reached:\n");
    for (const json& one : list("not_reached"))
      if (one.value("undone", false) == undone)
        std::printf("  %s: %s\n", shown_text(one.value("what", "")).c_str(),
                    shown_text(one.value("why", "")).c_str());
  }
  if (const json without = list("without_column"); !without.empty()) {
    std::printf("\nwithout such a column, not looked at:\n");
    for (const json& name : without)
      std::printf("  %s\n", shown_text(name.get<std::string>()).c_str());
  }
  for (const char* name : {"tables", "raw", "not_reached", "without_column"})
    if (const auto more = erase_number(told, (std::string(name) + "_more").c_str()); more > 0)
      std::printf("%s: %lld more, which the record has\n", name, static_cast<long long>(more));
  if (applied)
    std::printf("\nrecord: _erasures/%s.json in the lake\n", told.value("operation", "").c_str());
  else
    std::printf("\nNothing was changed. With --apply it is done.\n");
}

void erase_person(Session& session, const EraseArguments& a) {
  if (!a.domain.empty() && !a.table.empty()) throw Failure("--domain or --table: one of them", 2);
  const auto patience = parse_duration(a.timeout);
  if (!patience) throw Failure("--timeout: \"" + a.timeout + "\" is no duration, such as 30m", 2);
  const std::vector<GivenKey> keys = given_keys(a);
  SlotRun run = lake_slot(session, "lake_erase", a.plugins);
  const std::string operation =
      a.operation.empty() ? to_string(make_uuid_v7(read_clock().wall)) : a.operation;
  const char* user = std::getenv("USER");
  const ErasureFacts facts = contract_facts(a);
  const json who = keys_json(a, keys);
  json values = json::array();
  for (const GivenKey& key : keys) values.push_back({key.column, key.value});
  const json means = {who, facts.columns, facts.csv};
  const json params = {{"keys", who},
                       {"operation", operation},
                       {"subject", subject_of(session, a, keys)},
                       {"apply", a.apply},
                       {"domain", a.domain},
                       {"table", lakelog::table_name_of(a.table)},
                       {"by", user == nullptr ? "" : user},
                       {"who", erasure_mark(session, "lake erase who", values)},
                       {"means", erasure_mark(session, "lake erase means", means)},
                       {"csv", facts.csv},
                       {"contracts", facts.columns}};
  if (a.apply) {
    confirm("Erase them for good, older versions too?", a.yes);
    std::fprintf(stderr, "batuta: if this ends early, call it again with --operation %s\n",
                 operation.c_str());
  }
  run.params_json = json_text(params);
  run.patience = *patience;
  const auto done = run_in_slot(run);
  if (!done)
    throw Failure(done.error().message, done.error().message == interrupted ? interrupted_code : 1);
  const json told = value_of(parse_untrusted(*done));
  print_erased(session, told);
  if (a.apply && !told.value("complete", true))
    throw Failure(
        "not all was erased: mend what is told as still to be done, and call again with "
        "--operation " +
            operation,
        1);
}

}  // namespace

void add_lake_erase(CLI::App& lake, Session& session) {
  const auto a = std::make_shared<EraseArguments>();
  CLI::App* verb =
      add_verb(lake, session, "erase",
               "Takes a person out of raw, bronze, silver, gold, histories, quarantine "
               "and dead letters, for good; a plan without --apply",
               [&session, a] { erase_person(session, *a); });
  verb->add_option("--key", a->keys,
                   "column=value; without a value it is read from standard input, where nobody "
                   "sees it. May be repeated: any of them names the person")
      ->required()
      ->allow_extra_args(false);
  verb->add_option("--domain", a->domain, "tables of this domain only");
  verb->add_option("--table", a->table, "this table only, in every layer: shop/orders");
  verb->add_flag("--apply", a->apply, "do it; otherwise what would be touched is told");
  verb->add_option("--operation", a->operation,
                   "its id: what was done under it is not done again, what ended early goes on");
  verb->add_option("--subject", a->subject,
                   "what the record calls the person, such as the request's number");
  verb->add_option("--mask-key", a->mask_keys,
                   "where a key of pseudonyms is: env:NAME or file:/path; may be repeated")
      ->allow_extra_args(false);
  verb->add_option("--contracts", a->contracts,
                   "folder of contracts (./contracts); may be repeated")
      ->allow_extra_args(false);
  verb->add_flag("--yes", a->yes, "do not ask");
  verb->add_option("--plugins", a->plugins, "folder of plugins");
  verb->add_option("--timeout", a->timeout, "give up after that long")->capture_default_str();
}

}  // namespace batuta::cli
