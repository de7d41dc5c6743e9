// A look at a plugin folder whose children end in every way: who is blamed, and who is looked at
// again. The child is a shell that ends as the case says, or becomes a real one.
#include "worker/catalogue_scan.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/worker/agent_fixture.h"
#include "worker/plugin_folder.h"

namespace batuta {
namespace {

// Two good plugins, and a child that runs `script` before it looks at them.
class LookedAtFolder {
 public:
  explicit LookedAtFolder(const std::string& script) {
    char folder[] = "/tmp/batuta-scan-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    folder_ = folder;
    REQUIRE(make_folder(plugins()).ok());
    for (const char* name : {"misbehave.so", "plain_c.so"}) {
      std::filesystem::copy(build_folder() + "/tests/bad_plugins/" + name, plugins());
    }
    REQUIRE(write_manifest(plugins()).ok());
    std::ofstream(folder_ + "/child")
        << "cd " << folder_ << "; echo started >>children\n"
        << "at_most() { [ $(wc -l <children) -le $1 ]; }\n"
        // Says that it is about to load plain_c, the last one.
        << "loading() { printf '\\010\\000\\000\\000bplain_c' >&3; }\n"
        << script << "\n"
        << "exec " << std::filesystem::absolute(build_folder()).string()
        << "/tests/worker_agent slot \"$@\"\n";
  }
  ~LookedAtFolder() { remove_tree(folder_); }
  LookedAtFolder(const LookedAtFolder&) = delete;
  LookedAtFolder& operator=(const LookedAtFolder&) = delete;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string plugins() const { return path("plugins"); }
  CatalogueScan::Options options() const {
    return {{"/bin/sh", path("child")}, plugins(), 60'000'000, 1'000};
  }
  std::size_t children() const { return read_file(path("children")).size() / 8; }

 private:
  std::string folder_;
};

// As an agent carries it, with the children's ends seen on the pipe.
void look(CatalogueScan& scan) {
  scan.start();
  const std::int64_t end = boot_us() + 20'000'000;
  while (scan.active()) {
    REQUIRE(boot_us() < end);
    pollfd waiting{scan.fd(), POLLIN, 0};
    const auto left_ms = std::max<std::int64_t>(0, (scan.deadline_us() - boot_us()) / 1'000 + 1);
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left_ms, 1'000)));
    if (ready > 0) {
      scan.on_readable();
    } else if (scan.deadline_us() <= boot_us()) {
      scan.on_timeout();
    }
  }
}

std::string blame_of(const CatalogueScan& scan, const std::string& name) {
  const auto found = scan.faults().find(name);
  return found == scan.faults().end() ? "" : found->second;
}

TEST_CASE("a child that looks at plugins and is killed from outside is started again") {
  for (const char* signal : {"KILL", "TERM"}) {
    CAPTURE(signal);
    const LookedAtFolder folder(std::string("at_most 3 && { loading; kill -") + signal + " $$; }");
    CatalogueScan scan(folder.options());
    look(scan);
    CHECK(scan.plugins().size() == 2);
    CHECK(scan.faults().empty());
    CHECK_FALSE(scan.incomplete());
    CHECK(folder.children() == 4);
  }
}

TEST_CASE("the plugin at which every child is killed is left out alone, and is offered later") {
  const LookedAtFolder folder(
      "case \"$*\" in *plain_c*) [ -e mended ] || { loading; kill -KILL $$; };; esac");
  CatalogueScan scan(folder.options());
  look(scan);
  CHECK(scan.find("misbehave") != nullptr);
  CHECK(scan.find("plain_c") == nullptr);
  const std::string why = blame_of(scan, "plain_c");
  CHECK_MESSAGE(why.find("plain_c.so: the process that looks at plugins was killed from outside "
                         "(signal 9) 5 times in a row") != std::string::npos,
                why);
  CHECK_MESSAGE(why.find("a worker tries again every 720 s") != std::string::npos, why);
  CHECK(scan.incomplete());
  CHECK(folder.children() == CatalogueScan::most_kills + 1);

  // The next look, when nothing has changed.
  look(scan);
  CHECK(blame_of(scan, "plain_c") == why);

  std::ofstream(folder.path("mended")) << "";
  look(scan);
  CHECK(scan.find("plain_c") != nullptr);
  CHECK(scan.faults().empty());
  CHECK_FALSE(scan.incomplete());
}

TEST_CASE("children that are killed before they say a word leave out all, until the next look") {
  const LookedAtFolder folder("[ -e mended ] || kill -KILL $$");
  CatalogueScan scan(folder.options());
  look(scan);
  CHECK(scan.plugins().empty());
  CHECK(scan.faults().size() == 2);
  CHECK(scan.incomplete());
  CHECK(folder.children() == CatalogueScan::most_kills);
  std::ofstream(folder.path("mended")) << "";
  look(scan);
  CHECK(scan.plugins().size() == 2);
}

TEST_CASE("a plugin that ends the process that loads it is blamed at once") {
  for (const char* end : {"kill -SEGV $$", "kill -ABRT $$", "exit 0", "exit 137",
                          "exec 3>&-; exec sleep 60"}) {  // the last one lives on, without a voice
    CAPTURE(end);
    const LookedAtFolder folder(std::string("case \"$*\" in *plain_c*) loading; ") + end +
                                ";; esac");
    CatalogueScan scan(folder.options());
    look(scan);
    CHECK(scan.find("misbehave") != nullptr);
    const std::string why = blame_of(scan, "plain_c");
    CHECK_MESSAGE(why.find("it ended the process that loaded it") != std::string::npos, why);
    CHECK_FALSE(scan.incomplete());
    CHECK(folder.children() == 2);
  }
}

TEST_CASE("a second look that is asked for in the pause follows the first") {
  const LookedAtFolder folder("at_most 1 && kill -KILL $$");
  CatalogueScan scan(folder.options());
  scan.start();
  const std::int64_t end = boot_us() + 20'000'000;
  while (scan.fd() >= 0 && boot_us() < end) {
    pollfd waiting{scan.fd(), POLLIN, 0};
    if (::poll(&waiting, 1, 1'000) > 0) scan.on_readable();
  }
  CHECK(scan.active());
  look(scan);
  CHECK(scan.plugins().size() == 2);
  CHECK_FALSE(scan.active());
}

}  // namespace
}  // namespace batuta
