#include "plugins/lake/version_diff.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "common/safe_json.h"
#include "lakelog/column_mapping.h"
#include "lakelog/deletion_vector.h"
#include "plugins/lake/cell_json.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

// The two versions, and what is compared of them.
struct VersionPair {
  DeltaTable from, to;
  std::vector<lakelog::AddFile> only_from, only_to;  // to read
  std::vector<std::string> key, compared;
  std::set<std::string> of_other_type;  // columns that are compared as texts
  std::string from_view, to_view;
};

const lakelog::Column* column_named(const DeltaTable& table, const std::string& name) {
  for (const lakelog::Column& column : table.snapshot().metadata.columns)
    if (column.name == name) return &column;
  return nullptr;
}

json side_json(const DeltaTable& table) {
  std::optional<std::int64_t> rows = 0;
  std::int64_t bytes = 0;
  for (const auto& [path, file] : table.snapshot().files) {
    const auto more = lakelog::live_rows(file);
    rows = rows && more ? std::optional(*rows + *more) : std::nullopt;
    bytes += file.size;
  }
  return {{"version", table.version()},
          {"rows", rows ? json(*rows) : json()},
          {"files", table.snapshot().files.size()},
          {"bytes", bytes}};
}

bool same_file(const lakelog::AddFile& one, const lakelog::AddFile& other) {
  if (one.has_deletion_vector != other.has_deletion_vector) return false;
  return !one.has_deletion_vector || one.extra_json == other.extra_json;
}

std::vector<lakelog::AddFile> files_only_in(const DeltaTable& one, const DeltaTable& other) {
  const auto& others = other.snapshot().files;
  return one.files([&](const lakelog::AddFile& file) {
    const auto at = others.find(file.path);
    return at == others.end() || !same_file(file, at->second);
  });
}

// Whether a column that both have is another one in the files: dropped and made anew.
bool reads_files_otherwise(const DeltaTable& one, const DeltaTable& other) {
  const auto mapping = [](const DeltaTable& table) {
    auto found = lakelog::column_mapping(table.snapshot().protocol, table.snapshot().metadata);
    return found ? *std::move(found) : lakelog::ColumnMapping{};
  };
  const auto before = mapping(one), after = mapping(other);
  for (const auto& [name, column] : after.columns) {
    const auto at = before.columns.find(name);
    if (at != before.columns.end() && at->second.physical != column.physical) return true;
  }
  return false;
}

std::int64_t bytes_of(const std::vector<lakelog::AddFile>& files) {
  std::int64_t bytes = 0;
  for (const lakelog::AddFile& file : files) bytes += file.size;
  return bytes;
}

json columns_missing_in(const DeltaTable& one, const DeltaTable& other) {
  json out = json::array();
  for (const lakelog::Column& column : one.snapshot().metadata.columns)
    if (column_named(other, column.name) == nullptr) out.push_back(column.name);
  return out;
}

// Those of both whose type is another one.
json columns_retyped(VersionPair& pair) {
  json out = json::array();
  for (const lakelog::Column& column : pair.to.snapshot().metadata.columns) {
    const auto* before = column_named(pair.from, column.name);
    if (before == nullptr || before->type == column.type) continue;
    out.push_back({{"column", column.name}, {"from", before->type}, {"to", column.type}});
    pair.of_other_type.insert(column.name);
  }
  return out;
}

void choose_key(VersionPair& pair, const DiffQuestion& question) {
  pair.key = question.key;
  for (const std::string& name : pair.key) {
    if (column_named(pair.from, name) != nullptr && column_named(pair.to, name) != nullptr)
      continue;
    if (question.key_is_asked)
      throw plugin::FinalError("key: " + question.table + " has no column " + name +
                               " in both versions");
    pair.key.clear();
    return;
  }
}

