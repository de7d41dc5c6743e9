#include "common/suggest.h"

#include <algorithm>
#include <numeric>

namespace batuta {
namespace {

// Optimal string alignment: insert, delete, replace, and swap of neighbours cost one each.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t longest = 128;
  if (word.empty() || word.size() > longest) return {};
  // Some milliseconds at most, whoever asks on whichever thread.
  std::size_t letter_pairs_left = 2'000'000;
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, (word.size() + 1) / 3) + 1;
  for (const auto& candidate : candidates) {
    if (candidate.size() > longest) continue;
    // So many letters at least are put in or left out.
    const auto longer = std::max(word.size(), candidate.size());
    if (longer - std::min(word.size(), candidate.size()) >= best_distance) continue;
    const auto pairs = word.size() * candidate.size();
    if (pairs > letter_pairs_left) break;
    letter_pairs_left -= pairs;
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string one_of(const std::vector<std::string>& candidates) {
  std::string text = "; it is one of";
  for (const auto& candidate : candidates) {
    text += (&candidate == &candidates.front() ? " " : ", ") + candidate;
  }
  return text;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const auto best = nearest(word, candidates);
  return best.empty() ? "" : "; did you mean \"" + best + "\"?";
}

}  // namespace batuta
