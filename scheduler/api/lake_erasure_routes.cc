// Persons erased from the lake over HTTP: ordered, looked at, stopped. Each order is written down
// before anything happens and when it has ended; nothing that is written has the person's values.
#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "common/uuid.h"
#include "contract/erasure_facts.h"
#include "lakelog/path.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/api/lake_erasures.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"
#include "scheduler/store/erasure_marks.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t most_persons_keys = 20, most_value_text = 4096, most_mask_connections = 20;
constexpr std::size_t least_mask_key = 16;
constexpr std::size_t most_record_bytes = 16u << 20;

using PersonKeys = std::vector<std::pair<std::string, std::string>>;  // column, value

struct AskedErasure {
  Erasure erasure;
  PersonKeys keys;
  std::vector<std::string> mask_connections;
};

// All layers of what is asked about: "lake:shop/*", or "lake:*".
std::string erased_resource(const std::string& domain, const std::string& table) {
  if (!domain.empty()) return "lake:" + domain + "/*";
  const auto first = table.find('/');
  if (first == table.npos) return "lake:*";
  const auto second = table.find('/', first + 1);
  return "lake:" +
         (second == table.npos ? table.substr(0, first)
                               : table.substr(first + 1, second - first - 1)) +
         "/*";
}

Status check_may_erase(const Request& request, const Erasure& erasure) {
  const std::string resource = erased_resource(erasure.domain, erasure.table);
  if (may(request.identity, Action::erase, resource)) return success();
  return needs_right(Action::erase, resource);
}

PersonKeys person_keys(BodyReader& fields) {
  PersonKeys out;
  const json* given = fields.value("keys");
  const char* const wrong = R"(must be 1 to 20 objects {"column": "cpf", "value": "123"})";
  if (given == nullptr || !given->is_array() || given->empty() ||
      given->size() > most_persons_keys) {
    fields.fail("keys", wrong);
    return out;
  }
  for (const json& one : *given) {
    const auto text = [&](const char* name) {
      const json value = one.is_object() ? one.value(name, json()) : json();
      return value.is_string() ? value.get<std::string>() : std::string();
    };
    out.emplace_back(text("column"), text("value"));
    const std::string& value = out.back().second;
    if (out.back().first.empty() || value.size() > most_value_text ||
        value.find_first_not_of(" \t\r\n") == value.npos) {
      fields.fail("keys", std::string(wrong) + ", a value of 1 to 4096 bytes and not blank");
      return out;
    }
  }
  return out;
}

Result<AskedErasure> asked_erasure(Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  AskedErasure out;
  Erasure& erasure = out.erasure;
  erasure.domain = fields.text("domain", 128).value_or("");
  erasure.table = lakelog::table_name_of(fields.text("table", 400).value_or(""));
  erasure.apply = fields.boolean("apply").value_or(false);
  erasure.operation = fields.text("operation", 64).value_or(to_string(make_uuid_v7(context.now())));
  erasure.subject = fields.text("subject", 200).value_or("");
  out.mask_connections =
      fields.texts("mask_connections", most_mask_connections).value_or(std::vector<std::string>{});
  out.keys = person_keys(fields);
  if (fields.status() && !valid_order_id(erasure.operation)) fields.fail("operation", no_order_id);
  if (fields.status() && !erasure.domain.empty() && !erasure.table.empty())
    fields.fail("table", "domain or table: one of them");
  if (fields.status() && !erasure.table.empty() && erasure.table.find('/') == std::string::npos)
    fields.fail("table", "must be domain/table, or layer/domain/table");
  if (!fields.status()) return fields.status().error();
  erasure.by = request.identity.user;
  erasure.asked_at = context.now();
  return out;
}

// What the contracts say of the tables, and the connections that hold keys of pseudonyms.
struct DescribedLake {
  json columns = json::object(), csv = json::object();
  std::set<std::string> connections;
};

std::string erased_lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

