#include "plugins/lake/cell.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "plugins/lake/decimal.h"
#include "plugins/lake/sql_error.h"

namespace batuta::lake {
namespace {

// Nested deeper than this is refused: a result must not exhaust the stack.
constexpr int max_depth = 16;

// Where in a value, and what may be copied of it yet.
struct Place {
  int depth = 0;
  std::size_t* left = nullptr;  // nullptr: all of it

  Place deeper() const { return {depth + 1, left}; }
  void take(std::size_t bytes) const {
    if (left == nullptr) return;
    if (bytes > *left) throw TooLarge();
    *left -= bytes;
  }
};

class TypeHolder {
 public:
  TypeHolder(const DuckdbApi& api, duckdb_logical_type type) : api_(api), type_(type) {}
  ~TypeHolder() { api_.destroy_logical_type(&type_); }
  TypeHolder(const TypeHolder&) = delete;
  TypeHolder& operator=(const TypeHolder&) = delete;
  duckdb_logical_type get() const { return type_; }

 private:
  const DuckdbApi& api_;
  duckdb_logical_type type_;
};

template <class T>
T value_at(const DuckdbApi& api, duckdb_vector vector, idx_t row) {
  return static_cast<const T*>(api.vector_get_data(vector))[row];
}

Int128 wide(const duckdb_hugeint& value) {
  return (static_cast<Int128>(value.upper) << 64) + value.lower;
}

// Years as ISO 8601 has them: four digits, more with a sign.
std::string date_parts_text(const duckdb_date_struct& parts) {
  const bool plain = parts.year >= 0 && parts.year <= 9999;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), plain ? "%04d-%02d-%02d" : "%+05d-%02d-%02d", parts.year,
                parts.month, parts.day);
  return text.data();
}

std::string date_text(const DuckdbApi& api, duckdb_date date) {
  constexpr auto infinite = std::numeric_limits<std::int32_t>::max();
  if (date.days == infinite) return "infinity";
  if (date.days == -infinite) return "-infinity";
  return date_parts_text(api.from_date(date));
}

// `zone`: "Z" for an instant, empty for a time on an unknown clock.
std::string timestamp_text(const DuckdbApi& api, std::int64_t micros, const char* zone,
                           int nanos = 0) {
  constexpr auto infinite = std::numeric_limits<std::int64_t>::max();
  if (micros == infinite) return "infinity";
  if (micros == -infinite) return "-infinity";
  const auto parts = api.from_timestamp({micros});
  std::array<char, 48> text{};
  const std::string day = date_parts_text(parts.date);
  std::snprintf(text.data(), text.size(), "T%02d:%02d:%02d", parts.time.hour, parts.time.min,
                parts.time.sec);
  std::string out = day + text.data();
  if (parts.time.micros != 0 || nanos != 0) {
    std::snprintf(text.data(), text.size(), nanos != 0 ? ".%06d%03d" : ".%06d", parts.time.micros,
                  nanos);
    out += text.data();
  }
  return out + zone;
}

// Seconds and milliseconds become microseconds, infinities stay what they are.
std::int64_t to_micros(std::int64_t value, std::int64_t factor) {
  constexpr auto infinite = std::numeric_limits<std::int64_t>::max();
  return value == infinite || value == -infinite ? value : value * factor;
}

std::string nano_text(const DuckdbApi& api, std::int64_t nanos) {
  constexpr auto infinite = std::numeric_limits<std::int64_t>::max();
  if (nanos == infinite || nanos == -infinite) return timestamp_text(api, nanos, "");
  std::int64_t micros = nanos / 1000;
  if (nanos % 1000 < 0) --micros;
  return timestamp_text(api, micros, "", static_cast<int>(nanos - micros * 1000));
}

