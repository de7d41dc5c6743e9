// lake rotate-key: another key of pseudonyms. The connection has both keys while tables turn, and
// the old one goes from it when nothing is under it any more.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/safe_json.h"
#include "common/time.h"
#include "common/url.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/person_keys.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct RotateArguments {
  std::string connection, key, previous, plugins, timeout = "6h";
  std::vector<std::string> contracts;
  bool apply = false, yes = false;
};

std::int64_t rotated_count(const json& told, const char* name) {
  return json_int(told.value(name, json())).value_or(0);
}

// States that the next snapshot of their keys writes once more.
void say_kept_hashes(const json& told) {
  for (const json& table : told.value("tables", json::array())) {
    const auto kept = rotated_count(table, "kept_hashes");
    if (kept == 0) continue;
    std::fprintf(stderr,
                 "batuta: %s: %lld states keep the change_hash of their old pseudonyms, as its "
                 "columns could not be told: the next snapshot of those keys writes one state more "
                 "each\n",
                 table.value("table", "").c_str(), static_cast<long long>(kept));
  }
}

void print_rotated(Session& session, const json& told) {
  say_kept_hashes(told);
  if (session.format().data()) return print_object(session.format(), told);
  print_rows(session.format(), told.value("tables", json::array()),
             {{"table", "table"},
              {"columns", "columns"},
              {"rows", "rows"},
              {"version", "version"},
              {"problem", "problem"}});
  if (const auto more = rotated_count(told, "tables_more"); more > 0)
    std::printf("%lld more tables\n", static_cast<long long>(more));
  std::printf("%lld texts of bronze\n", static_cast<long long>(rotated_count(told, "texts")));
}

// Both keys in the connection: tasks write each table by the key that it bears.
void give_both_keys(const Client& client, const RotateArguments& a, const std::string& key,
                    const std::string& previous) {
  const std::string path = "/api/v2/connections/" + percent_encoded(a.connection);
  const json known = client.get(path);
  const json extra = known.value("extra", json());
  const auto held = extra.is_string() && !extra.get_ref<const std::string&>().empty()
                        ? parse_untrusted(extra.get<std::string>())
                        : Result<json>(json::object());
  const bool ours = held && held->is_object() &&
                    (held->empty() || (held->size() == 1 && held->contains("previous_key")));
  if (!ours)
    throw Failure("the extra of the connection " + a.connection +
                      " has something beside previous_key: a key of pseudonyms needs a connection "
                      "of its own",
                  1);
  client.call("PATCH", path,
              {{"connection_id", a.connection},
               {"password", key},
               {"extra", json_text({{"previous_key", previous}})}});
}

void forget_previous(const Client& client, const RotateArguments& a) {
  client.call("PATCH", "/api/v2/connections/" + percent_encoded(a.connection),
              {{"connection_id", a.connection}, {"extra", "{}"}});
}

void rotate_lake_key(Session& session, const RotateArguments& a) {
  const auto patience = parse_duration(a.timeout);
  if (!patience) throw Failure("--timeout: \"" + a.timeout + "\" is no duration, such as 30m", 2);
  const std::string key = mask_key_of("--key", a.key);
  const std::string previous = mask_key_of("--previous", a.previous);
  const json facts = contract_facts(a.contracts, a.connection);
  if (facts["columns"].empty())
    throw Failure("no contract has batuta.maskKey: " + a.connection + " (--contracts DIR)", 2);
  const bool served = Client::server_is_running(session.home);
  SlotRun run = lake_slot(session, "lake_rotate_key", a.plugins);
  json params{
      {"key", key}, {"previous", previous}, {"contracts", facts["columns"]}, {"apply", false}};
  run.patience = *patience;
  const auto call = [&] {
    run.params_json = json_text(params);
    const auto done = run_in_slot(run);
    if (!done)
      throw Failure(done.error().message,
                    done.error().message == interrupted ? interrupted_code : 1);
    return value_of(parse_untrusted(*done));
  };
  json told = call();
  bool possible = true;
  for (const json& table : told.value("tables", json::array()))
    possible = possible && table.value("problem", json()).is_null();
  if (!a.apply || !possible) {
    print_rotated(session, told);
    if (!possible) throw Failure("nothing was changed: not every table can be rotated", 1);
    if (!session.format().data()) std::printf("\nNothing was changed. With --apply it is done.\n");
    return;
  }
  confirm("Write all pseudonyms of this key anew?", a.yes);
  if (served) give_both_keys(session.client(), a, key, previous);
  params["apply"] = true;
  told = call();
  print_rotated(session, told);
  if (!told.value("unused", false))
    throw Failure("not every table is under the new key yet: call it again", 1);
  if (served) return forget_previous(session.client(), a);
  std::fprintf(stderr,
               "batuta: no server runs here: give the connection %s the new key as its password "
               "before a task writes these tables\n",
               a.connection.c_str());
}

}  // namespace

void add_lake_rotate(CLI::App& lake, Session& session) {
  const auto a = std::make_shared<RotateArguments>();
  CLI::App* verb = add_verb(lake, session, "rotate-key",
                            "Writes the pseudonyms of a key by another one, each table in one "
                            "version; a plan without --apply",
                            [&session, a] { rotate_lake_key(session, *a); });
  verb->add_option("connection", a->connection, "that holds the key: batuta.maskKey of contracts")
      ->required();
  verb->add_option("--key", a->key, "where the new key is: env:NAME or file:/path")->required();
  verb->add_option("--previous", a->previous, "where the old one is, likewise")->required();
  verb->add_option("--contracts", a->contracts,
                   "folder of contracts (./contracts); may be repeated")
      ->allow_extra_args(false);
  verb->add_flag("--apply", a->apply, "do it; otherwise what would be touched is told");
  verb->add_flag("--yes", a->yes, "do not ask");
  verb->add_option("--plugins", a->plugins, "folder of plugins");
  verb->add_option("--timeout", a->timeout, "give up after that long")->capture_default_str();
}

}  // namespace batuta::cli
