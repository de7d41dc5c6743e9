// "did you mean …?": the nearest known name by edit distance.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace batuta {

// The candidate nearest to `word` when it is near enough to be a slip of the hand (at most a third
// of the word's letters, at least one), else empty. Words and candidates beyond 128 bytes are not
// compared, and of very many candidates the first alone: two million pairs of letters, some
// milliseconds.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "; it is one of a, b, c".
std::string one_of(const std::vector<std::string>& candidates);

// "; did you mean \"x\"?" or empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace batuta