// ISO 8601: P1Y2M3DT4H5M6.7S; each part with its own sign, "PT0S" for nothing.
std::string interval_text(const duckdb_interval& interval) {
  std::string date, time;
  const auto add = [](std::string& out, std::int64_t number, char unit) {
    if (number != 0) out += std::to_string(number) + unit;
  };
  add(date, interval.months / 12, 'Y');
  add(date, interval.months % 12, 'M');
  add(date, interval.days, 'D');
  constexpr std::int64_t hour = 3'600'000'000, minute = 60'000'000, second = 1'000'000;
  add(time, interval.micros / hour, 'H');
  add(time, interval.micros % hour / minute, 'M');
  const std::int64_t rest = interval.micros % minute;
  if (rest != 0) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%lld",
                  static_cast<long long>(std::abs(rest / second)));
    time += (rest < 0 ? "-" : "") + std::string(text.data());
    if (rest % second != 0) {
      std::snprintf(text.data(), text.size(), ".%06lld",
                    static_cast<long long>(std::abs(rest % second)));
      time += text.data();
      while (time.back() == '0') time.pop_back();
    }
    time += 'S';
  }
  if (date.empty() && time.empty()) return "PT0S";
  return "P" + date + (time.empty() ? "" : "T" + time);
}

// The first byte tells how many of the next one's bits are padding.
std::string bit_text(const std::string& bytes) {
  std::string out;
  const std::size_t padding = bytes.empty() ? 0 : static_cast<unsigned char>(bytes[0]);
  for (std::size_t i = 8 + padding; i < bytes.size() * 8; ++i)
    out += (static_cast<unsigned char>(bytes[i / 8]) >> (7 - i % 8) & 1) != 0 ? '1' : '0';
  return out;
}

std::string unsigned_text(const duckdb_uhugeint& value) {
  __extension__ using Wide = unsigned __int128;
  auto number = static_cast<Wide>(value.upper) << 64 | value.lower;
  std::string out;
  do {
    out += static_cast<char>('0' + static_cast<int>(number % 10));
    number /= 10;
  } while (number != 0);
  std::reverse(out.begin(), out.end());
  return out;
}

std::string time_text(std::int64_t micros) {
  std::array<char, 32> text{};
  const auto seconds = static_cast<int>(micros / 1'000'000);
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%06d", seconds / 3600, seconds / 60 % 60,
                seconds % 60, static_cast<int>(micros % 1'000'000));
  return text.data();
}

std::string string_at(const DuckdbApi& api, duckdb_vector vector, idx_t row, const Place& place) {
  const auto value = value_at<duckdb_string_t>(api, vector, row);
  constexpr std::uint32_t inlined = 12;
  const std::uint32_t length = value.value.inlined.length;
  place.take(length);
  return {length <= inlined ? value.value.inlined.inlined : value.value.pointer.ptr, length};
}

std::string hex(const std::string& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string uuid_text(const duckdb_hugeint& value) {
  // The highest bit is flipped inside DuckDB, so that UUIDs sort as integers.
  const std::uint64_t upper = static_cast<std::uint64_t>(value.upper) ^ (1ULL << 63);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%012llx",
                static_cast<unsigned>(upper >> 32), static_cast<unsigned>(upper >> 16 & 0xffff),
                static_cast<unsigned>(upper & 0xffff), static_cast<unsigned>(value.lower >> 48),
                static_cast<unsigned long long>(value.lower & 0xffff'ffff'ffffULL));
  return text.data();
}

std::string decimal_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                       idx_t row) {
  Int128 unscaled = 0;
  switch (api.decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
      unscaled = value_at<std::int16_t>(api, vector, row);
      break;
    case DUCKDB_TYPE_INTEGER:
      unscaled = value_at<std::int32_t>(api, vector, row);
      break;
    case DUCKDB_TYPE_BIGINT:
      unscaled = value_at<std::int64_t>(api, vector, row);
      break;
    default:
      unscaled = wide(value_at<duckdb_hugeint>(api, vector, row));
  }
  return decimal_text(unscaled, api.decimal_scale(type));
}

std::string enum_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                    idx_t row) {
  idx_t index = 0;
  switch (api.enum_internal_type(type)) {
    case DUCKDB_TYPE_UTINYINT:
      index = value_at<std::uint8_t>(api, vector, row);
      break;
    case DUCKDB_TYPE_USMALLINT:
      index = value_at<std::uint16_t>(api, vector, row);
      break;
    default:
      index = value_at<std::uint32_t>(api, vector, row);
  }
  char* name = api.enum_dictionary_value(type, index);
  std::string text = name == nullptr ? "" : name;
  api.free(name);
  return text;
}

