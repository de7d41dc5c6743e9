// Every target over its corpus, and over small changes of it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {
namespace {

constexpr int changes_of_each = 300;

std::vector<std::string> corpus_of(const std::string& name) {
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  std::vector<std::string> found;
  const std::filesystem::path folder =
      std::filesystem::path(source ? source : ".") / "tests/fuzz/corpus" / name;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ostringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    found.push_back(text.str());
  }
  return found;
}

std::string changed(std::string text, const std::vector<std::string>& others,
                    std::mt19937& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (auto left = 1 + below(4); left > 0; --left) {
    const auto at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        text.insert(at, 1, static_cast<char>(below(256)));
        break;
      case 1:
        text.erase(at, 1 + below(8));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), below(32)));
        break;
      default: {
        const std::string& other = others[below(others.size())];
        text = text.substr(0, at) + other.substr(below(other.size() + 1));
      }
    }
  }
  return text;
}

}  // namespace

TEST_CASE("every target takes its corpus, and small changes of it, without breaking a property") {
  const char* wish = std::getenv("BATUTA_SEED");
  const auto seed =
      wish ? static_cast<std::uint32_t>(std::strtoul(wish, nullptr, 10)) : std::random_device{}();
  MESSAGE("BATUTA_SEED=" << seed);
  std::mt19937 random(seed);
  for (const Target& target : targets) {
    CAPTURE(target.name);
    const auto corpus = corpus_of(target.name);
    REQUIRE(!corpus.empty());
    for (const std::string& text : corpus) {
      target.run(text);
      for (int i = 0; i < changes_of_each; ++i) target.run(changed(text, corpus, random));
    }
  }
}

}  // namespace batuta::fuzz
