// assets list, aliases, show, events, queued, partitions, tell, materialize; dags explain.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct AssetArguments {
  std::string asset, name, dag_id, run_id, extra, conf, alias, partition;
  int limit = 50, offset = 0;
  bool all = false;
};

std::string pages(const AssetArguments& a) {
  return "limit=" + std::to_string(a.limit) + "&offset=" + std::to_string(a.offset);
}

// By its id, its URI or its name; of several with that name the first is not good enough.
json find_asset(const Client& client, const std::string& asset) {
  const bool number = !asset.empty() && asset.size() < 16 &&
                      asset.find_first_not_of("0123456789") == std::string::npos;
  if (number) return client.get("/api/v2/assets/" + asset);
  json found;
  for (const char* field : {"uri_prefix_pattern", "name_prefix_pattern"}) {
    const json page = client.get("/api/v2/assets?only_active=false&limit=1000&" +
                                 std::string(field) + "=" + percent_encoded(asset));
    for (const json& one : page["assets"]) {
      const bool same = one["uri"] == asset || one["name"] == asset;
      if (!same || (!found.is_null() && found["id"] == one["id"])) continue;
      if (!found.is_null() && found["uri"] == asset) return found;
      if (!found.is_null()) {
        throw Failure("two assets are called '" + asset + "': " + cell_text(found["uri"]) +
                          " and " + cell_text(one["uri"]) + "; name it by its URI",
                      2);
      }
      found = one;
    }
  }
  if (found.is_null()) {
    throw Failure("no asset has the URI or the name '" + asset + "': see batuta assets list", 1);
  }
  return found;
}

std::string id_of(const Client& client, const std::string& asset) {
  return cell_text(find_asset(client, asset)["id"]);
}

void list(Session& session, const AssetArguments& a) {
  std::string path = "/api/v2/assets?" + pages(a);
  if (!a.name.empty()) path += "&uri_pattern=" + percent_encoded(a.name);
  if (!a.dag_id.empty()) path += "&dag_ids=" + percent_encoded(a.dag_id);
  if (a.all) path += "&only_active=false";
  json page = session.client().get(path);
  for (json& one : page["assets"]) {
    one["makers"] = one["producing_tasks"].size();
    one["waiting"] = one["scheduled_dags"].size();
  }
  print_page(session.format(), page, "assets", a.offset,
             {{"id", "id"},
              {"uri", "uri"},
              {"name", "name"},
              {"group", "group"},
              {"made by", "makers"},
              {"waited for by", "waiting"},
              {"last event", "last_asset_event.timestamp"}});
}

void aliases(Session& session, const AssetArguments& a) {
  std::string path = "/api/v2/assets/aliases?" + pages(a);
  if (!a.name.empty()) path += "&name_pattern=" + percent_encoded(a.name);
  json page = session.client().get(path);
  for (json& one : page["asset_aliases"]) {
    std::string stands_for;
    for (const json& asset : one["batuta"]["assets"]) {
      stands_for += (stands_for.empty() ? "" : ", ") + cell_text(asset["uri"]);
    }
    one["stands_for"] = stands_for;
  }
  print_page(session.format(), page, "asset_aliases", a.offset,
             {{"id", "id"}, {"name", "name"}, {"group", "group"}, {"stands for", "stands_for"}});
}

void events(Session& session, const AssetArguments& a) {
  const Client client = session.client();
  std::string path = "/api/v2/assets/events?order_by=-timestamp&" + pages(a);
  if (!a.asset.empty()) path += "&asset_id=" + id_of(client, a.asset);
  if (!a.dag_id.empty()) path += "&source_dag_id=" + percent_encoded(a.dag_id);
  if (!a.alias.empty()) path += "&alias=" + percent_encoded(a.alias);
  if (!a.partition.empty()) path += "&partition_key=" + percent_encoded(a.partition);
  json page = client.get(path);
  for (json& one : page["asset_events"]) {
    std::string runs;
    for (const json& run : one["created_dagruns"]) {
      runs +=
          (runs.empty() ? "" : ", ") + cell_text(run["dag_id"]) + " " + cell_text(run["run_id"]);
    }
    one["runs"] = runs;
  }
  print_page(session.format(), page, "asset_events", a.offset,
             {{"id", "id"},
              {"when", "timestamp"},
              {"uri", "uri"},
              {"dag_id", "source_dag_id"},
              {"run_id", "source_run_id"},
              {"task_id", "source_task_id"},
              {"partition", "partition_key"},
              {"extra", "extra"},
              {"consumed by", "runs"}});
}

void queued(Session& session, const AssetArguments& a) {
  const json page =
      session.client().get("/api/v2/dags/" + percent_encoded(a.dag_id) + "/assets/queuedEvents");
  print_page(session.format(), page, "queued_events", 0,
             {{"asset_id", "asset_id"},
              {"uri", "batuta.uri"},
              {"events", "batuta.events"},
              {"since", "created_at"}});
}