Cell read_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type, idx_t row,
             Place place);
std::string key_text(const Cell& key);

std::vector<Cell> list_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                          idx_t row, Place place) {
  const auto entry = value_at<duckdb_list_entry>(api, vector, row);
  const duckdb_vector child = api.list_vector_get_child(vector);
  const TypeHolder child_type(api, api.list_type_child_type(type));
  std::vector<Cell> items;
  for (idx_t i = entry.offset; i < entry.offset + entry.length; ++i)
    items.push_back(read_at(api, child, child_type.get(), i, place.deeper()));
  return items;
}

std::vector<Cell> array_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                           idx_t row, Place place) {
  const idx_t size = api.array_type_array_size(type);
  const duckdb_vector child = api.array_vector_get_child(vector);
  const TypeHolder child_type(api, api.array_type_child_type(type));
  std::vector<Cell> items;
  for (idx_t i = row * size; i < (row + 1) * size; ++i)
    items.push_back(read_at(api, child, child_type.get(), i, place.deeper()));
  return items;
}

std::vector<Field> struct_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                             idx_t row, Place place) {
  std::vector<Field> fields;
  for (idx_t i = 0; i < api.struct_type_child_count(type); ++i) {
    char* text = api.struct_type_child_name(type, i);
    std::string name = text;
    api.free(text);  // before the value, which may be refused
    const TypeHolder child_type(api, api.struct_type_child_type(type, i));
    fields.push_back({std::move(name), read_at(api, api.struct_vector_get_child(vector, i),
                                               child_type.get(), row, place.deeper())});
  }
  return fields;
}

// The shortest text that reads back to the same double.
std::string double_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

// A map's key as the name of a field. Names of nested keys are made of their parts.
std::string key_text(const Cell& key) {
  struct Text {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return double_text(number); }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(const std::vector<Cell>& items) const {
      std::string out;
      for (const Cell& item : items) out += (out.empty() ? "" : ", ") + key_text(item);
      return "[" + out + "]";
    }
    std::string operator()(const std::vector<Field>& fields) const {
      std::string out;
      for (const Field& field : fields)
        out += (out.empty() ? "" : ", ") + field.name + ": " + key_text(field.value);
      return "{" + out + "}";
    }
  };
  return std::visit(Text{}, key.value);
}

// A map is a list of (key, value) structs.
std::vector<Field> map_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                          idx_t row, Place place) {
  const auto entry = value_at<duckdb_list_entry>(api, vector, row);
  const duckdb_vector pairs = api.list_vector_get_child(vector);
  const TypeHolder key_type(api, api.map_type_key_type(type));
  const TypeHolder value_type(api, api.map_type_value_type(type));
  std::vector<Field> fields;
  for (idx_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    const Cell key =
        read_at(api, api.struct_vector_get_child(pairs, 0), key_type.get(), i, place.deeper());
    fields.push_back({key_text(key), read_at(api, api.struct_vector_get_child(pairs, 1),
                                             value_type.get(), i, place.deeper())});
  }
  return fields;
}

