#include "plugins/lake/cell.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/time.h"
#include "plugins/lake/decimal.h"

namespace batuta::lake {
namespace {

// Nested deeper than this is shown as unsupported: a result must not exhaust the stack.
constexpr int max_depth = 16;

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

std::string instant(std::int64_t micros) {
  // DuckDB's infinities and years outside 1 to 9999 have no ISO form of ours.
  constexpr std::int64_t first = -62'135'596'800'000'000;
  constexpr std::int64_t last = 253'402'300'799'999'999;
  if (micros < first || micros > last) return "<out of range>";
  return to_iso(Time(Duration(micros)));
}

std::string date_text(const DuckdbApi& api, duckdb_date date) {
  const auto parts = api.from_date(date);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02d", parts.year, parts.month, parts.day);
  return text.data();
}

std::string time_text(std::int64_t micros) {
  std::array<char, 32> text{};
  const auto seconds = static_cast<int>(micros / 1'000'000);
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%06d", seconds / 3600, seconds / 60 % 60,
                seconds % 60, static_cast<int>(micros % 1'000'000));
  return text.data();
}

std::string string_at(const DuckdbApi& api, duckdb_vector vector, idx_t row) {
  const auto value = value_at<duckdb_string_t>(api, vector, row);
  constexpr std::uint32_t inlined = 12;
  const std::uint32_t length = value.value.inlined.length;
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
             int depth);

std::vector<Cell> list_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                          idx_t row, int depth) {
  const auto entry = value_at<duckdb_list_entry>(api, vector, row);
  const duckdb_vector child = api.list_vector_get_child(vector);
  const TypeHolder child_type(api, api.list_type_child_type(type));
  std::vector<Cell> items;
  for (idx_t i = entry.offset; i < entry.offset + entry.length; ++i)
    items.push_back(read_at(api, child, child_type.get(), i, depth + 1));
  return items;
}

std::vector<Cell> array_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                           idx_t row, int depth) {
  const idx_t size = api.array_type_array_size(type);
  const duckdb_vector child = api.array_vector_get_child(vector);
  const TypeHolder child_type(api, api.array_type_child_type(type));
  std::vector<Cell> items;
  for (idx_t i = row * size; i < (row + 1) * size; ++i)
    items.push_back(read_at(api, child, child_type.get(), i, depth + 1));
  return items;
}

std::vector<Field> struct_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                             idx_t row, int depth) {
  std::vector<Field> fields;
  for (idx_t i = 0; i < api.struct_type_child_count(type); ++i) {
    char* name = api.struct_type_child_name(type, i);
    const TypeHolder child_type(api, api.struct_type_child_type(type, i));
    fields.push_back({name, read_at(api, api.struct_vector_get_child(vector, i), child_type.get(),
                                    row, depth + 1)});
    api.free(name);
  }
  return fields;
}

// A map is a list of (key, value) structs.
std::vector<Field> map_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type,
                          idx_t row, int depth) {
  const auto entry = value_at<duckdb_list_entry>(api, vector, row);
  const duckdb_vector pairs = api.list_vector_get_child(vector);
  const TypeHolder key_type(api, api.map_type_key_type(type));
  const TypeHolder value_type(api, api.map_type_value_type(type));
  std::vector<Field> fields;
  for (idx_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    const Cell key =
        read_at(api, api.struct_vector_get_child(pairs, 0), key_type.get(), i, depth + 1);
    const auto* number = std::get_if<std::int64_t>(&key.value);
    fields.push_back(
        {number != nullptr ? std::to_string(*number) : key.text(),
         read_at(api, api.struct_vector_get_child(pairs, 1), value_type.get(), i, depth + 1)});
  }
  return fields;
}

Cell read_at(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type, idx_t row,
             int depth) {
  auto* validity = api.vector_get_validity(vector);
  if (validity != nullptr && !api.validity_row_is_valid(validity, row)) return {};
  if (depth > max_depth) return {std::string("<unsupported>")};
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
      return {string_at(api, vector, row)};
    case DUCKDB_TYPE_BLOB:
      return {hex(string_at(api, vector, row))};
    case DUCKDB_TYPE_DATE:
      return {date_text(api, value_at<duckdb_date>(api, vector, row))};
    case DUCKDB_TYPE_TIME:
      return {time_text(value_at<std::int64_t>(api, vector, row))};
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return {instant(value_at<std::int64_t>(api, vector, row))};
    case DUCKDB_TYPE_UUID:
      return {uuid_text(value_at<duckdb_hugeint>(api, vector, row))};
    case DUCKDB_TYPE_ENUM:
      return {enum_at(api, vector, type, row)};
    case DUCKDB_TYPE_LIST:
      return {list_at(api, vector, type, row, depth)};
    case DUCKDB_TYPE_ARRAY:
      return {array_at(api, vector, type, row, depth)};
    case DUCKDB_TYPE_STRUCT:
      return {struct_at(api, vector, type, row, depth)};
    case DUCKDB_TYPE_MAP:
      return {map_at(api, vector, type, row, depth)};
    default:
      return {std::string("<unsupported>")};
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
  return read_at(api, vector, type, row, 0);
}

}  // namespace batuta::lake
