// What a table's columns held in a version, by the statistics that its files carry in the log.
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/safe_json.h"
#include "lakelog/snapshot.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_questions.h"
#include "scheduler/api/params.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr JsonLimits stats_limits{4u << 20, 16, 200'000, 1u << 20};

bool is_whole_number(const std::string& type) {
  return type == "long" || type == "integer" || type == "short" || type == "byte";
}

// A partition's value, which the log has as a text.
json partition_value(const std::string& type, const std::string& text) {
  if (!is_whole_number(type)) return text;
  auto number = parse_untrusted(text);
  return number && number->is_number_integer() ? *std::move(number) : json(text);
}

// One column over all files. What one file does not tell is not known of the table.
class ColumnTally {
 public:
  // Of a file: how many rows it has, how many of them are NULL, and the bounds of the others.
  void add(std::optional<std::int64_t> rows, std::optional<std::int64_t> nulls, const json& low,
           const json& high) {
    if (rows == 0) return;
    nulls_ = nulls_ && nulls ? std::optional(*nulls_ + *nulls) : std::nullopt;
    if (rows && nulls && *rows == *nulls) return;  // there is no value in it
    if (!bound(low_, low, true)) low_known_ = false;
    if (!bound(high_, high, false)) high_known_ = false;
  }
  json told(const lakelog::Column& column, bool hidden) const {
    return {{"name", column.name},
            {"type", column.type},
            {"nulls", nulls_ ? json(*nulls_) : json()},
            {"min", low_known_ && !hidden ? shown(low_) : json()},
            {"max", high_known_ && !hidden ? shown(high_) : json()},
            {"is_masked", hidden}};
  }

 private:
  static bool bound(json& so_far, const json& value, bool least) {
    if (!value.is_string() && !value.is_number()) return false;
    if (so_far.is_null()) so_far = value;
    if (so_far.is_string() != value.is_string()) return false;
    if (least ? value < so_far : value > so_far) so_far = value;
    return true;
  }
  // A text whatever the type is; decimals are as near as the doubles that the log's JSON has.
  static json shown(const json& value) {
    return value.is_null() || value.is_string() ? value : json(json_text(value));
  }

  std::optional<std::int64_t> nulls_ = 0;
  json low_, high_;
  bool low_known_ = true, high_known_ = true;
};

json member(const json& object, const char* part, const std::string& name) {
  if (!object.is_object()) return nullptr;
  const auto of = object.find(part);
  if (of == object.end() || !of->is_object()) return nullptr;
  const auto found = of->find(name);
  return found == of->end() ? json() : *found;
}

std::map<std::string, ColumnTally> tallied(const lakelog::Snapshot& snapshot) {
  std::map<std::string, ColumnTally> out;
  for (const auto& [path, file] : snapshot.files) {
    const auto rows = lakelog::record_count(file);
    const auto stats =
        parse_untrusted(file.stats_json.empty() ? "{}" : file.stats_json, stats_limits);
    const json told = stats ? *stats : json::object();
    for (const lakelog::Column& column : snapshot.metadata.columns) {
      ColumnTally& one = out[column.name];
      const auto part = file.partition_values.find(column.name);
      if (part != file.partition_values.end()) {
        const json value =
            part->second ? partition_value(column.type, *part->second) : json(nullptr);
        one.add(rows, part->second ? std::optional<std::int64_t>(0) : rows, value, value);
        continue;
      }
      // Rows that a deletion vector takes out are among the NULLs that are told, and within the
      // bounds.
      const auto nulls = file.has_deletion_vector
                             ? std::nullopt
                             : json_int(member(told, "nullCount", column.name));
      one.add(rows, nulls, member(told, "minValues", column.name),
              member(told, "maxValues", column.name));
    }
  }
  return out;
}

}  // namespace

Result<Response> get_lake_statistics(Context& context, const Request& request) {
  QueryReader query(request);
  const std::int64_t version = query.integer("version", lakelog::latest_version, 0,
                                             std::numeric_limits<std::int64_t>::max());
  if (!query.status()) return query.status().error();
  const auto name = asked_table(context, request);
  if (!name) return name.error();
  const auto found = context.lake->snapshot(*name, version);
  if (!found) return found.error();
  const json masks = masks_for(context, request);
  const bool bare = may_unmask(request, *name);
  const auto tallies = tallied(*found);
  std::optional<std::int64_t> rows = 0;
  std::int64_t bytes = 0;
  for (const auto& [path, file] : found->files) {
    const auto count = lakelog::record_count(file);
    rows = rows && count ? std::optional(*rows + *count) : std::nullopt;
    bytes += file.size;
  }
  json columns = json::array();
  for (const lakelog::Column& column : found->metadata.columns) {
    const auto tally = tallies.find(column.name);
    const bool hidden = !bare && !column_mask(masks, *name, column.name).empty();
    columns.push_back(
        (tally == tallies.end() ? ColumnTally() : tally->second).told(column, hidden));
  }
  return json_response({{"version", found->version},
                        {"rows", rows ? json(*rows) : json()},
                        {"files", found->files.size()},
                        {"bytes", bytes},
                        {"columns", std::move(columns)}});
}

}  // namespace batuta::http