void add_described(const TableContract& contract, const AskedErasure& asked, DescribedLake& out) {
  const json facts = stored_json(contract::erasure_facts_json(contract.table));
  out.columns[contract.name] = facts.value("columns", json::object());
  if (const json csv = facts.value("csv", json()); csv.is_object()) out.csv[contract.name] = csv;
  for (const contract::Column& column : contract.table.columns)
    for (const auto& [name, value] : asked.keys)
      if (column.mask == contract::Mask::pseudonym &&
          erased_lower(column.name) == erased_lower(name))
        out.connections.insert(contract.table.mask_key);
}

Result<DescribedLake> described_lake(Context& context, const AskedErasure& asked) {
  const auto bag = context.services.backend.dags();
  DescribedLake out;
  const auto unreadable = [](const std::string& name) {
    return Error{
        Errc::conflict,
        "the contract " + name + " cannot be read, and hides what its tables hold: mend it first",
        {}};
  };
  for (const std::string& name : context.contracts->names(bag)) {
    const auto slash = name.find('/');
    const auto contract = context.contracts->find(bag, name.substr(0, slash),
                                                  slash == name.npos ? "" : name.substr(slash + 1));
    if (!contract) return unreadable(name);
    add_described(*contract, asked, out);
  }
  // Of DAGs whose file is gone: what they masked is still there.
  for (const auto& [name, texts] : context.contracts->masking(bag, context.services.history))
    for (const auto& contract : texts) {
      if (out.columns.contains(name)) continue;
      if (!contract) return unreadable(name);
      add_described(*contract, asked, out);
    }
  return out;
}

Result<json> mask_keys_of(Context& context, const std::set<std::string>& connections) {
  json out = json::array();
  for (const std::string& id : connections) {
    auto connection = context.services.registry.connection(id);
    if (!connection)
      return {Errc::conflict,
              "there is no connection " + id +
                  ", which holds the key of pseudonyms: nobody can tell without it which rows are "
                  "the person's"};
    if (context.services.secrets != nullptr)
      if (const Status opened = context.services.secrets->open(*connection); !opened)
        return opened.error();
    if (connection->password.size() < least_mask_key)
      return {Errc::conflict, "the connection " + id +
                                  " holds no key of pseudonyms: its password has less than 16 "
                                  "characters"};
    out.push_back(connection->password);
  }
  return out;
}

// What lake_erase is told; has the person's values and the keys.
Result<std::string> erase_params(Context& context, AskedErasure& asked) {
  auto described = described_lake(context, asked);
  if (!described) return described.error();
  std::set<std::string> connections = described->connections;
  connections.insert(asked.mask_connections.begin(), asked.mask_connections.end());
  const auto mask_keys = mask_keys_of(context, connections);
  if (!mask_keys) return mask_keys.error();
  json keys = json::array();
  for (const auto& [column, value] : asked.keys)
    keys.push_back({{"column", column}, {"value", value}});
  const json means = json::array({*mask_keys, described->columns, described->csv});
  const auto marks =
      erasure_marks(context.services.home, asked.keys, json_text(means), asked.erasure.subject);
  if (!marks) return Error{Errc::invalid, marks.error().message, "body.subject"};
  asked.erasure.subject = marks->subject;
  return json_text({{"keys", keys},
                    {"mask_keys", *mask_keys},
                    {"operation", asked.erasure.operation},
                    {"subject", marks->subject},
                    {"apply", asked.erasure.apply},
                    {"domain", asked.erasure.domain},
                    {"table", asked.erasure.table},
                    {"by", asked.erasure.by},
                    {"who", marks->who},
                    {"means", marks->means},
                    {"csv", described->csv},
                    {"contracts", described->columns}});
}

