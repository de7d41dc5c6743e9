#include "common/pattern.h"

#include <re2/re2.h>

#include <cstdint>
#include <utility>

namespace batuta {
namespace {

// The compiled program and what a search may keep of it; beyond it the search is slower, not wrong.
constexpr std::int64_t max_pattern_memory = 1 << 20;

re2::RE2::Options pattern_options() {
  re2::RE2::Options options;
  options.set_max_mem(max_pattern_memory);
  options.set_log_errors(false);
  return options;
}

}  // namespace

struct Pattern::Compiled {
  std::string text;
  re2::RE2 expression;
  explicit Compiled(std::string_view given)
      : text(given), expression(re2::StringPiece(given.data(), given.size()), pattern_options()) {}
};

Result<Pattern> Pattern::compile(std::string_view text) {
  if (text.empty()) return {Errc::invalid, "an empty pattern is found everywhere: leave it out"};
  if (text.size() > max_pattern_bytes) {
    return {Errc::invalid, "a pattern of " + std::to_string(text.size()) + " bytes; at most " +
                               std::to_string(max_pattern_bytes) + " are allowed"};
  }
  auto compiled = std::make_shared<const Compiled>(text);
  if (compiled->expression.ok()) return Pattern(std::move(compiled));
  return {Errc::invalid,
          "no regular expression (RE2's syntax, without look-around and "
          "back-references): " +
              compiled->expression.error()};
}

bool Pattern::found_in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled_->expression);
}

const std::string& Pattern::text() const {
  return compiled_->text;
}

}  // namespace batuta
