#include "plugins/lake/lake_views.h"

#include <strings.h>

#include <cctype>
#include <map>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/safe_json.h"
#include "lakelog/branch.h"
#include "lakelog/table.h"
#include "plugins/lake/appender.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/pinned_versions.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr JsonLimits rows_limits{8u << 20, 16, 1'000'000, 256u << 10};

std::string layer_of(const std::string& name) {
  return name.substr(0, name.find('/'));
}
std::string last_of(const std::string& name) {
  return name.substr(name.find_last_of('/') + 1);
}

bool same_ignoring_case(const std::string& a, const std::string& b) {
  return ::strcasecmp(a.c_str(), b.c_str()) == 0;
}

void create_schema(Session& session, const std::string& name) {
  session.run("CREATE SCHEMA IF NOT EXISTS " + quoted_name(name));
}

std::string spelt(const NamedTable& named) {
  const std::string path = named.schema.empty() ? named.name : named.schema + "." + named.name;
  return named.catalog.empty() ? path : named.catalog + "." + path;
}

// Of letters, digits and '_' only, another one for every name.
std::string view_name(const NamedTable& named) {
  std::string out = "lake_view_";
  for (const char c : spelt(named)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      out += c;
    } else {
      out += "_" + std::to_string(static_cast<unsigned char>(c)) + "_";
    }
  }
  return out;
}

// Of "silver/financial/quotes"; nobody is given the right to what lies elsewhere.
std::string layer_of_domain(const std::string& table) {
  const auto domain = table.find('/');
  const auto last = domain == table.npos ? domain : table.find('/', domain + 1);
  if (last == table.npos || table.find('/', last + 1) != table.npos) return {};
  if (domain == 0 || last == domain + 1 || last + 1 == table.size()) return {};
  return table.substr(domain + 1, last - domain - 1) + "/" + table.substr(0, domain);
}

bool may_read(const ReadableLayers& readable, const std::string& table) {
  return !readable || readable->contains(layer_of_domain(table));
}

// `wanted`: the table's whole path, or empty where its domain is not told.
[[noreturn]] void refuse(const NamedTable& named, const std::string& wanted) {
  const std::string layer = layer_of_domain(wanted);
  throw NotReadable("you may read no table " + spelt(named) +
                    (layer.empty() ? "" : ": it asks for the right \"read lake:" + layer + "\""));
}

// The one table of `all` that `named` means.
std::string find_table(const lakelog::TableList& all, const NamedTable& named,
                       const ReadableLayers& readable) {
  const std::string wanted =
      named.catalog.empty() ? named.name : named.catalog + "/" + named.schema + "/" + named.name;
  std::vector<std::string> exact, similar;
  const bool whole = named.schema.empty() || !named.catalog.empty();
  for (const std::string& name : all.names) {
    if (!may_read(readable, name)) continue;
    const std::string layer = whole ? "" : layer_of(name);
    const std::string short_name = whole ? name : last_of(name);
    const std::string wanted_layer = whole ? "" : named.schema;
    if (layer == wanted_layer && short_name == wanted) exact.push_back(name);
    if (same_ignoring_case(layer, wanted_layer) && same_ignoring_case(short_name, wanted))
      similar.push_back(name);
  }
  const auto& found = exact.empty() ? similar : exact;
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    // Of a layer that may be read everything is told; of others not whether they have it.
    if (readable && !(whole && may_read(readable, wanted))) refuse(named, whole ? wanted : "");
    const std::string left_out = all.cut                  ? " (there are too many to list them all)"
                                 : all.unreadable.empty() ? ""
                                                          : " (" + all.unreadable.front() + ")";
    throw plugin::FinalError("there is no table " + spelt(named) +
                             "; batuta lake tables lists what there is" +
                             (readable ? "" : left_out));
  }
  std::string candidates;
  for (const std::string& name : found)
    candidates += (candidates.empty() ? "\"" : " or \"") + name + "\"";
  throw plugin::FinalError(spelt(named) + " could be " + candidates + ": name it so");
}

