#include "contract/types.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace batuta::contract {
namespace {

enum class Kind { text, whole, fraction, truth, date, time_of_day, instant, nested };

struct Physical {
  Kind kind;
  std::string type;
};

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t';
    if (space && (out.empty() || out.back() == ' ')) continue;
    out += space ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

struct Decimal {
  int precision = 0, scale = 0;
};

// "decimal(18, 6)": the two numbers; a scale that is not written is 0.
std::optional<Decimal> decimal_of(std::string_view text) {
  const auto open = text.find('('), close = text.find(')');
  if (open == text.npos || close != text.size() - 1) return std::nullopt;
  Decimal decimal;
  const char* end = text.data() + close;
  auto read = std::from_chars(text.data() + open + 1, end, decimal.precision);
  if (read.ec != std::errc{}) return std::nullopt;
  while (read.ptr != end && (*read.ptr == ',' || *read.ptr == ' ')) ++read.ptr;
  if (read.ptr != end) read = std::from_chars(read.ptr, end, decimal.scale);
  const bool good = read.ec == std::errc{} && read.ptr == end && decimal.precision >= 1 &&
                    decimal.precision <= 38 && decimal.scale >= 0 &&
                    decimal.scale <= decimal.precision;
  return good ? std::optional(decimal) : std::nullopt;
}

std::optional<Physical> physical_type(std::string_view written) {
  const std::string text = lower(written);
  std::string name = text.substr(0, text.find('('));
  while (!name.empty() && name.back() == ' ') name.pop_back();
  if (name == "decimal" || name == "numeric" || name == "number") {
    const auto decimal = decimal_of(text);
    if (!decimal) return std::nullopt;
    return Physical{Kind::fraction, "decimal(" + std::to_string(decimal->precision) + "," +
                                        std::to_string(decimal->scale) + ")"};
  }
  struct PhysicalName {
    const char* name;
    Kind kind;
    const char* type;
  };
  static constexpr PhysicalName names[] = {
      {"varchar", Kind::text, "string"},
      {"character varying", Kind::text, "string"},
      {"nvarchar", Kind::text, "string"},
      {"char", Kind::text, "string"},
      {"character", Kind::text, "string"},
      {"bpchar", Kind::text, "string"},
      {"text", Kind::text, "string"},
      {"clob", Kind::text, "string"},
      {"string", Kind::text, "string"},
      {"uuid", Kind::text, "string"},
      {"tinyint", Kind::whole, "byte"},
      {"byte", Kind::whole, "byte"},
      {"int1", Kind::whole, "byte"},
      {"smallint", Kind::whole, "short"},
      {"short", Kind::whole, "short"},
      {"int2", Kind::whole, "short"},
      {"int", Kind::whole, "integer"},
      {"integer", Kind::whole, "integer"},
      {"int4", Kind::whole, "integer"},
      {"int32", Kind::whole, "integer"},
      {"mediumint", Kind::whole, "integer"},
      {"serial", Kind::whole, "integer"},
      {"bigint", Kind::whole, "long"},
      {"long", Kind::whole, "long"},
      {"int8", Kind::whole, "long"},
      {"int64", Kind::whole, "long"},
      {"bigserial", Kind::whole, "long"},
      {"real", Kind::fraction, "float"},
      {"float", Kind::fraction, "float"},
      {"float4", Kind::fraction, "float"},
      {"double", Kind::fraction, "double"},
      {"double precision", Kind::fraction, "double"},
      {"float8", Kind::fraction, "double"},
      {"bool", Kind::truth, "boolean"},
      {"boolean", Kind::truth, "boolean"},
      {"bit", Kind::truth, "boolean"},
      {"date", Kind::date, "date"},
      {"time", Kind::time_of_day, "string"},
      {"timestamp", Kind::instant, "timestamp"},
      {"timestamptz", Kind::instant, "timestamp"},
      {"timestamp with time zone", Kind::instant, "timestamp"},
      {"timestamp without time zone", Kind::instant, "timestamp"},
      {"timestamp_ntz", Kind::instant, "timestamp"},
      {"datetime", Kind::instant, "timestamp"},
      {"datetime2", Kind::instant, "timestamp"},
      {"json", Kind::nested, "string"},
      {"jsonb", Kind::nested, "string"},
      {"variant", Kind::nested, "string"}};
  for (const PhysicalName& row : names) {
    if (name == row.name) return Physical{row.kind, row.type};
  }
  return std::nullopt;
}

std::string logical_type(std::string_view logical, std::string_view format, Kind& kind) {
  if (logical == "integer") {
    kind = Kind::whole;
    if (format == "i8") return "byte";
    if (format == "i16" || format == "u8") return "short";
    if (format == "i32" || format == "u16") return "integer";
    return format == "i128" || format == "u64" || format == "u128" ? "decimal(38,0)" : "long";
  }
  if (logical == "number") {
    kind = Kind::fraction;
    return format == "f32" ? "float" : "double";
  }
  if (logical == "boolean") {
    kind = Kind::truth;
    return "boolean";
  }
  if (logical == "date") {
    kind = Kind::date;
    return "date";
  }
  if (logical == "timestamp") {
    kind = Kind::instant;
    return "timestamp";
  }
  kind = logical == "time" ? Kind::time_of_day : logical == "string" ? Kind::text : Kind::nested;
  return "string";
}

constexpr const char* type_help =
    "; write a logicalType (string, integer, number, boolean, date, timestamp, time, object, array)"
    " or a physicalType such as bigint, decimal(18,2), varchar(20), timestamp";

}  // namespace

