// A secret that is kept elsewhere: a variable's value, a connection's password, or any value in its
// `extra`, may say where it is instead of what it is:
//   {"$env": "NAME"}   {"$file": "/absolute/path"}   {"$command": ["/absolute/program", "word"]}
//   {"$vault": ["secret/data/path", "field"]}   {"$aws": ["name", "field"]}
// Only what the settings list may be looked up. The reference itself is no secret and is shown.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "scheduler/store/registry.h"
#include "scheduler/store/secret_sources.h"

namespace batuta {

struct SecretReference {
  enum class Kind : std::uint8_t { env, file, command, vault, aws };
  Kind kind = Kind::env;
  // The name; the path; the program and its arguments; the path in the vault, or the name in AWS
  // Secrets Manager, and a field or none.
  std::vector<std::string> words;
  // What is asked for another one is looked up anew, though the words are the same; empty: nothing
  // is. No part of the text.
  std::string asked_for{};

  // As it is written, in one spelling: what is the same place is the same text.
  std::string text() const;
  auto operator<=>(const SecretReference&) const = default;
};

// nullopt: it is a value of its own. Errc::invalid: it is meant as a reference, and is none.
Result<std::optional<SecretReference>> read_secret_reference(const nlohmann::json& value);
// The same of a text, which is a reference when it is the JSON of one.
Result<std::optional<SecretReference>> read_secret_reference(std::string_view text);

// Of a setting: nullopt for what is no reference, or one to a vault, which settings lead to.
std::optional<SecretReference> read_setting_reference(std::string_view text);

// Errc::forbidden, naming the setting that does not list it.
Status check_secret_reference(const SecretReference& reference, const SecretSources& sources);

// A connection refers to at most so many.
inline constexpr std::size_t max_connection_references = 16;

// Where something refers to a secret: "password", or the JSON pointer of a member of `extra`.
struct PlacedReference {
  std::string place;
  SecretReference reference;
};
// Errc::invalid, naming the place, of one that is no reference, or too many.
Result<std::vector<PlacedReference>> references_of(const Connection& connection);

// The value behind a reference, or why there is none; nullopt: it is being looked up, ask again.
using FindSecret = std::function<std::optional<Result<std::string>>(const SecretReference&)>;

// Whoever looks secrets up, for those that may block. Any thread.
class SecretOpener {
 public:
  virtual ~SecretOpener() = default;
  // Errc::forbidden as check_secret_reference(). Does not block.
  virtual Status check(const SecretReference& reference) const = 0;
  // The value behind one: as it is known, or with `anew` as it is now.
  virtual Result<std::string> value_of(const SecretReference& reference, bool anew) = 0;
  // The value as it is known; nullopt: it is being looked up, ask again. Does not block.
  virtual std::optional<Result<std::string>> find(const SecretReference& reference) = 0;

  // Puts values in the place of a connection's references; an error names the place.
  Status open(Connection& connection);
  Status open(Variable& variable);
};

// Puts values in the place of references, and adds them to `opened`. False: something is being
// looked up yet, and what was given is not to be used. An error names the place and the reference.
Result<bool> open_connection(Connection& connection, const FindSecret& find,
                             std::vector<std::string>& opened);
// The same of a variable's value.
Result<bool> open_variable(Variable& variable, const FindSecret& find,
                           std::vector<std::string>& opened);

}  // namespace batuta