void check_control_table(const std::vector<std::string>& known, const NamedTable& named) {
  std::string names;
  for (const std::string& name : known) {
    if (same_ignoring_case(name, named.name)) return;
    names += (names.empty() ? "mngt." : " and mngt.") + name;
  }
  throw plugin::FinalError("there is no control table " + spelt(named) + "; there are " +
                           (names.empty() ? "none here" : names));
}

// The lake with its tables, as one of its branches sees it; of an empty name as it is.
struct SeenLake {
  Lake lake;
  lakelog::TableList tables;
};

SeenLake seen_lake(const Lake& lake, const std::string& branch) {
  auto storage = lake.storage();
  if (!storage) throw plugin::FinalError(storage.error().message);
  SeenLake out{lake, {}};
  if (!branch.empty()) {
    const auto found = lakelog::find_branch(**storage, branch);
    if (!found) throw plugin::FinalError(found.error().message);
    out.lake = lake.on_branch(found->ref());
    storage = out.lake.storage();
    if (!storage) throw plugin::FinalError(storage.error().message);
  }
  auto tables = lakelog::list_tables(**storage);
  if (!tables) throw plugin::RetryableError(tables.error().message);
  out.tables = *std::move(tables);
  return out;
}

std::string cell_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

}  // namespace

DeltaTable open_travelled(Session& session, const Lake& lake, const std::string& table,
                          const TimeTravel& travel) {
  std::int64_t version = travel.version;
  if (travel.at_ms > 0) {
    auto storage = lake.storage();
    if (!storage) throw plugin::FinalError(storage.error().message);
    auto found = lakelog::version_at(lakelog::LogFolder(**storage, table), travel.at_ms);
    if (!found) {
      if (found.error().code == Errc::unavailable)
        throw plugin::RetryableError(found.error().message);
      throw plugin::FinalError(found.error().message);
    }
    version = *found;
  }
  return DeltaTable::open(session, lake, table, version);
}

std::string create_shown_view(Session& session, const std::string& view, const DeltaTable& table,
                              const ReadMasks& masks, ReadTable& told,
                              const std::vector<lakelog::AddFile>* files) {
  const auto& metadata = table.snapshot().metadata;
  const auto& columns = metadata.columns;
  if (files == nullptr) {
    create_view(session, view, table);
  } else {
    create_view(session, view, table, columns, metadata.partition_columns, *files);
  }
  const auto masked = masked_columns(masks, table.name(), columns);
  const bool bare = shown_bare(masks, table.name());
  for (const auto& [column, mask] : masked) (bare ? told.bare : told.masked).push_back(column);
  if (bare || masked.empty()) return view;
  create_masked_view(session, view + "_masked", view, columns, masked);
  return view + "_masked";
}

std::vector<ReadTable> attach_tables(Session& session, const Lake& lake,
                                     const std::vector<NamedTable>& names,
                                     const std::vector<std::string>& control_tables,
                                     const TimeTravel& travel, const ReadableLayers& readable,
                                     const ReadMasks& masks) {
  std::vector<ReadTable> read;
  std::map<std::string, SeenLake> seen_lakes;  // by branch
  std::map<std::string, std::string> views;    // by the name as the engine sees it: without case
  for (const NamedTable& named : names) {
    if (named.catalog.empty() && same_ignoring_case(named.schema, "mngt")) {
      check_control_table(control_tables, named);
      continue;
    }
    const PinnedName pinned = split_pinned_name(named.name);
    auto at_branch = seen_lakes.find(pinned.branch);
    if (at_branch == seen_lakes.end())
      at_branch = seen_lakes.emplace(pinned.branch, seen_lake(lake, pinned.branch)).first;
    const SeenLake& from = at_branch->second;
    const std::string table =
        find_table(from.tables, {named.schema, pinned.name, named.catalog}, readable);
    const TimeTravel when =
        pinned.version == lakelog::latest_version ? travel : TimeTravel{pinned.version, 0};
    std::string seen = spelt(named);
    for (char& c : seen) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto [at, fresh] = views.emplace(seen, table);
    if (!fresh && at->second != table)
      throw plugin::FinalError(at->second + " and " + table +
                               " differ in case only: one query can read one of them");
    if (!fresh) continue;
    const DeltaTable opened = open_travelled(session, from.lake, table, when);
    read.push_back({table, opened.version(), {}, {}});
    const std::string view = create_shown_view(
        session, "lake_table_" + std::to_string(views.size()), opened, masks, read.back());
    if (!named.catalog.empty()) {
      attach_relation(session, named, view);
      continue;
    }
    if (!named.schema.empty()) create_schema(session, named.schema);
    session.run("CREATE VIEW " + (named.schema.empty() ? "" : quoted_name(named.schema) + ".") +
                quoted_name(named.name) + " AS SELECT * FROM " + view);
  }
  return read;
}

