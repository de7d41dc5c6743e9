#include "contract/draft.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "contract/yaml.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

constexpr std::size_t max_distinct = 20'000;

struct Pattern {
  const char* shape;   // 9 is a digit, others are themselves
  const char* format;  // empty: ISO 8601
  bool instant;
  int day_at = -1, month_at = -1;  // of two digits, whose range is looked at
};
constexpr Pattern patterns[] = {{"9999-99-99", "", false, 8, 5},
                                {"99/99/9999", "dd/MM/yyyy", false, 0, 3},
                                {"99/99/9999", "MM/dd/yyyy", false, 3, 0},
                                {"99.99.9999", "dd.MM.yyyy", false, 0, 3},
                                {"99999999", "yyyyMMdd", false, 6, 4},
                                {"9999-99-99 99:99:99", "", true, 8, 5},
                                {"9999-99-99 99:99", "yyyy-MM-dd HH:mm", true, 8, 5},
                                {"9999-99-99T99:99:99", "", true, 8, 5},
                                {"9999-99-99T99:99:99Z", "", true, 8, 5},
                                {"99/99/9999 99:99:99", "dd/MM/yyyy HH:mm:ss", true, 0, 3},
                                {"99/99/9999 99:99", "dd/MM/yyyy HH:mm", true, 0, 3},
                                {"99/99/9999 99:99", "MM/dd/yyyy HH:mm", true, 3, 0}};

int two_digits(const std::string& text, int at) {
  const auto place = static_cast<std::size_t>(at);
  return (text[place] - '0') * 10 + text[place + 1] - '0';
}

bool has_shape(const std::string& text, const Pattern& pattern) {
  const std::string_view shape = pattern.shape;
  if (text.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (shape[i] == '9' ? !digit : text[i] != shape[i]) return false;
  }
  const int day = two_digits(text, pattern.day_at), month = two_digits(text, pattern.month_at);
  return day >= 1 && day <= 31 && month >= 1 && month <= 12;
}

// Which patterns the text has, as their numbers.
std::vector<std::string> shapes_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::size(patterns); ++i) {
    if (has_shape(text, patterns[i])) out.push_back(std::to_string(i));
  }
  return out;
}

const Pattern& pattern_of(const std::string& number) {
  return patterns[static_cast<std::size_t>(std::stoul(number))];
}

bool is_whole(const std::string& text) {
  const std::size_t from = !text.empty() && text[0] == '-' ? 1 : 0;
  // 007 is a code, not a number.
  const bool leading = text.size() > from + 1 && text[from] == '0';
  return text.size() > from && text.size() < 19 + from && !leading &&
         text.find_first_not_of("0123456789", from) == text.npos;
}

}  // namespace

void SeenColumn::add(const std::optional<std::string>& value) {
  ++seen_;
  if (!value || value->empty()) {
    ++nulls_;
    return;
  }
  const bool whole = is_whole(*value);
  whole_ = whole_ && whole;
  const auto point = value->find('.');
  const bool fraction = point != value->npos && point > 0 && point + 1 < value->size() &&
                        is_whole(value->substr(0, point)) &&
                        value->find_first_not_of("0123456789", point + 1) == value->npos;
  number_ = number_ && (whole || fraction);
  before_point_ = std::max(before_point_, std::min(point, value->size()));
  if (point != value->npos) behind_point_ = std::max(behind_point_, value->size() - point - 1);
  truth_ = truth_ && (*value == "true" || *value == "false");
  const auto shapes = shapes_of(*value);
  if (first_) {
    formats_ = shapes;
  } else {
    std::erase_if(formats_, [&](const std::string& each) {
      return std::find(shapes.begin(), shapes.end(), each) == shapes.end();
    });
  }
  first_ = false;
  if (distinct_ && values_.size() < max_distinct) distinct_ = values_.emplace(*value, true).second;
}

void SeenColumn::declare(std::string logical, std::string physical) {
  declared_logical_ = std::move(logical);
  declared_physical_ = std::move(physical);
}

