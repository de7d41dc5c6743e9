// lake erase: a person taken out of the lake, from raw to gold: ordered from the server where one
// runs, else by whoever owns the files, as one call of the plugin lake_erase in a slot of its own.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "common/time.h"
#include "common/url.h"
#include "common/uuid.h"
#include "lakelog/path.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/person_keys.h"
#include "scheduler/store/erasure_marks.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct EraseArguments {
  std::vector<std::string> keys, mask_keys, contracts;
  std::string domain, table, operation, subject, plugins, timeout = "6h";
  bool apply = false, yes = false, files = false;
};

using GivenKeys = std::vector<std::pair<std::string, std::string>>;  // column, value

constexpr std::chrono::milliseconds between_looks{300};

GivenKeys given_keys(const EraseArguments& a) {
  GivenKeys out;
  for (const std::string& written : a.keys) {
    const auto equal = written.find('=');
    const std::string column = written.substr(0, equal);
    if (column.empty()) throw Failure("--key: \"" + written + "\" is not column=value", 2);
    std::string value = equal == written.npos ? read_secret("value of " + column + ": ")
                                              : written.substr(equal + 1);
    if (value.find_first_not_of(" \t\r\n") == std::string::npos)
      throw Failure("--key: " + column + " has no value: who has none is nobody", 2);
    out.emplace_back(column, std::move(value));
  }
  return out;
}

json keys_json(const GivenKeys& keys) {
  json out = json::array();
  for (const auto& [column, value] : keys) out.push_back({{"column", column}, {"value", value}});
  return out;
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

void end_of_erasure(Session& session, const EraseArguments& a, const json& told,
                    const std::string& operation) {
  print_erased(session, told);
  if (a.apply && !told.value("complete", true))
    throw Failure(
        "not all was erased: mend what is told as still to be done, and call again with "
        "--operation " +
            operation,
        1);
}

void ask_first(const EraseArguments& a, const std::string& operation) {
  if (!a.apply) return;
  confirm("Erase them for good, older versions too?", a.yes);
  std::fprintf(stderr, "batuta: if this ends early, call it again with --operation %s\n",
               operation.c_str());
}

// By the server, which knows contracts and keys itself. It goes on when this ends.
void erase_by_server(Session& session, const EraseArguments& a, const GivenKeys& keys,
                     const std::string& operation, Duration patience) {
  const Client client = session.client();
  json body{{"keys", keys_json(keys)}, {"operation", operation}, {"apply", a.apply}};
  for (const auto& [name, value] : {std::pair{"domain", a.domain},
                                    {"table", lakelog::table_name_of(a.table)},
                                    {"subject", a.subject}})
    if (!value.empty()) body[name] = value;
  ask_first(a, operation);
  json now = client.call("POST", "/api/lake/erasures", body);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (now["state"] == "queued" || now["state"] == "running") {
    if (std::chrono::steady_clock::now() > until)
      throw Failure("it goes on in the server: GET /api/lake/erasures/" + operation +
                        " tells its end, and so does this command with --operation " + operation,
                    1);
    std::this_thread::sleep_for(between_looks);
    now = client.get("/api/lake/erasures/" + percent_encoded(operation));
  }
  if (now["state"] != "ended")
    throw Failure(now["error"].is_string() ? now["error"].get<std::string>()
                                           : "it was " + now.value("state", "stopped"),
                  1);
  end_of_erasure(session, a, now["report"], operation);
}

void erase_in_files(Session& session, const EraseArguments& a, const GivenKeys& keys,
                    const std::string& operation, Duration patience) {
  SlotRun run = lake_slot(session, "lake_erase", a.plugins);
  const char* user = std::getenv("USER");
  const json facts = contract_facts(a.contracts);
  json mask_keys = json::array();
  for (const std::string& place : a.mask_keys)
    mask_keys.push_back(mask_key_of("--mask-key", place));
  const json means = json::array({mask_keys, facts["columns"], facts["csv"]});
  const auto marks = erasure_marks(session.home, keys, json_text(means), a.subject);
  if (!marks) throw Failure("--subject: " + marks.error().message, 2);
  const json params = {{"keys", keys_json(keys)},
                       {"mask_keys", mask_keys},
                       {"operation", operation},
                       {"subject", marks->subject},
                       {"apply", a.apply},
                       {"domain", a.domain},
                       {"table", lakelog::table_name_of(a.table)},
                       {"by", user == nullptr ? "" : user},
                       {"who", marks->who},
                       {"means", marks->means},
                       {"csv", facts["csv"]},
                       {"contracts", facts["columns"]}};
  ask_first(a, operation);
  run.params_json = json_text(params);
  run.patience = patience;
  const auto done = run_in_slot(run);
  if (!done)
    throw Failure(done.error().message, done.error().message == interrupted ? interrupted_code : 1);
  end_of_erasure(session, a, value_of(parse_untrusted(*done)), operation);
}

void erase_person(Session& session, const EraseArguments& a) {
  if (!a.domain.empty() && !a.table.empty()) throw Failure("--domain or --table: one of them", 2);
  const auto patience = parse_duration(a.timeout);
  if (!patience) throw Failure("--timeout: \"" + a.timeout + "\" is no duration, such as 30m", 2);
  const GivenKeys keys = given_keys(a);
  const std::string operation =
      a.operation.empty() ? to_string(make_uuid_v7(read_clock().wall)) : a.operation;
  const bool of_files =
      a.files || !a.mask_keys.empty() || !a.contracts.empty() || !a.plugins.empty();
  if (!of_files && Client::server_is_running(session.home))
    return erase_by_server(session, a, keys, operation, *patience);
  erase_in_files(session, a, keys, operation, *patience);
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
  verb->add_flag("--files", a->files,
                 "on the files, as their owner, although a server runs; so are --mask-key, "
                 "--contracts and --plugins");
  verb->add_flag("--yes", a->yes, "do not ask");
  verb->add_option("--plugins", a->plugins, "folder of plugins");
  verb->add_option("--timeout", a->timeout, "give up after that long")->capture_default_str();
}

}  // namespace batuta::cli