// Beyond the key and what the lake itself writes.
void choose_compared(VersionPair& pair) {
  pair.compared.clear();
  for (const lakelog::Column& column : pair.to.snapshot().metadata.columns) {
    const bool is_key = std::find(pair.key.begin(), pair.key.end(), column.name) != pair.key.end();
    if (!is_key && !column.name.starts_with('_') && column_named(pair.from, column.name) != nullptr)
      pair.compared.push_back(column.name);
  }
}

std::string compared_sql(const VersionPair& pair, const std::string& side,
                         const std::string& name) {
  const std::string column = (side.empty() ? "" : side + ".") + quoted_name(name);
  return pair.of_other_type.contains(name) ? "CAST(" + column + " AS VARCHAR)" : column;
}

// Rows of both by their key: f and t (which has it), the key as k0…, `changed`, and with `values`
// the compared columns of both as a0, b0….
std::string joined_sql(const VersionPair& pair, bool values) {
  std::string on, out = "SELECT f._f AS f, t._t AS t", changed;
  for (std::size_t i = 0; i < pair.key.size(); ++i) {
    const std::string before = compared_sql(pair, "f", pair.key[i]);
    const std::string after = compared_sql(pair, "t", pair.key[i]);
    on += (on.empty() ? "" : " AND ") + before + " IS NOT DISTINCT FROM " + after;
    out += ", CASE WHEN t._t THEN " + after + " ELSE " + before + " END AS k" + std::to_string(i);
  }
  for (std::size_t i = 0; i < pair.compared.size(); ++i) {
    const std::string before = compared_sql(pair, "f", pair.compared[i]);
    const std::string after = compared_sql(pair, "t", pair.compared[i]);
    changed += (changed.empty() ? "" : " OR ") + before + " IS DISTINCT FROM " + after;
    if (values)
      out +=
          ", " + before + " AS a" + std::to_string(i) + ", " + after + " AS b" + std::to_string(i);
  }
  return out + ", (" + (changed.empty() ? "false" : changed) +
         ") AS changed FROM (SELECT true AS _f, * FROM " + quoted_name(pair.from_view) +
         ") f FULL JOIN (SELECT true AS _t, * FROM " + quoted_name(pair.to_view) + ") t ON " + on;
}

bool is_unique(Session& session, const VersionPair& pair, const std::string& view) {
  std::string columns;
  for (const std::string& name : pair.key)
    columns += (columns.empty() ? "" : ", ") + quoted_name(name);
  const std::string sql = "SELECT count(*) FROM (SELECT 1 FROM " + quoted_name(view) +
                          " GROUP BY " + columns + " HAVING count(*) > 1 LIMIT 1) d";
  return session.value(sql).integer() == 0;
}

// Whole rows, and how often more (or less) `to` has each: the compared ones as v0…, then times.
std::string whole_sql(const VersionPair& pair) {
  const auto side = [&](const std::string& view, const char* times) {
    std::string out = "SELECT ";
    for (std::size_t i = 0; i < pair.compared.size(); ++i)
      out += compared_sql(pair, "", pair.compared[i]) + " AS v" + std::to_string(i) + ", ";
    return out + times + " AS times FROM " + quoted_name(view);
  };
  std::string columns;
  for (std::size_t i = 0; i < pair.compared.size(); ++i) columns += "v" + std::to_string(i) + ", ";
  std::string by = columns.substr(0, columns.size() - 2);
  return "SELECT " + columns + "CAST(sum(times) AS BIGINT) AS times FROM (" +
         side(pair.to_view, "1") + " UNION ALL " + side(pair.from_view, "-1") + ") u GROUP BY " +
         by + " HAVING sum(times) <> 0";
}