Cell read_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type, idx_t row,
             Place place) {
  place.take(2);  // a digit and a comma
  auto* validity = api.vector_get_validity(vector);
  if (validity != nullptr && !api.validity_row_is_valid(validity, row)) return {};
  if (place.depth > max_depth)
    throw SqlError("a column is nested more than 16 deep: select its parts");
  switch (api.get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return {value_at<bool>(api, vector, row)};
    case DUCKDB_TYPE_TINYINT:
      return {std::int64_t{value_at<std::int8_t>(api, vector, row)}};
    case DUCKDB_TYPE_SMALLINT:
      return {std::int64_t{value_at<std::int16_t>(api, vector, row)}};
    case DUCKDB_TYPE_INTEGER:
      return {std::int64_t{value_at<std::int32_t>(api, vector, row)}};
    case DUCKDB_TYPE_BIGINT:
      return {value_at<std::int64_t>(api, vector, row)};
    case DUCKDB_TYPE_UTINYINT:
      return {std::int64_t{value_at<std::uint8_t>(api, vector, row)}};
    case DUCKDB_TYPE_USMALLINT:
      return {std::int64_t{value_at<std::uint16_t>(api, vector, row)}};
    case DUCKDB_TYPE_UINTEGER:
      return {std::int64_t{value_at<std::uint32_t>(api, vector, row)}};
    case DUCKDB_TYPE_UBIGINT:
      return {decimal_text(value_at<std::uint64_t>(api, vector, row), 0)};
    case DUCKDB_TYPE_HUGEINT:
      return {decimal_text(wide(value_at<duckdb_hugeint>(api, vector, row)), 0)};
    case DUCKDB_TYPE_FLOAT:
      return {static_cast<double>(value_at<float>(api, vector, row))};
    case DUCKDB_TYPE_DOUBLE:
      return {value_at<double>(api, vector, row)};
    case DUCKDB_TYPE_DECIMAL:
      return {decimal_at(api, vector, type, row)};
    case DUCKDB_TYPE_VARCHAR:
      return {string_at(api, vector, row, place)};
    case DUCKDB_TYPE_BLOB:
      return {hex(string_at(api, vector, row, place))};
    case DUCKDB_TYPE_DATE:
      return {date_text(api, value_at<duckdb_date>(api, vector, row))};
    case DUCKDB_TYPE_TIME:
      return {time_text(value_at<std::int64_t>(api, vector, row))};
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return {timestamp_text(api, value_at<std::int64_t>(api, vector, row), "Z")};
    case DUCKDB_TYPE_TIMESTAMP:
      return {timestamp_text(api, value_at<std::int64_t>(api, vector, row), "")};
    case DUCKDB_TYPE_TIMESTAMP_S:
      return {
          timestamp_text(api, to_micros(value_at<std::int64_t>(api, vector, row), 1'000'000), "")};
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return {timestamp_text(api, to_micros(value_at<std::int64_t>(api, vector, row), 1000), "")};
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return {nano_text(api, value_at<std::int64_t>(api, vector, row))};
    case DUCKDB_TYPE_INTERVAL:
      return {interval_text(value_at<duckdb_interval>(api, vector, row))};
    case DUCKDB_TYPE_BIT:
      return {bit_text(string_at(api, vector, row, place))};
    case DUCKDB_TYPE_UHUGEINT:
      return {unsigned_text(value_at<duckdb_uhugeint>(api, vector, row))};
    case DUCKDB_TYPE_SQLNULL:
      return {};
    case DUCKDB_TYPE_UUID:
      return {uuid_text(value_at<duckdb_hugeint>(api, vector, row))};
    case DUCKDB_TYPE_ENUM:
      return {enum_at(api, vector, type, row)};
    case DUCKDB_TYPE_LIST:
      return {list_at(api, vector, type, row, place)};
    case DUCKDB_TYPE_ARRAY:
      return {array_at(api, vector, type, row, place)};
    case DUCKDB_TYPE_STRUCT:
      return {struct_at(api, vector, type, row, place)};
    case DUCKDB_TYPE_MAP:
      return {map_at(api, vector, type, row, place)};
    default:
      throw SqlError("a column has a type that cannot be shown: CAST it AS VARCHAR");
  }
}

}  // namespace

std::string Cell::text() const {
  const auto* found = std::get_if<std::string>(&value);
  return found == nullptr ? std::string() : *found;
}

std::int64_t Cell::integer() const {
  const auto* found = std::get_if<std::int64_t>(&value);
  return found == nullptr ? 0 : *found;
}

const Cell* Cell::field(const std::string& name) const {
  const auto* fields = std::get_if<std::vector<Field>>(&value);
  if (fields == nullptr) return nullptr;
  const auto found = std::find_if(fields->begin(), fields->end(),
                                  [&name](const Field& each) { return each.name == name; });
  return found == fields->end() ? nullptr : &found->value;
}

Cell read_cell(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type, idx_t row) {
  return read_at(api, vector, type, row, {});
}

Cell read_cell(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type, idx_t row,
               std::size_t& left) {
  return read_at(api, vector, type, row, {0, &left});
}

}  // namespace batuta::lake