Result<std::string> lake_type(std::string_view logical, std::string_view physical,
                              std::string_view format) {
  const auto exact = physical.empty() ? std::nullopt : physical_type(physical);
  if (logical.empty()) {
    if (exact) return exact->type;
    if (physical.empty()) return {Errc::invalid, std::string("has no type") + type_help};
    const std::string name = lower(physical);
    const bool decimal = name.starts_with("decimal") || name.starts_with("numeric");
    return {Errc::invalid,
            "the type \"" + std::string(physical.substr(0, 80)) +
                (decimal ? "\" needs precision (1 to 38) and scale, as in decimal(18,2)"
                         : "\" is not known here" + std::string(type_help))};
  }
  Kind kind{};
  const std::string usual = logical_type(logical, format, kind);
  if (!exact) return usual;
  const bool number = (kind == Kind::whole || kind == Kind::fraction) &&
                      (exact->kind == Kind::whole || exact->kind == Kind::fraction);
  // A whole number stays one, whatever the database keeps it in.
  const bool fraction_of_whole =
      kind == Kind::whole && exact->kind == Kind::fraction && !exact->type.ends_with(",0)");
  if ((exact->kind == kind || number) && !fraction_of_whole) return exact->type;
  return usual;
}

Result<std::string> strptime_format(std::string_view format) {
  if (format.empty() || format.find('%') != format.npos) return std::string(format);
  static constexpr std::pair<std::string_view, std::string_view> letters[] = {
      {"yyyy", "%Y"}, {"uuuu", "%Y"}, {"yy", "%y"}, {"MMMM", "%B"}, {"MMM", "%b"}, {"MM", "%m"},
      {"M", "%-m"},   {"dd", "%d"},   {"d", "%-d"}, {"HH", "%H"},   {"H", "%-H"},  {"hh", "%I"},
      {"h", "%-I"},   {"mm", "%M"},   {"m", "%-M"}, {"ss", "%S"},   {"s", "%-S"},  {"SSSSSS", "%f"},
      {"SSS", "%g"},  {"a", "%p"},    {"Z", "%z"},  {"z", "%Z"}};
  std::string out;
  for (std::size_t i = 0; i < format.size();) {
    const char c = format[i];
    if (c == '\'') {  // quoted text; '' is a quote
      const auto end = format.find('\'', i + 1);
      if (end == format.npos) return {Errc::invalid, "a quote is not closed in the format"};
      out += end == i + 1 ? "'" : std::string(format.substr(i + 1, end - i - 1));
      i = end + 1;
      continue;
    }
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) {
      out += c;
      ++i;
      continue;
    }
    const auto end = std::min(format.find_first_not_of(c, i), format.size());
    const std::string_view run = format.substr(i, end - i);
    i = end;
    if ((c == 'x' || c == 'X') && run.size() == 3) {  // +02:00
      out += "%z";
      continue;
    }
    const auto known = std::find_if(std::begin(letters), std::end(letters),
                                    [&](const auto& row) { return row.first == run; });
    if (known == std::end(letters)) {
      return {Errc::invalid, "\"" + std::string(run.substr(0, 20)) +
                                 "\" cannot be read in a format; write it for strptime, as in "
                                 "%d/%m/%Y %H:%M"};
    }
    out += known->second;
  }
  return out;
}

bool widens(std::string_view from, std::string_view to) {
  static constexpr std::array<std::string_view, 4> whole = {"byte", "short", "integer", "long"};
  const auto rank = [&](std::string_view type) {
    return std::find(whole.begin(), whole.end(), type) - whole.begin();
  };
  if (from == to) return true;
  if (rank(from) < 4 && rank(to) < 4) return rank(from) < rank(to);
  if (from == "float" && to == "double") return true;
  if (from.starts_with("decimal(") && to.starts_with("decimal(")) {
    const auto old = decimal_of(from), wide = decimal_of(to);
    return old && wide && wide->scale >= old->scale &&
           wide->precision - wide->scale >= old->precision - old->scale;
  }
  return false;
}

}  // namespace batuta::contract
