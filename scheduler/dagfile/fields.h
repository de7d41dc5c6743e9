// Reading one JSON object of a DAG file: typed fields, ranges, unknown names with a suggestion. All
// problems are collected, not only the first.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"

namespace batuta {

struct FieldProblem {
  std::string pointer;
  std::string message;
};

// A text with a template in it: what it is turns out when it is rendered.
bool is_template(const nlohmann::json& value);

// What is wrong with one file: the first 20, then only the count.
class Problems {
 public:
  static constexpr std::size_t limit = 20;
  void add(std::string pointer, std::string message);
  bool none() const { return list_.empty(); }
  bool full() const { return list_.size() >= limit; }
  const std::vector<FieldProblem>& list() const { return list_; }

 private:
  std::vector<FieldProblem> list_;
};

// Every getter marks its name as known; a wrong type is a problem and reads as absent. `object` and
// `problems` must outlive the reader; `object` must be a JSON object.
class FieldReader {
 public:
  FieldReader(const nlohmann::json& object, std::string pointer, Problems& problems);

  Problems& problems() { return problems_; }
  std::string pointer_to(std::string_view name) const;
  void problem(std::string_view name, std::string message);

  // The member as it is, or nullptr.
  const nlohmann::json* find(std::string_view name);
  std::optional<std::string> text(std::string_view name, std::size_t max_bytes = 4096);
  // An id that names a DAG, task, pool, connection, … (common/ids.h).
  std::optional<std::string> id(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  // "90s", "2m", or seconds as a number. `null` reads as absent.
  std::optional<Duration> duration(std::string_view name);
  // An instant with its zone. `null` reads as absent.
  OptTime time(std::string_view name);
  // A list of texts without repeats, at most `most` of them.
  std::optional<std::vector<std::string>> texts(std::string_view name, std::size_t most);
  std::optional<std::vector<std::string>> ids(std::string_view name, std::size_t most);
  // The member if it is an object.
  const nlohmann::json* object(std::string_view name);

  // Names a field valid elsewhere, so that refuse_unknown leaves it alone.
  void allow(std::string_view name);
  // Adds a problem for every member that no getter asked for.
  void refuse_unknown(std::string_view what);

 private:
  void wrong_type(std::string_view name, std::string_view wanted);
  const nlohmann::json& object_;
  std::string pointer_;
  Problems& problems_;
  std::vector<std::string> known_;
};

// "a text", "a number", …: what a JSON value is, for messages.
std::string_view json_kind(const nlohmann::json& value);

inline constexpr std::string_view id_rule =
    "1 to 128 letters, digits, '_', '-' or '.', starting with a letter or digit";

}  // namespace batuta
