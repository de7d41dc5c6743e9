// Regular expressions that people write into DAG files, in RE2's syntax: time linear in the text,
// memory bounded, whatever the expression (docs/dependencies.md). Any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta {

inline constexpr std::size_t max_pattern_bytes = 1024;

// Immutable; copies share the compiled form. Found anywhere in the text unless it is anchored (^,
// $).
class Pattern {
 public:
  // Errc::invalid, with a sentence for people: empty, longer than max_pattern_bytes, not an
  // expression, or one that would take too much memory.
  static Result<Pattern> compile(std::string_view text);

  bool found_in(std::string_view text) const;
  const std::string& text() const;

 private:
  struct Compiled;
  explicit Pattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace batuta