std::string SeenColumn::logical_type() const {
  if (!declared_logical_.empty()) return declared_logical_;
  if (first_) return "string";
  if (truth_) return "boolean";
  // Eight digits may be a day or a number; a number is the safer reading.
  if (whole_) return "integer";
  if (!formats_.empty()) return pattern_of(formats_.front()).instant ? "timestamp" : "date";
  return number_ ? "number" : "string";
}

std::string SeenColumn::format() const {
  if (!declared_logical_.empty()) return {};
  const std::string type = logical_type();
  return type == "date" || type == "timestamp" ? pattern_of(formats_.front()).format : "";
}

std::string SeenColumn::physical_type() const {
  if (!declared_logical_.empty()) return declared_physical_;
  if (logical_type() != "number" || behind_point_ > 10) return {};
  // Room to grow: what comes tomorrow may have more digits.
  const std::size_t precision =
      std::min<std::size_t>(38, std::max<std::size_t>(18, before_point_ + behind_point_));
  return "decimal(" + std::to_string(precision) + "," + std::to_string(behind_point_) + ")";
}

std::string lake_name(std::string_view source_name) {
  std::string out;
  for (std::size_t i = 0; i < source_name.size(); ++i) {
    const char c = source_name[i];
    const bool upper = c >= 'A' && c <= 'Z';
    const bool good = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      static_cast<unsigned char>(c) >= 0x80;
    if (!good) {
      if (!out.empty() && out.back() != '_') out += '_';
      continue;
    }
    const char before = i > 0 ? source_name[i - 1] : ' ';
    const bool after_lower = (before >= 'a' && before <= 'z') || (before >= '0' && before <= '9');
    if (upper && after_lower && !out.empty() && out.back() != '_') out += '_';
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  if (out.empty()) return "column";
  static const std::set<std::string> taken = {"execution_id", "ingest_date", "reason",
                                              "run_id",       "valid_from",  "valid_to",
                                              "is_current",   "asked_for",   "copies"};
  return taken.contains(out) ? "source_" + out : out;
}

std::string suggested_key(const std::vector<SeenColumn>& columns) {
  for (const SeenColumn& column : columns) {
    if (column.distinct() &&
        (column.logical_type() == "integer" || column.logical_type() == "string"))
      return column.source_name();
  }
  return {};
}

std::string draft_contract(const DraftSource& source, const std::vector<SeenColumn>& columns) {
  Value table = {{"name", source.table}};
  if (!source.physical_name.empty() && source.physical_name != source.table)
    table["physicalName"] = source.physical_name;
  const std::vector<std::string>& keys = source.keys;
  std::set<std::string> names;
  table["properties"] = Value::array();
  for (const SeenColumn& column : columns) {
    std::string name = lake_name(column.source_name());
    for (int n = 2; !names.insert(name).second; ++n)
      name = lake_name(column.source_name()) + "_" + std::to_string(n);
    Value property = {{"name", name}};
    if (name != column.source_name()) property["physicalName"] = column.source_name();
    property["logicalType"] = column.logical_type();
    if (const std::string exact = column.physical_type(); !exact.empty())
      property["physicalType"] = exact;
    if (const std::string format = column.format(); !format.empty())
      property["logicalTypeOptions"] = {{"format", format}};
    const auto key = std::find(keys.begin(), keys.end(), column.source_name());
    if (column.required() || key != keys.end()) property["required"] = true;
    if (key != keys.end()) {
      property["primaryKey"] = true;
      if (keys.size() > 1) property["primaryKeyPosition"] = key - keys.begin() + 1;
    }
    table["properties"].push_back(std::move(property));
  }
  const auto server = parse_untrusted(source.server_json);
  Value contract = {{"apiVersion", "v3.1.0"},
                    {"kind", "DataContract"},
                    {"id", source.domain + "-" + source.table},
                    {"version", "1.0.0"},
                    {"status", "draft"},
                    {"domain", source.domain}};
  if (server) contract["servers"] = Value::array({Value(*server)});
  contract["schema"] = Value::array({std::move(table)});
  return write_yaml(contract);
}

}  // namespace batuta::contract
