// Sample files, a folder that goes away, and a catalogue with the plugin of P1's first task.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "scheduler/dagfile/dag_parser.h"

namespace batuta {

namespace fs = std::filesystem;

inline fs::path source_folder() {
  const char* given = std::getenv("BATUTA_SOURCE_DIR");
  return given ? fs::path(given) : fs::current_path();
}

inline std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file, path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// *.json of a folder, sorted, not of its subfolders.
inline std::vector<fs::path> samples(const std::string& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(source_folder() / folder)) {
    const auto name = entry.path().filename().string();
    if (name.ends_with(".json") && name != "dag.schema.json") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  REQUIRE(!out.empty());
  return out;
}

inline std::vector<PluginInfo> test_catalogue() {
  PluginInfo bronze;
  bronze.name = "financial_bronze";
  bronze.kind = "extract";
  bronze.params = {{"tickers", ParamType::array, true, "", "papers"},
                   {"overlap", ParamType::string, false, "\"15m\"", "how far to reach back"},
                   {"connection", ParamType::connection, false, "\"quotes_api\"", "the service"}};
  return {bronze};
}

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (fs::temp_directory_path() / "batuta_dags_XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary | std::ios::trunc) << text;
  }

 private:
  fs::path path_;
};

inline std::string small_dag(const std::string& id, const std::string& task = "a") {
  return R"({"dag_id":")" + id + R"(","tasks":[{"task_id":")" + task + R"(","type":"empty"}]})";
}

}  // namespace batuta