// Calls `take` with each row until there are as many as were asked for, or no room for more:
// whether some were left out.
bool sampled_rows(Session& session, const std::string& sql, const DiffQuestion& question,
                  const std::function<json(const std::vector<Cell>&)>& shown, json& rows) {
  std::size_t left = question.answer_bytes;
  bool cut = false;
  const bool all_fit = session.stream_select(
      sql, [](const std::vector<std::string>&) {},
      [&](std::vector<Cell>&& row) {
        cut = static_cast<std::int64_t>(rows.size()) == question.rows;
        if (cut) return false;
        json one = shown(row);
        const std::size_t size = json_text(one).size() + 1;
        cut = size > left;
        if (cut) return false;
        left -= size;
        rows.push_back(std::move(one));
        return true;
      },
      [&left] { return left; });
  return cut || !all_fit;
}

json keyed_row(const VersionPair& pair, const std::vector<Cell>& row) {
  std::size_t at = 2;
  json key = json::object(), values = json::object();
  const bool before = !row[0].is_null(), after = !row[1].is_null();
  for (const std::string& name : pair.key) key[name] = to_json(row[at++]);
  for (const std::string& name : pair.compared) {
    json from = to_json(row[at]), to = to_json(row[at + 1]);
    at += 2;
    if (!before || !after || from != to)
      values[name] = {{"from", std::move(from)}, {"to", std::move(to)}};
  }
  const char* what = !before ? "added" : !after ? "removed" : "changed";
  return {{"what", what}, {"times", 1}, {"key", std::move(key)}, {"values", std::move(values)}};
}

json whole_row(const VersionPair& pair, const std::vector<Cell>& row) {
  const std::int64_t times = row[pair.compared.size()].integer();
  json values = json::object();
  for (std::size_t i = 0; i < pair.compared.size(); ++i) {
    json value = to_json(row[i]);
    values[pair.compared[i]] = {{"from", times < 0 ? value : json()},
                                {"to", times > 0 ? value : json()}};
  }
  return {{"what", times > 0 ? "added" : "removed"},
          {"times", times > 0 ? times : -times},
          {"key", json::object()},
          {"values", std::move(values)}};
}

void set_counts(json& out, std::int64_t added, std::int64_t removed, std::int64_t changed) {
  out["added"] = added;
  out["removed"] = removed;
  out["changed"] = changed;
  if (const auto rows = json_int(out["to"]["rows"])) out["unchanged"] = *rows - added - changed;
}

void compare_by_key(Session& session, const VersionPair& pair, const DiffQuestion& question,
                    json& out) {
  const Table counts = session.query(
      "SELECT count(*) FILTER (WHERE f IS NULL), count(*) FILTER (WHERE t IS NULL), count(*) "
      "FILTER (WHERE f AND t AND changed) FROM (" +
          joined_sql(pair, false) + ") j",
      {}, 1);
  const auto& row = counts.rows.at(0);
  set_counts(out, row[0].integer(), row[1].integer(), row[2].integer());
  const bool alike = row[0].integer() + row[1].integer() + row[2].integer() == 0;
  if (alike || question.rows == 0) return;
  std::string order;
  for (std::size_t i = 0; i < pair.key.size(); ++i)
    order += (order.empty() ? "k" : ", k") + std::to_string(i);
  out["cut"] = sampled_rows(
      session,
      "SELECT * FROM (" + joined_sql(pair, true) +
          ") j WHERE f IS NULL OR t IS NULL OR changed ORDER BY " + order,
      question, [&pair](const std::vector<Cell>& each) { return keyed_row(pair, each); },
      out["rows"]);
}

void compare_whole(Session& session, const VersionPair& pair, const DiffQuestion& question,
                   json& out) {
  const std::string differing = whole_sql(pair);
  const Table counts = session.query(
      "SELECT CAST(coalesce(sum(times) FILTER (WHERE times > 0), 0) AS BIGINT), "
      "CAST(coalesce(-sum(times) FILTER (WHERE times < 0), 0) AS BIGINT) FROM (" +
          differing + ") d",
      {}, 1);
  const auto& row = counts.rows.at(0);
  set_counts(out, row[0].integer(), row[1].integer(), 0);
  if (row[0].integer() + row[1].integer() == 0 || question.rows == 0) return;
  out["cut"] = sampled_rows(
      session, differing + " ORDER BY ALL", question,
      [&pair](const std::vector<Cell>& each) { return whole_row(pair, each); }, out["rows"]);
}

