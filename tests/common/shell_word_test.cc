#include "common/shell_word.h"

#include <doctest/doctest.h>

#include <cstdio>

namespace batuta {

TEST_CASE("a shell reads a word as the text that it was made of") {
  for (const std::string text :
       {"", "a b", "it's", "'", "''x''", "$(id) `id` $HOME \\ \"", "\n;|&*"}) {
    CAPTURE(text);
    FILE* shell = ::popen(("printf %s " + shell_word(text)).c_str(), "r");
    REQUIRE(shell != nullptr);
    std::string said;
    for (int c = std::fgetc(shell); c != EOF; c = std::fgetc(shell)) said += static_cast<char>(c);
    CHECK(::pclose(shell) == 0);
    CHECK(said == text);
  }
}

}  // namespace batuta