void attach_rows(Session& session, const std::string& name, const std::string& table_json) {
  auto parsed = parse_untrusted(table_json, rows_limits);
  if (!valid_id(name) || !parsed || !parsed->is_object() || !parsed->contains("columns") ||
      !parsed->contains("rows"))
    throw plugin::FinalError("parameter mngt: " + name + " has no columns and rows");
  std::string stored;
  std::string typed;
  for (const json& column : (*parsed)["columns"]) {
    const std::string quoted = quoted_name(column.value("name", ""));
    stored += (stored.empty() ? "" : ", ") + quoted + " VARCHAR";
    typed += (typed.empty() ? "" : ", ") + ("CAST(" + quoted) + " AS " +
             sql_type(column.value("type", "string")) + ") AS " + quoted;
  }
  const std::string raw = "mngt_raw_" + name;
  session.run("CREATE TEMP TABLE " + quoted_name(raw) + " (" + stored + ")");
  Appender rows(session, raw);
  for (const json& row : (*parsed)["rows"]) {
    for (const json& value : row)
      rows.text(value.is_null() ? std::nullopt : std::optional(cell_text(value)));
    rows.end_row();
  }
  rows.close();
  create_schema(session, "mngt");
  session.run("CREATE VIEW mngt." + quoted_name(name) + " AS SELECT " + typed + " FROM " +
              quoted_name(raw));
}

void attach_table(Session& session, const NamedTable& named, const DeltaTable& table) {
  const std::string view = view_name(named);
  create_view(session, view, table);
  attach_relation(session, named, view);
}

void attach_relation(Session& session, const NamedTable& named, const std::string& relation) {
  std::string name = quoted_name(named.name);
  if (!named.schema.empty()) name = quoted_name(named.schema) + "." + name;
  if (!named.catalog.empty()) {
    for (const char* own : {"temp", "system", "memory"})
      if (same_ignoring_case(named.catalog, own))
        throw plugin::FinalError("the layer " + named.catalog +
                                 " cannot be named so in SQL: write \"" + named.catalog + "/" +
                                 named.schema + "/" + named.name + "\"");
    const std::string catalog = quoted_name(named.catalog);
    session.run("ATTACH IF NOT EXISTS ':memory:' AS " + catalog);
    session.run("CREATE SCHEMA IF NOT EXISTS " + catalog + "." + quoted_name(named.schema));
    name = catalog + "." + name;
  }
  session.run("CREATE VIEW " + name + " AS SELECT * FROM temp.main." + quoted_name(relation));
}

void close_outside(Session& session, const std::string& lake, const std::string& also) {
  session.run("SET allowed_directories = [" + quoted_literal(lake + "/") + ", " +
              quoted_literal(exact_path(lake) + "/") +
              (also.empty() ? "" : ", " + quoted_literal(also + "/")) + "]");
  session.run("SET enable_external_access = false");
}

void lock_down(Session& session, const std::string& lake, const std::string& also) {
  close_outside(session, lake, also);
  session.run("SET lock_configuration = true");
}

}  // namespace batuta::lake
