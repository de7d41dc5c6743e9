// What a file of Avro says of its rows: the types of its schema. Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace batuta::from_contract {

inline constexpr std::int64_t max_avro_header = 4 << 20;
inline constexpr std::int64_t max_avro_block = 256 << 20;  // as it lies there, and unpacked
inline constexpr int max_avro_depth = 64;

// Throws plugin::FinalError, to which who reads the file adds which one it is, and where.
[[noreturn]] void broken_avro(const std::string& what);

struct AvroType {
  enum class Kind {
    null,
    boolean,
    integer,
    real,
    float32,
    bytes,
    string,
    record,
    enumeration,
    array,
    map,
    fixed,
    choice
  } kind = Kind::null;
  std::vector<std::pair<std::string, const AvroType*>> fields;  // of a record
  std::vector<const AvroType*> parts;  // items, values; what a union may be
  std::vector<std::string> symbols;
  std::size_t size = 0;
};

// The schema of a file. Types refer to each other, also to themselves.
class AvroSchema {
 public:
  // Throws as broken_avro().
  explicit AvroSchema(const std::string& text);
  const AvroType& root() const { return *root_; }

 private:
  AvroType& make(AvroType::Kind kind);
  const AvroType* named(const std::string& name, const std::string& space);
  const AvroType* type_of(const nlohmann::json& told, const std::string& space, int depth);
  const AvroType* own_type(const nlohmann::json& told, const std::string& kind, std::string space,
                           int depth);

  std::vector<std::unique_ptr<AvroType>> types_;
  std::map<std::string, const AvroType*> names_;
  const AvroType* root_ = nullptr;
};

// The lake engine's type of the values that the type has in JSON: numbers and flags, or NULL; empty
// for what is a text there, or not always of one type.
std::string column_type_of(const AvroType& type);

}  // namespace batuta::from_contract