json order_row(const Erasure& erasure) {
  const json report = erasure.report_json.empty() ? json() : stored_json(erasure.report_json);
  return {{"operation", erasure.operation},
          {"state", erasure.state},
          {"by", text_or_null(erasure.by)},
          {"subject", erasure.subject},
          {"domain", text_or_null(erasure.domain)},
          {"table", text_or_null(erasure.table)},
          {"apply", erasure.apply},
          {"asked_at", to_iso(erasure.asked_at)},
          {"ended_at", erasure.ended_at ? json(to_iso(*erasure.ended_at)) : json()},
          {"error", text_or_null(erasure.error)},
          {"report", report.is_object() ? report : json()}};
}

json written_before(const AskedErasure& asked) {
  json columns = json::array();
  for (const auto& [column, value] : asked.keys) columns.push_back(column);
  const Erasure& erasure = asked.erasure;
  return {{"operation", erasure.operation}, {"subject", erasure.subject}, {"columns", columns},
          {"domain", erasure.domain},       {"table", erasure.table},     {"apply", erasure.apply}};
}

json written_after(const Erasure& erasure) {
  json out{{"operation", erasure.operation},
           {"subject", erasure.subject},
           {"apply", erasure.apply},
           {"state", erasure.state}};
  const json report = erasure.report_json.empty() ? json() : stored_json(erasure.report_json);
  if (!report.is_object()) return out;
  for (const char* name : {"complete", "rows", "raw_records", "old_files"})
    out[name] = report.value(name, json());
  out["tables"] = report.value("tables", json::array()).size();
  return out;
}

// One whose record is there and cannot be read: it is told, for it may have been applied.
Erasure unread_erasure(const std::string& operation, const std::string& why) {
  Erasure out;
  out.operation = operation;
  out.apply = true;
  out.state = "failed";
  out.error = "its record _erasures/" + operation + ".json in the lake cannot be read (" + why +
              "): bring the file back, or order the erasure again under the same operation";
  return out;
}

// Of the record that lies in the lake.
Result<Erasure> kept_erasure(Context& context, const std::string& operation) {
  const Error none{Errc::not_found, "there is no erasure " + operation, {}};
  if (!context.services.lake || !valid_order_id(operation)) return none;
  const auto storage = context.services.lake->storage();
  if (!storage) return storage.error();
  const auto text = (*storage)->read("_erasures/" + operation + ".json", {0, most_record_bytes});
  if (!text)
    return text.error().code == Errc::not_found
               ? Result<Erasure>(none)
               : Result<Erasure>(unread_erasure(operation, text.error().message));
  const json record = stored_json(*text);
  if (!record.is_object()) return unread_erasure(operation, "it is no JSON object");
  const json what = record.value("what", json::object());
  const auto field = [](const json& of, const char* name) {
    const json value = of.is_object() ? of.value(name, json()) : json();
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  Erasure out;
  out.operation = operation;
  out.by = field(record, "by");
  out.subject = field(what, "subject");
  out.domain = field(what, "domain");
  out.table = field(what, "table");
  out.apply = true;
  if (const auto at = parse_iso(field(record, "begun_at"))) out.asked_at = *at;
  if (const auto at = parse_iso(field(record, "ended_at"))) out.ended_at = *at;
  out.state = out.ended_at ? "ended" : "stopped";
  if (const json report = record.value("report", json()); report.is_object())
    out.report_json = json_text(report);
  return out;
}

Result<Erasure> seen_erasure(Context& context, const Request& request) {
  const std::string& operation = path_param(request, "operation");
  Result<Erasure> found(Errc::not_found, "");
  if (const auto known = context.erasures->find(operation)) {
    found = *known;
  } else {
    found = kept_erasure(context, operation);
  }
  if (!found) return found;
  if (auto allowed = check_may_erase(request, *found); !allowed) return allowed.error();
  return found;
}

void start_erasure(Context& context, const Call& call, const Erasure& erasure,
                   const std::string& params) {
  context.erasures->start(
      erasure.operation,
      [&context, params](const LakeErasures::Stop& stop) {
        return context.services.erase_query(params, stop);
      },
      [&context] { return context.stopping.load(); },
      [&context, call](const Erasure& ended, std::function<void()> tell) {
        // Where it cannot be written down the store is away, and has said so; what was done is.
        context.change(
            call, "lake_erase_ended", written_after(ended), [] { return success(); },
            [tell = std::move(tell)](const Status&) { tell(); });
      });
}

}  // namespace

