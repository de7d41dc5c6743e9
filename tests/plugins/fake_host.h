// The host side of the plugin ABI for tests: loads a built plugin and runs it through its real C
// table, keeping everything it hands in.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "plugins/sdk/batuta_plugin.h"

namespace batuta {

std::string build_dir();  // BATUTA_BUILD_DIR; throws when it is not set

class FakeHost {
  const std::unique_ptr<nlohmann::json> context_, parameters_;

 public:
  FakeHost();
  ~FakeHost();
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  nlohmann::json& context;  // objects, empty at first
  nlohmann::json& parameters;
  std::map<std::string, std::string> secrets;
  bool stop = false;                // what cancelled() answers
  std::string run_folder;           // what the tasks of a run share; empty: none
  std::int64_t engine_memory = 0;   // bytes; 0: the worker has no such setting
  std::int64_t engine_threads = 0;  // likewise
  bool keeps_processes = false;     // between attempts; see kept_processes

  // What the plugin handed in.
  std::string result;
  std::string failure;
  std::string note;
  std::vector<std::string> checkpoints;
  std::int32_t checkpoint_answer = 0;  // what checkpoint() answers
  int failure_kind = -1;
  std::int64_t record_count = 0;
  std::int64_t watermark_us = 0;
  std::vector<std::string> outputs;
  std::vector<std::string> lines;
  std::map<std::string, std::vector<std::string>> reports;

  // Of all hosts of this process: plugins stay loaded.
  static std::vector<std::int64_t>& kept_processes();

  // Runs build/plugins/<name>.so once; 0 = success.
  int run(const std::string& name);

  // For libraries that plugins are made of: the host's table, valid as long as this.
  batuta_host table();

 private:
  static FakeHost& self(void* ctx) { return *static_cast<FakeHost*>(ctx); }

  void take_defaults(const batuta_plugin& plugin);

  const char* keep(std::string text) { return kept_.emplace_back(std::move(text)).c_str(); }

  std::vector<std::string> kept_;
};

}  // namespace batuta
