// The fake history's assets.
#include <algorithm>

#include "scheduler/store/history_sql.h"
#include "tests/api/fake_services.h"

namespace batuta::http {

namespace {

template <class Row>
PageOf<Row> page_of_assets(std::vector<Row> rows, const Page& page) {
  PageOf<Row> out;
  out.total = static_cast<std::int64_t>(rows.size());
  for (auto i = page.offset; i < std::min(out.total, page.offset + page.limit); ++i) {
    out.rows.push_back(rows[static_cast<std::size_t>(i)]);
  }
  return out;
}

bool has_number(const std::vector<Filter>& filters, const char* field, std::int64_t number) {
  return std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
    return filter.field != field || filter.values.front() == FilterValue{number};
  });
}

}  // namespace

PageOf<AssetView> FakeHistory::assets(const AssetQuery& query) {
  remember(last_asset_query, query);
  assets_sql(query);  // refuses what no list knows
  std::vector<AssetView> found;
  for (AssetView view : asset_rows) {
    if (query.id && *query.id != view.row.id) continue;
    std::erase_if(view.refs, [&](const auto& ref) { return !query.sight.sees(ref.dag_id); });
    if (view.refs.empty() && !query.sight.everything()) continue;
    found.push_back(std::move(view));
  }
  return page_of_assets(std::move(found), query.page);
}

PageOf<AssetEventView> FakeHistory::asset_events(const AssetEventQuery& query) {
  remember(last_asset_event_query, query);
  asset_events_sql(query);
  std::vector<AssetEventView> found;
  for (AssetEventView view : asset_event_rows) {
    if (!query.sight.sees(view.row.source_dag_id)) continue;
    if (!has_number(query.filters, "asset_id", view.row.asset)) continue;
    const bool consumed = std::any_of(
        view.consumed_by.begin(), view.consumed_by.end(),
        [&](const RunRow& run) { return !query.consumed_by || run.seq == *query.consumed_by; });
    if (query.consumed_by && !consumed) continue;
    std::erase_if(view.consumed_by, [&](const auto& run) { return !query.sight.sees(run.dag_id); });
    found.push_back(std::move(view));
  }
  return page_of_assets(std::move(found), query.page);
}

PageOf<AssetAliasView> FakeHistory::asset_aliases(const AssetAliasQuery& query) {
  asset_aliases_sql(query);
  std::vector<AssetAliasView> found;
  for (AssetAliasView view : asset_alias_rows) {
    if (query.id && *query.id != view.row.id) continue;
    const auto& names = query.names;
    const bool named = names.empty() || std::count(names.begin(), names.end(), view.row.name) > 0;
    std::erase_if(view.refs, [&](const auto& ref) { return !query.sight.sees(ref.dag_id); });
    if (!named || (view.refs.empty() && !query.sight.everything())) continue;
    found.push_back(std::move(view));
  }
  return page_of_assets(std::move(found), query.page);
}

std::vector<QueuedAssetView> FakeHistory::queued_assets(const QueuedAssetQuery& query) {
  std::vector<QueuedAssetView> found;
  for (const QueuedAssetView& view : queued_rows) {
    if (query.dag_id && view.dag_id != *query.dag_id) continue;
    if (query.asset && view.asset != *query.asset) continue;
    if (query.before && view.queued_at >= *query.before) continue;
    if (query.sight.sees(view.dag_id)) found.push_back(view);
  }
  return found;
}

void TestApi::add_waited_asset() {
  AssetView asset;
  asset.row = {1, "s3://lake/orders", "orders", "sales", "{}", now, now};
  asset.refs.emplace_back();
  asset.refs.back().role = AssetRole::schedule;
  asset.refs.back().dag_id = "demo";
  asset.aliases = {{1, "daily", "asset"}};
  asset.watchers = {{1, 1, {"landing", R"({"file":"/in/*"})", std::chrono::seconds(30)}, now}};
  history.asset_rows.push_back(asset);
  AssetAliasView alias;
  alias.row = asset.aliases.front();
  alias.refs = asset.refs;
  history.asset_alias_rows.push_back(alias);
  history.queued_rows.push_back({"demo", 1, asset.row.uri, 2, now});
}

}  // namespace batuta::http