DeltaTable opened(Session& session, const Lake& lake, const std::string& table,
                  std::int64_t version) {
  DeltaTable out = DeltaTable::open(session, lake, table, version);
  if (!out.exists()) throw plugin::FinalError("there is no table " + table);
  return out;
}

VersionPair opened_pair(Session& session, const Lake& lake, const DiffQuestion& question) {
  DeltaTable to = opened(session, lake, question.table, question.to);
  const std::int64_t from = question.from >= 0 ? question.from : to.version() - 1;
  if (from < 0)
    throw plugin::FinalError(question.table + " has one version, 0: there is none before it");
  VersionPair pair{
      opened(session, lake, question.table, from), std::move(to), {}, {}, {}, {}, {}, {}, {}};
  if (reads_files_otherwise(pair.from, pair.to)) {
    const auto all = [](const lakelog::AddFile&) { return true; };
    pair.only_from = pair.from.files(all);
    pair.only_to = pair.to.files(all);
  } else {
    pair.only_from = files_only_in(pair.from, pair.to);
    pair.only_to = files_only_in(pair.to, pair.from);
  }
  return pair;
}

std::string mebibytes(std::int64_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

}  // namespace

json version_diff(Session& session, const Lake& lake, const ReadMasks& masks,
                  const DiffQuestion& question, ReadTable& told) {
  VersionPair pair = opened_pair(session, lake, question);
  const std::int64_t bytes = bytes_of(pair.only_from) + bytes_of(pair.only_to);
  json out{{"from", side_json(pair.from)},
           {"to", side_json(pair.to)},
           {"files_added", pair.only_to.size()},
           {"files_removed", pair.only_from.size()},
           {"bytes_compared", bytes},
           {"columns_added", columns_missing_in(pair.to, pair.from)},
           {"columns_removed", columns_missing_in(pair.from, pair.to)},
           {"columns_changed", columns_retyped(pair)},
           {"added", nullptr},
           {"removed", nullptr},
           {"changed", nullptr},
           {"unchanged", nullptr},
           {"rows", json::array()},
           {"cut", false},
           {"not_compared", nullptr}};
  told = {question.table, pair.to.version(), {}, {}};
  choose_key(pair, question);
  choose_compared(pair);
  if (bytes > question.compared_bytes) {
    out["bytes_compared"] = 0;
    out["not_compared"] = "the files that differ are " + mebibytes(bytes) + ", and at most " +
                          mebibytes(question.compared_bytes) +
                          " are read: ask for versions that are nearer to each other";
  } else if (pair.key.empty() && pair.compared.empty()) {
    out["bytes_compared"] = 0;
    out["not_compared"] = "the versions have no column in common that could be compared";
  } else {
    ReadTable before = told;
    pair.from_view =
        create_shown_view(session, "diff_from", pair.from, masks, before, &pair.only_from);
    pair.to_view = create_shown_view(session, "diff_to", pair.to, masks, told, &pair.only_to);
    for (auto list : {&ReadTable::masked, &ReadTable::bare})
      for (const std::string& name : before.*list)
        if (std::find((told.*list).begin(), (told.*list).end(), name) == (told.*list).end())
          (told.*list).push_back(name);
    lock_down(session, lake.folder());
    if (!pair.key.empty() &&
        (!is_unique(session, pair, pair.from_view) || !is_unique(session, pair, pair.to_view))) {
      if (question.key_is_asked)
        throw plugin::FinalError("key: these columns are no key of " + question.table +
                                 ": rows have the same values in them; name more, or none");
      pair.key.clear();
      choose_compared(pair);
    }
    (pair.key.empty() ? compare_whole : compare_by_key)(session, pair, question, out);
  }
  out["key"] = pair.key;
  out["compared"] = pair.compared;
  return out;
}

}  // namespace batuta::lake
