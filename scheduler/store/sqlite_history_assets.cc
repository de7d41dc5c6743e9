// Lists of assets, of their events and of what is queued.
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/store/asset_rows.h"
#include "scheduler/store/history_reader.h"
#include "scheduler/store/list_sql.h"
#include "scheduler/store/row_codec.h"
#include "scheduler/store/sqlite_history.h"

namespace batuta {
namespace {

constexpr Field asset_fields[] = {
    {"id", "a.id"},
    {"name", "a.name"},
    {"uri", "a.uri"},
    {"group", "a.asset_group"},
    {"created_at", "a.created_at"},
    {"updated_at", "a.updated_at"},
};
constexpr Field alias_fields[] = {
    {"id", "l.id"},
    {"name", "l.name"},
    {"group", "l.alias_group"},
};
constexpr Field asset_event_fields[] = {
    {"id", "e.id"},
    {"asset_id", "e.asset"},
    {"timestamp", "e.timestamp"},
    {"source_dag_id", "e.source_dag_id", Holds::text},
    {"source_task_id", "e.source_task_id", Holds::text},
    {"source_run_id", "e.source_run_id", Holds::text},
    {"source_map_index", "e.source_map_index"},
    {"partition_key", "e.partition_key", Holds::text},
    {"name", "a.name"},
    {"uri", "a.uri"},
};

constexpr char select_refs[] =
    "SELECT role, dag_id, task_id, created_at, updated_at FROM asset_ref WHERE asset = ? "
    "ORDER BY role, dag_id, task_id";
constexpr char select_aliases_of[] =
    "SELECT l.id, l.name, l.alias_group FROM asset_alias_asset AS s JOIN asset_alias AS l "
    "ON l.id = s.alias WHERE s.asset = ? ORDER BY l.id";
constexpr char select_watchers_of[] =
    "SELECT " BATUTA_ASSET_WATCHER_COLUMNS " FROM asset_watcher WHERE asset = ? ORDER BY id";
constexpr char select_alias_refs[] =
    "SELECT role, dag_id, task_id, created_at, updated_at FROM asset_alias_ref WHERE alias = ? "
    "ORDER BY role, dag_id, task_id";
constexpr char select_assets_of_alias[] =
    "SELECT a.id, a.uri FROM asset_alias_asset AS s JOIN asset AS a ON a.id = s.asset "
    "WHERE s.alias = ? ORDER BY a.id";
constexpr char select_last_event[] =
    "SELECT id, timestamp FROM asset_event WHERE asset = ? ORDER BY id DESC LIMIT 1";
constexpr char select_consumers[] =
    "SELECT " BATUTA_RUN_COLUMNS("r.") ", NOT EXISTS (SELECT 1 FROM asset_event_run AS later "
    "WHERE later.run = c.run AND later.event > c.event) "
    "FROM asset_event_run AS c JOIN dag_run AS r ON r.seq = c.run "
    "WHERE c.event = ? ORDER BY r.seq";
constexpr char active[] =
    "(a.uri LIKE 'lake://%' OR EXISTS (SELECT 1 FROM asset_ref AS f JOIN dag AS d "
    "ON d.dag_id = f.dag_id WHERE f.asset = a.id AND d.is_stale = 0) "
    "OR EXISTS (SELECT 1 FROM asset_alias_asset AS s JOIN asset_alias_ref AS f ON f.alias = "
    "s.alias "
    "JOIN dag AS d ON d.dag_id = f.dag_id WHERE s.asset = a.id AND d.is_stale = 0))";

// One of the alternatives holds: what it begins with, and a column that names a DAG which is seen.
void add_seen(Where& where, const std::vector<std::pair<std::string, std::string>>& alternatives,
              const Sight& sight) {
  if (sight.everything()) return;
  std::string text = "(";
  std::vector<SqlValue> values;
  for (const auto& [from, column] : alternatives) {
    if (text.size() > 1) text += " OR ";
    text += from;
    for (const auto& patterns : sight.all) {
      text.append(" AND ").append(column).append(" IN ").append(seen_dags);
      values.emplace_back(json_array(patterns));
    }
    text += ")";
  }
  where.add(text + ")");
  where.values.insert(where.values.end(), values.begin(), values.end());
}

// Of asset a.
const std::vector<std::pair<std::string, std::string>>& seen_assets() {
  static const std::vector<std::pair<std::string, std::string>> ways = {
      {"EXISTS (SELECT 1 FROM asset_ref AS f WHERE f.asset = a.id", "f.dag_id"},
      {"EXISTS (SELECT 1 FROM asset_event AS w WHERE w.asset = a.id", "w.source_dag_id"}};
  return ways;
}

}  // namespace

ListSql assets_sql(const AssetQuery& query) {
  Where where;
  if (query.id) where.add("a.id = ?", *query.id);
  if (!query.dag_ids.empty()) {
    std::string list;
    for (std::size_t i = 0; i < query.dag_ids.size(); ++i) list += i == 0 ? "?" : ", ?";
    where.add("EXISTS (SELECT 1 FROM asset_ref AS n WHERE n.asset = a.id AND n.dag_id IN (" + list +
              "))");
    for (const std::string& id : query.dag_ids) where.values.emplace_back(id);
  }
  if (query.only_active) where.add(active);
  where.add_all(query.filters, asset_fields);
  add_seen(where, seen_assets(), query.sight);
  return {"SELECT " BATUTA_ASSET_COLUMNS("a.") " FROM asset AS a" + where.text() +
              order_text(query.order_by, asset_fields, "a.id") + " LIMIT ? OFFSET ?",
          "SELECT COUNT(*) FROM asset AS a" + where.text(), where.values};
}

ListSql asset_aliases_sql(const AssetAliasQuery& query) {
  Where where;
  if (query.id) where.add("l.id = ?", *query.id);
  if (!query.names.empty()) {
    where.add("l.name IN (SELECT value FROM json_each(?))", json_array(query.names));
  }
  where.add_all(query.filters, alias_fields);
  add_seen(where, {{"EXISTS (SELECT 1 FROM asset_alias_ref AS f WHERE f.alias = l.id", "f.dag_id"}},
           query.sight);
  return {"SELECT l.id, l.name, l.alias_group FROM asset_alias AS l" + where.text() +
              order_text(query.order_by, alias_fields, "l.id") + " LIMIT ? OFFSET ?",
          "SELECT COUNT(*) FROM asset_alias AS l" + where.text(), where.values};
}

ListSql asset_events_sql(const AssetEventQuery& query) {
  Where where;
  if (query.consumed_by) {
    where.add("e.id IN (SELECT c.event FROM asset_event_run AS c WHERE c.run = ?)",
              static_cast<std::int64_t>(*query.consumed_by));
  }
  if (query.alias) {
    where.add(
        "e.asset IN (SELECT s.asset FROM asset_alias_asset AS s JOIN asset_alias AS l "
        "ON l.id = s.alias WHERE l.name = ?)",
        *query.alias);
  }
  where.add_all(query.filters, asset_event_fields);
  add_seen(where,
           {{"(e.source_dag_id <> ''", "e.source_dag_id"},
            {"e.source_dag_id = '' AND EXISTS (SELECT 1 FROM asset_ref AS f WHERE f.asset = a.id",
             "f.dag_id"}},
           query.sight);
  const std::string tables = " FROM asset_event AS e JOIN asset AS a ON a.id = e.asset";
  return {"SELECT " BATUTA_ASSET_EVENT_COLUMNS("e.") ", a.uri, a.name, a.asset_group" + tables +
              where.text() + order_text(query.order_by, asset_event_fields, "e.id") +
              " LIMIT ? OFFSET ?",
          "SELECT COUNT(*)" + tables + where.text(), where.values};
}

namespace {

std::vector<AssetRefView> refs_seen(Database& db, const char* sql, std::int64_t id,
                                    const Sight& sight) {
  std::vector<AssetRefView> refs;
  Rows rows = db.statement(sql).query(id);
  while (rows.next()) {
    AssetRefView ref;
    rows.read(ref.role, ref.dag_id, ref.task_id, ref.created_at, ref.updated_at);
    if (sight.sees(ref.dag_id)) refs.push_back(std::move(ref));
  }
  return refs;
}

void read_beside(Database& db, AssetView& view, const Sight& sight) {
  std::vector<AssetAliasRow> aliases;
  {
    Rows rows = db.statement(select_aliases_of).query(view.row.id);
    while (rows.next()) {
      AssetAliasRow& alias = aliases.emplace_back();
      rows.read(alias.id, alias.name, alias.group);
    }
  }
  for (AssetAliasRow& alias : aliases) {
    const bool seen =
        sight.everything() || !refs_seen(db, select_alias_refs, alias.id, sight).empty();
    if (seen) view.aliases.push_back(std::move(alias));
  }
  Rows rows = db.statement(select_watchers_of).query(view.row.id);
  while (rows.next()) read_asset_watcher(rows, view.watchers.emplace_back());
}

}  // namespace

PageOf<AssetAliasView> SqliteHistory::asset_aliases(const AssetAliasQuery& query) {
  Reader reader(*this);
  auto page = reader.list<AssetAliasView>(asset_aliases_sql(query), query.page,
                                          [](Rows& rows, AssetAliasView& view) {
                                            rows.read(view.row.id, view.row.name, view.row.group);
                                          });
  for (AssetAliasView& view : page.rows) {
    view.refs = refs_seen(reader.db(), select_alias_refs, view.row.id, query.sight);
    Rows rows = reader.db().statement(select_assets_of_alias).query(view.row.id);
    while (rows.next()) {
      auto& [id, uri] = view.assets.emplace_back();
      rows.read(id, uri);
    }
  }
  return page;
}

PageOf<AssetView> SqliteHistory::assets(const AssetQuery& query) {
  Reader reader(*this);
  auto page =
      reader.list<AssetView>(assets_sql(query), query.page,
                             [](Rows& rows, AssetView& view) { read_asset(rows, view.row); });
  for (AssetView& view : page.rows) {
    view.refs = refs_seen(reader.db(), select_refs, view.row.id, query.sight);
    read_beside(reader.db(), view, query.sight);
    Rows last = reader.db().statement(select_last_event).query(view.row.id);
    if (!last.next()) continue;
    auto& [id, when] = view.last_event.emplace();
    last.read(id, when);
  }
  return page;
}

PageOf<AssetEventView> SqliteHistory::asset_events(const AssetEventQuery& query) {
  Reader reader(*this);
  auto page = reader.list<AssetEventView>(asset_events_sql(query), query.page,
                                          [](Rows& rows, AssetEventView& view) {
                                            read_asset_event(rows, view.row);
                                            rows.read(view.uri, view.name, view.group);
                                          });
  for (AssetEventView& view : page.rows) {
    Rows rows = reader.db().statement(select_consumers).query(view.row.id);
    while (rows.next()) {
      RunRow run;
      bool started = false;
      read_run(rows, run);
      rows.read(started);
      if (!query.sight.sees(run.dag_id)) continue;
      if (started) view.started.push_back(run.seq);
      view.consumed_by.push_back(std::move(run));
    }
  }
  return page;
}

std::vector<QueuedAssetView> SqliteHistory::queued_assets(const QueuedAssetQuery& query) {
  Where where;
  if (query.dag_id) where.add("q.dag_id = ?", *query.dag_id);
  if (query.asset) where.add("q.asset = ?", *query.asset);
  if (query.before) where.add("q.queued_at < ?", query.before->time_since_epoch().count());
  where.add_sight("q.dag_id", query.sight);
  Reader reader(*this);
  const std::string key = query.by_partition
                              ? "q.partition_key, json_group_array(DISTINCT e.partition_key)"
                              : "'', '[]'";
  const std::string events =
      query.by_partition ? " LEFT JOIN asset_event AS e ON e.id = q.event" : "";
  const std::string by =
      query.by_partition ? "q.dag_id, q.partition_key, q.asset" : "q.dag_id, q.asset";
  Statement statement =
      reader.db().prepare("SELECT q.dag_id, q.asset, a.uri, COUNT(*), MIN(q.queued_at), " + key +
                          " FROM asset_queue AS q JOIN asset AS a ON a.id = q.asset" + events +
                          where.text() + " GROUP BY " + by + ", a.uri ORDER BY " + by);
  bind_values(statement, where.values);
  std::vector<QueuedAssetView> found;
  Rows rows = statement.bound_query();
  while (rows.next()) {
    QueuedAssetView& view = found.emplace_back();
    std::string keys;
    rows.read(view.dag_id, view.asset, view.uri, view.events, view.queued_at, view.partition_key,
              keys);
    // As many as a queue has, escaped.
    const auto list = parse_untrusted(keys, {16 << 20, 2, 200'000, 4 << 10});
    if (!list || !list->is_array()) continue;
    for (const auto& each : *list) {
      if (each.is_string()) view.event_keys.push_back(each.get<std::string>());
    }
  }
  return found;
}

}  // namespace batuta
