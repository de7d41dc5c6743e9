// What the shared objects of the plugins' folder show to whoever loads them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

TEST_CASE("every plugin exports its entry and nothing else") {
  const char* build = std::getenv("BATUTA_BUILD_DIR");
  REQUIRE(build != nullptr);
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string{build} + "/plugins")) {
    if (entry.path().extension() != ".so") continue;
    const std::string command = "nm -D --defined-only " + entry.path().string();
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    char text[4096];
    const std::string out{text, std::fread(text, 1, sizeof text, pipe)};
    REQUIRE(::pclose(pipe) == 0);
    CHECK_MESSAGE(out.substr(std::min<std::size_t>(out.size(), 17)) == "T batuta_plugin_entry\n",
                  entry.path().string() << ": " << out);
    ++seen;
  }
  CHECK(seen >= 5);
}

}  // namespace