void partitions(Session& session, const AssetArguments& a) {
  const json page =
      session.client().get("/api/batuta/dags/" + percent_encoded(a.dag_id) + "/partitionedDagRuns");
  print_page(
      session.format(), page, "partitioned_dag_runs", 0,
      {{"partition", "partition_key"}, {"since", "queued_at"}, {"still missing", "missing"}});
}

json object_of(const std::string& text, const char* option) {
  if (text.empty()) return json::object();
  auto value = parse_untrusted(text);
  if (!value) throw Failure(std::string(option) + " is no JSON: " + value.error().message, 2);
  return std::move(*value);
}

void tell(Session& session, const AssetArguments& a) {
  const Client client = session.client();
  const json asset = find_asset(client, a.asset);
  json body{{"asset_id", asset["id"]}, {"extra", object_of(a.extra, "--extra")}};
  if (!a.partition.empty()) body["partition_key"] = a.partition;
  print_object(session.format(), client.call("POST", "/api/v2/assets/events", body));
}

void materialize(Session& session, const AssetArguments& a) {
  const Client client = session.client();
  json body{{"conf", object_of(a.conf, "--conf")}};
  if (!a.run_id.empty()) body["dag_run_id"] = a.run_id;
  if (!a.partition.empty()) body["partition_key"] = a.partition;
  print_object(
      session.format(),
      client.call("POST", "/api/v2/assets/" + id_of(client, a.asset) + "/materialize", body));
}

}  // namespace

void add_asset_commands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand(
      "assets",
      "What DAGs make and wait for: list, aliases, show, events, queued, partitions, tell, "
      "materialize");
  noun->require_subcommand(1);
  auto a = std::make_shared<AssetArguments>();
  const auto verb = [&](const char* name, const char* help,
                        void (*action)(Session&, const AssetArguments&)) {
    return add_verb(*noun, session, name, help, [&session, a, action] { action(session, *a); });
  };
  const auto paged = [&](CLI::App* list) {
    list->add_option("--limit", a->limit)->check(whole_number(1, 1000))->capture_default_str();
    list->add_option("--offset", a->offset, "how many to pass over")->check(whole_number(0));
  };
  CLI::App* all = verb("list", "Assets", list);
  all->add_option("pattern", a->name, "a part of the URI");
  all->add_option("-d,--dag-id", a->dag_id, "only those that this DAG names");
  all->add_flag("--all", a->all, "those that no DAG names any more, too");
  paged(all);
  CLI::App* named = verb("aliases", "Aliases, and the assets that they stand for", aliases);
  named->add_option("pattern", a->name, "a part of the name");
  paged(named);
  const auto of_partition = [&](CLI::App* command, const char* help) {
    command->add_option("--partition-key", a->partition, help);
  };
  verb("show", "One asset, by its URI, name or id",
       [](Session& s, const AssetArguments& arguments) {
         print_object(s.format(), find_asset(s.client(), arguments.asset));
       })
      ->add_option("asset", a->asset)
      ->required();
  CLI::App* told = verb("events", "Events, newest first, and the runs that consumed them", events);
  told->add_option("asset", a->asset, "URI, name or id; default: of all");
  told->add_option("-d,--dag-id", a->dag_id, "only those that this DAG's tasks wrote");
  told->add_option("--alias", a->alias, "only those of assets that this alias stands for");
  of_partition(told, "only those of this partition");
  paged(told);
  verb("partitions", "Keys of which something has come for a DAG, and what is missing", partitions)
      ->add_option("dag_id,-d,--dag-id", a->dag_id)
      ->required();
  verb("queued", "What a DAG has yet to consume", queued)
      ->add_option("dag_id,-d,--dag-id", a->dag_id)
      ->required();
  CLI::App* changed = verb("tell", "Tell that an asset has changed", tell);
  changed->add_option("asset", a->asset, "URI, name or id")->required();
  changed->add_option("-e,--extra", a->extra, "a JSON object that the event carries");
  of_partition(changed, "which part of the asset has changed, such as 2026-03-10");
  CLI::App* make = verb("materialize", "Run the DAG that makes it", materialize);
  make->add_option("asset", a->asset, "URI, name or id")->required();
  make->add_option("-r,--run-id", a->run_id);
  of_partition(make, "which part of the asset is to be made");
  make->add_option("-c,--conf", a->conf, "the run's conf, a JSON object");
}

void add_dag_explain(CLI::App& dags, Session& session) {
  auto dag_id = std::make_shared<std::string>();
  CLI::App* verb = add_verb(
      dags, session, "explain", "Which assets a DAG waits for, and what has come",
      [&session, dag_id] {
        const json told =
            session.client().get("/api/batuta/dags/" + percent_encoded(*dag_id) + "/awaitedAssets");
        if (session.format().data()) return print_object(session.format(), told);
        std::printf("%s: %s\n", dag_id->c_str(), shown_text(told.value("reason", "")).c_str());
        if (told["assets"].empty()) return;
        print_rows(session.format(), told["assets"],
                   {{"uri", "uri"}, {"queued", "queued_events"}, {"since", "queued_at"}});
      });
  verb->add_option("dag_id", *dag_id)->required();
}

}  // namespace batuta::cli
