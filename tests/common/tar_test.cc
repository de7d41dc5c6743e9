// Folders as one stream of bytes and back.
#include "common/tar.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace batuta {
namespace {

namespace fs = std::filesystem;

struct TarFolder {
  TarFolder() {
    std::string name = (fs::temp_directory_path() / "batuta-tar-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TarFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  void put(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path + "/" + name).parent_path());
    std::ofstream(path + "/" + name) << text;
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(path + "/" + name).rdbuf();
    return text.str();
  }
  std::string path;
};

Status read_in_pieces(TarReader& reader, const std::string& bytes, std::size_t piece) {
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (auto taken = reader.take(std::string_view(bytes).substr(at, piece)); !taken) return taken;
  return reader.finish();
}

}  // namespace

TEST_CASE("tar: a folder comes back as it was, whatever pieces its bytes come in") {
  const std::string longest = std::string(120, 'a') + "/" + std::string(200, 'b') + ".parquet";
  const std::map<std::string, std::string> files{{"day=1/one.parquet", std::string(1000, 'x')},
                                                 {"day=2/two.parquet", std::string(512, 'y')},
                                                 {"empty", ""},
                                                 {longest, "long"}};
  std::string first;
  for (const std::size_t piece : {1u, 511u, 512u, 1u << 20}) {
    const TarFolder from, to;
    for (const auto& [name, text] : files) from.put("rows/" + name, text);
    const auto size = move_to_tar(from.path + "/rows", from.path + "/rows.tar", 1 << 20);
    REQUIRE(size.ok());
    CHECK_FALSE(fs::exists(from.path + "/rows"));
    const std::string bytes = from.read("rows.tar");
    CHECK(static_cast<std::int64_t>(bytes.size()) == *size);
    if (first.empty()) first = bytes;
    CHECK(bytes == first);  // no times and no owners
    TarReader reader(to.path);
    const Status read = read_in_pieces(reader, bytes, piece);
    const std::string said = read.ok() ? "" : read.error().message;
    REQUIRE(said == "");
    CHECK(reader.files() == 4);
    CHECK(reader.bytes() == 1516);
    for (const auto& [name, text] : files) CHECK(to.read(name) == text);
  }
}

TEST_CASE("tar: no archive that is cut or damaged passes, and none writes beside its folder") {
  const TarFolder from;
  from.put("rows/day/one", std::string(700, 'x'));
  REQUIRE(move_to_tar(from.path + "/rows", from.path + "/rows.tar", 1 << 20).ok());
  const std::string whole = from.read("rows.tar");
  for (const std::size_t cut : {100u, 512u, 900u, 1536u, 2048u}) {
    const TarFolder to;
    TarReader reader(to.path);
    CHECK_FALSE(read_in_pieces(reader, whole.substr(0, cut), 512).ok());
  }
  std::string damaged = whole;
  damaged[0] = 'e';
  const TarFolder to;
  TarReader reader(to.path);
  CHECK_FALSE(reader.take(damaged).ok());
  for (const std::string name : {"../out", "day/../../out", "/out", "day//one", "./one"}) {
    // The same length of the sum's field: the name takes another's place, and the sum is set right.
    std::string leads_out = whole;
    int before = 0, after = 0;
    for (std::size_t i = 0; i < 100; ++i) before += static_cast<unsigned char>(leads_out[i]);
    leads_out.replace(0, 100, name + std::string(100 - name.size(), '\0'));
    for (std::size_t i = 0; i < 100; ++i) after += static_cast<unsigned char>(leads_out[i]);
    const int sum = std::stoi(whole.substr(148, 6), nullptr, 8) - before + after;
    char text[16];
    std::snprintf(text, sizeof text, "%06o", static_cast<unsigned>(sum));
    leads_out.replace(148, 6, text);
    const TarFolder inside;
    TarReader strict(inside.path);
    const Status taken = strict.take(leads_out);
    REQUIRE_FALSE(taken.ok());
    CHECK(taken.error().message.find("leads out of its folder") != std::string::npos);
    CHECK(fs::is_empty(inside.path));
  }
}

TEST_CASE("tar: an archive that would be too large is refused, and so is what is no file") {
  const TarFolder from;
  from.put("rows/one", std::string(3000, 'x'));
  const auto large = move_to_tar(from.path + "/rows", from.path + "/rows.tar", 2000);
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().code == Errc::too_large);
  fs::create_symlink("/etc/hostname", from.path + "/rows/link");
  CHECK(move_to_tar(from.path + "/rows", from.path + "/other.tar", 1 << 20).error().code ==
        Errc::invalid);
}

}  // namespace batuta
