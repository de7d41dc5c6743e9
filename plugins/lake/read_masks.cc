#include "plugins/lake/read_masks.h"

#include <sys/random.h>

#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr JsonLimits masks_limits{8u << 20, 8, 1'000'000, 1024};
constexpr const char* salt_table = "read_mask_salt";
const std::string partial_mask = "partial:";

std::string without_case(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

[[noreturn]] void no_masks(const std::string& why) {
  throw plugin::FinalError("parameter masks: " + why);
}

std::string known_mask(const json& value) {
  const std::string mask = value.is_string() ? value.get<std::string>() : "";
  const bool partial = mask.starts_with(partial_mask) && mask.size() == partial_mask.size() + 1 &&
                       mask.back() >= '1' && mask.back() <= '9';
  if (mask != "redact" && mask != "hash" && !partial) no_masks("no mask: " + json_text(value));
  return mask;
}

const json& member(const json& object, const char* name, json::value_t type) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || at == object.end() || at->type() != type)
    no_masks(std::string("without ") + name);
  return *at;
}

std::map<std::string, std::string> masks_in(const json& object, const char* name) {
  std::map<std::string, std::string> out;
  for (const auto& [column, mask] : member(object, name, json::value_t::object).items())
    out[without_case(column)] = known_mask(mask);
  return out;
}

std::set<std::string> texts_in(const json& object, const char* name) {
  std::set<std::string> out;
  for (const json& each : member(object, name, json::value_t::array)) {
    if (!each.is_string()) no_masks(std::string(name) + " has something that is no text");
    out.insert(each.get<std::string>());
  }
  return out;
}

struct TablePath {
  std::string layer, domain, table;
};
TablePath path_of(const std::string& table) {
  const auto first = table.find('/');
  const auto last = table.rfind('/');
  if (first == table.npos || last == first) return {};
  return {table.substr(0, first), table.substr(first + 1, last - first - 1),
          table.substr(last + 1)};
}

// A history and a list of keys hold what their table holds.
const ContractMasks* contract_of(const ReadMasks& masks, const TablePath& path) {
  const auto find = [&](const std::string& table) -> const ContractMasks* {
    const auto at = masks.contracts.find(path.domain + "/" + table);
    return at == masks.contracts.end() ? nullptr : &at->second;
  };
  if (const auto* own = find(path.table)) return own;
  for (const std::string suffix : {"_hist", "_keys"}) {
    if (!path.table.ends_with(suffix)) continue;
    return find(path.table.substr(0, path.table.size() - suffix.size()));
  }
  return nullptr;
}

// As 64 digits.
std::string random_hex() {
  std::array<unsigned char, 32> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw plugin::RetryableError("the system gives no random bytes");
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char byte : bytes) out += {digits[byte >> 4], digits[byte & 15]};
  return out;
}

// In the place of the column's value; NULL stays NULL.
std::string shown_sql(const lakelog::Column& column, const std::string& mask) {
  const std::string value = quoted_name(column.name);
  const bool text = column.type == "string";
  std::string shown;
  if (mask == "hash") {
    shown = std::string("sha256((SELECT salt FROM temp.main.") + salt_table + ") || encode(CAST(" +
            value + " AS VARCHAR)))";
  } else if (mask.starts_with(partial_mask) && text) {
    // As many are hidden as are shown, at least.
    const std::string count(1, mask.back());
    shown = "CASE WHEN length(" + value + ") >= 2 * " + count + " THEN '***' || right(" + value +
            ", " + count + ") ELSE '***' END";
  } else if (text) {
    shown = "'***'";
  } else {
    return "CAST(NULL AS " + sql_type(column.type) + ")";
  }
  return "CASE WHEN " + value + " IS NOT NULL THEN " + shown + " END";
}

void make_salt(Session& session) {
  session.run(std::string("CREATE TEMP TABLE IF NOT EXISTS ") + salt_table + " (salt BLOB)");
  if (session.value(std::string("SELECT count(*) FROM temp.main.") + salt_table).integer() == 0)
    session.run(
        std::string("INSERT INTO temp.main.") + salt_table + " SELECT unhex(CAST($1 AS VARCHAR))",
        {random_hex()});
}

}  // namespace

ReadMasks read_masks_of(const std::string& text) {
  const auto parsed = parse_untrusted(text, masks_limits);
  if (!parsed) no_masks(parsed.error().message);
  ReadMasks out;
  for (const auto& [name, one] : member(*parsed, "contracts", json::value_t::object).items()) {
    ContractMasks masks{masks_in(one, "masks"), masks_in(one, "received"), {}};
    for (const std::string& column : texts_in(one, "open")) masks.open.insert(without_case(column));
    out.contracts.emplace(name, std::move(masks));
  }
  out.unmasked = texts_in(*parsed, "unmasked");
  return out;
}

std::map<std::string, std::string> masked_columns(const ReadMasks& masks, const std::string& table,
                                                  const std::vector<lakelog::Column>& columns) {
  std::map<std::string, std::string> out;
  const TablePath path = path_of(table);
  const ContractMasks* of = contract_of(masks, path);
  if (of == nullptr) return out;
  const bool as_received = path.layer == "bronze" || path.layer == "dlq";
  // What silver holds masked is open there.
  if (!as_received && of->masks.empty()) return out;
  const auto& rules = as_received ? of->received : of->masks;
  for (const lakelog::Column& column : columns) {
    const std::string name = without_case(column.name);
    if (const auto at = rules.find(name); at != rules.end()) {
      out[column.name] = at->second;
    } else if (!of->open.contains(name)) {
      out[column.name] = "redact";
    }
  }
  return out;
}

bool shown_bare(const ReadMasks& masks, const std::string& table) {
  const TablePath path = path_of(table);
  return masks.unmasked.contains(path.domain + "/" + path.layer);
}

void create_masked_view(Session& session, const std::string& view, const std::string& relation,
                        const std::vector<lakelog::Column>& columns,
                        const std::map<std::string, std::string>& masked) {
  std::string shown;
  for (const lakelog::Column& column : columns) {
    const std::string name = quoted_name(column.name);
    const auto mask = masked.find(column.name);
    if (mask != masked.end() && mask->second == "hash") make_salt(session);
    shown += (shown.empty() ? "" : ", ") +
             (mask == masked.end() ? name : shown_sql(column, mask->second) + " AS " + name);
  }
  session.run("CREATE OR REPLACE TEMP VIEW " + quoted_name(view) + " AS SELECT " + shown +
              " FROM temp.main." + quoted_name(relation));
}

}  // namespace batuta::lake