void order_lake_erasure(Context& context, Call call) {
  auto asked = asked_erasure(context, *call.request);
  if (!asked) return call.respond(error_response(asked.error()));
  if (auto allowed = check_may_erase(*call.request, asked->erasure); !allowed)
    return call.respond(error_response(allowed.error()));
  // The contracts' own are theirs to name; any other would tell which connections there are.
  if (!asked->mask_connections.empty() &&
      !may(call.request->identity, Action::read, "admin:connections"))
    return call.respond(error_response(needs_right(Action::read, "admin:connections")));
  call.request->body.clear();  // the call lives until the erasure has ended
  context.work(call, [&context, call, order = *std::move(asked)]() mutable -> Status {
    auto params = erase_params(context, order);
    if (!params) return params.error();
    const Erasure erasure = order.erasure;
    if (auto begun = context.erasures->begin(erasure); !begun) return begun.error();
    context.change(
        call, "lake_erase_ordered", written_before(order), [] { return success(); },
        [&context, call, erasure, params = *std::move(params)](const Status& kept) {
          if (!kept) {
            context.erasures->forget(erasure.operation);
            return call.respond(error_response(kept.error()));
          }
          call.respond(json_response(order_row(erasure), 202));
          start_erasure(context, call, erasure, params);
        });
    return success();
  });
}

// Those that this server remembers, and those that have a record in the lake; without their
// reports, and only what the caller may erase.
Result<Response> list_lake_erasures(Context& context, const Request& request) {
  std::vector<Erasure> found = context.erasures->all();
  std::set<std::string> known;
  for (const Erasure& erasure : found) known.insert(erasure.operation);
  bool more = false;
  if (context.services.lake) {
    const auto storage = context.services.lake->storage();
    if (!storage) return storage.error();
    const auto listed = (*storage)->list("_erasures/");
    if (!listed) return listed.error();
    std::size_t read = 0;
    // Of operations that nobody named the greatest is the newest.
    for (auto it = listed->objects.rbegin(); it != listed->objects.rend(); ++it) {
      std::string name = it->key.substr(it->key.rfind('/') + 1);
      if (!name.ends_with(".json") || known.contains(name.substr(0, name.size() - 5))) continue;
      if ((more = read++ == LakeErasures::most_kept)) break;
      if (auto kept = kept_erasure(context, name.substr(0, name.size() - 5)))
        found.push_back(*std::move(kept));
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Erasure& a, const Erasure& b) { return a.asked_at > b.asked_at; });
  json rows = json::array();
  for (const Erasure& erasure : found) {
    if (!check_may_erase(request, erasure)) continue;
    json row = order_row(erasure);
    row["report"] = nullptr;
    rows.push_back(std::move(row));
  }
  const auto total = static_cast<std::int64_t>(rows.size());
  json out = collection("erasures", std::move(rows), total);
  out["more"] = more;
  return json_response(out);
}

Result<Response> get_lake_erasure(Context& context, const Request& request) {
  const auto found = seen_erasure(context, request);
  if (!found) return found.error();
  return json_response(order_row(*found));
}

void stop_lake_erasure(Context& context, Call call) {
  context.work(call, [&context, call]() -> Status {
    const auto found = seen_erasure(context, *call.request);
    if (!found) return found.error();
    context.change(
        call, "lake_erase_stopped", {{"operation", found->operation}}, [] { return success(); },
        [&context, call, operation = found->operation](const Status& kept) {
          if (!kept) return call.respond(error_response(kept.error()));
          const Status stopped = context.erasures->stop(operation);
          call.respond(stopped ? no_content() : error_response(stopped.error()));
        });
    return success();
  });
}

}  // namespace batuta::http
