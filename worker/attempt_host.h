// The host side of the plugin ABI for one attempt: gives parameters, context and secrets, keeps
// what the plugin hands in.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/message.h"
#include "plugins/sdk/batuta_plugin.h"

namespace batuta {

struct SlotPage;

// What an attempt left to be done once its report is on its way, in its order; see the extension
// "batuta.after_report" in attempt_host.cc. On the slot's main thread.
void do_after_report();

// The fixed surroundings of every attempt in one slot.
struct SlotSurroundings {
  std::string name;            // of the slot
  std::string scratch_root;    // absolute; this slot's own folder
  std::string engine_library;  // path of libduckdb.so, or empty
  int log_fd = 2;
  SlotPage* page = nullptr;
  int peak_reset_fd = -1;          // /proc/self/clear_refs, or -1
  std::int64_t lake_memory = 0;    // bytes of the SQL engine; 0 = the engine's own
  std::int64_t lake_threads = 0;   // of the SQL engine; 0 = the engine's own
  std::string run_folders{};       // <home>/runs; empty: tasks of a run share no folder
  std::int64_t run_dir_limit = 0;  // bytes of a run's folder; 0 = any number
  bool shared_runs = false;        // each slot of this host has a user of its own
  bool bounds_by_process = false;  // the memory that a task asks for is each process's
  int io_fd = -1;                  // /proc/self/io, or -1
  int control_fd = -1;             // to the agent; -1: nobody keeps checkpoints
  std::uint64_t checkpoints = 0;   // how many the slot's attempts have made
};

// Used on the slot's main thread; log and cancelled are safe on any.
class AttemptHost {
 public:
  // `launch` and `params` (the plugin's declarations) must outlive this. Secrets inside `launch`
  // are wiped by the destructor.
  AttemptHost(SlotSurroundings& slot, std::uint64_t number, Launch& launch,
              const std::vector<ParamInfo>& params);
  ~AttemptHost();
  AttemptHost(const AttemptHost&) = delete;
  AttemptHost& operator=(const AttemptHost&) = delete;

  const batuta_host* table() const { return &table_; }
  // Peak memory of the processes the plugin told of, KiB; 0 = none.
  std::int64_t child_peak_kib() const { return child_peak_kib_; }
  // Everything handed in, as a report; `returned` is what execute gave back.
  Finished finish(std::int32_t returned);
  void log(std::int32_t level, std::string_view text);

 private:
  struct Json;  // parsed parameters
  static AttemptHost& self(void* ctx) { return *static_cast<AttemptHost*>(ctx); }
  static void child_memory(void* ctx, std::int64_t peak_kib);
  static void note(void* ctx, const char* text, std::size_t length);
  void fill_table();
  const char* param(const char* name);
  const char* params();
  const char* context();
  const char* secret(const char* name);
  const char* lake_store();
  std::int32_t result(std::string_view json);
  const char* run_folder();
  std::string spilled() const;
  void fail(std::int32_t kind, std::string_view why);
  std::int32_t output(std::string_view json);
  std::int32_t branch(std::string_view json);
  std::int32_t report(const char* list, std::string_view json);
  std::int32_t report_file(std::string_view json);
  std::int32_t defer(std::string_view wait_json, std::string_view payload_json);
  std::int32_t checkpoint(std::string_view json);
  void refuse_second_ends();
  Json& parsed();

  SlotSurroundings& slot_;
  const std::uint64_t number_;
  Launch& launch_;
  const std::vector<ParamInfo>& declared_;
  batuta_host table_{};
  std::unique_ptr<Json> json_;  // made on first use: a plugin that asks nothing pays nothing
  std::map<std::string, std::string, std::less<>> texts_;  // what was returned as const char*
  std::string scratch_;  // made on first use, empty again at the end
  Finished finished_;
  bool failed_ = false;
  std::int32_t fail_kind_ = BATUTA_FAIL_RETRYABLE;
  std::map<std::string, std::vector<std::string>, std::less<>> reports_;
  std::size_t handed_in_ = 0;  // bytes of outputs
  std::size_t reported_ = 0;   // bytes of reports_
  std::string files_;          // the reported paths as JSON, comma between
  bool files_full_ = false;
  double progress_ = -1;
  std::int64_t child_peak_kib_ = 0;
  std::string note_;              // the reason of a success
  std::string run_folder_;        // set when the plugin asked for it
  std::uint64_t unkept_ = 0;      // a checkpoint that was not kept in time
  std::optional<Error> refusal_;  // of what it returned last
};

}  // namespace batuta
