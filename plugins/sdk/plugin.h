// C++ comfort over the plugin ABI (batuta_plugin.h). A whole plugin:
//
//   #include "plugins/sdk/plugin.h"
//
//   struct HelloBronze {
//     static constexpr auto name = "hello_bronze";
//     static constexpr auto version = "1.0.0";
//     static constexpr auto kind = "extract";
//     static constexpr auto summary = "Greets, and returns the greeting";
//     static constexpr batuta_param params[] = {
//         batuta::plugin::optional(BATUTA_PARAM_STRING, "who", "whom to greet", "\"world\"")};
//     void execute(batuta::plugin::Context& context) {
//       context.info("hello " + context.text("who"));
//       context.return_text("hello " + context.text("who"));
//     }
//   };
//   BATUTA_PLUGIN(HelloBronze)
//
// Returning is success. To fail, throw: RetryableError, FinalError, Skip; anything else thrown is a
// retryable failure with its what(). Nothing thrown crosses the C boundary. `params` may be left
// out. A fresh object is made for every attempt.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"
#include "plugins/sdk/batuta_plugin.h"

namespace batuta::plugin {

// The attempt failed; another try may succeed (a busy server, a lost connection). `code` becomes
// the attempt's exit code; 0 is taken for 1.
struct RetryableError : std::runtime_error {
  explicit RetryableError(const std::string& why, int exit_code = 1)
      : std::runtime_error(why), code(exit_code == 0 ? 1 : exit_code) {}
  int code;
};
// The attempt failed and will fail again (a wrong parameter, a refused login).
struct FinalError : std::runtime_error {
  explicit FinalError(const std::string& why, int exit_code = 1)
      : std::runtime_error(why), code(exit_code == 0 ? 1 : exit_code) {}
  int code;
};
// There was nothing to do: the task becomes `skipped`.
struct Skip : std::runtime_error {
  explicit Skip(const std::string& why, int exit_code = 1)
      : std::runtime_error(why), code(exit_code == 0 ? 1 : exit_code) {}
  int code;
};

// What a task may know of a connection it names. Do not log it; its secrets are masked if you do.
struct Connection {
  std::string conn_type;
  std::string host;
  std::string login;
  std::string password;
  std::string schema;
  std::int64_t port = 0;   // 0 = none given
  std::string extra_json;  // a JSON object, or empty

  // "https://host:port" for HTTP connections, in Airflow's way: the scheme comes from `host` itself
  // or from `schema`, else http. No final slash.
  std::string base_url() const;
  // The text of one member of `extra`; empty when absent or not a string.
  std::string extra(std::string_view key) const;
};

// How the wait of a task ended that had called Context::defer(), and what it left for this part.
struct Resumed {
  enum class Event : std::uint8_t {
    satisfied,
    timed_out,  // the wait's own "timeout"
    failed,     // what was waited for will never come
  };
  Event event = Event::satisfied;
  std::string reason;  // of the other two, for people
  std::string payload_json;
};

struct Window {
  Time start;
  Time end;  // exclusive
};

// The attempt, as the plugin sees it. Valid while execute() runs; used from its thread only, except
// the log functions and cancelled(), which any thread may call.
//
// Getters without a fallback throw FinalError when the parameter is absent or of another type; with
// one, only when it is of another type. Defaults declared in `params` are already filled in.
class Context {
 public:
  explicit Context(const batuta_host& host);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // -- parameters
  bool has(const char* name) const;  // present and not null
  std::string text(const char* name) const;
  std::string text(const char* name, std::string_view fallback) const;
  std::int64_t integer(const char* name) const;
  std::int64_t integer(const char* name, std::int64_t fallback) const;
  double number(const char* name, double fallback) const;
  bool boolean(const char* name, bool fallback) const;
  // "15m" or a number of seconds.
  Duration duration(const char* name, Duration fallback) const;
  // A list of strings; a single string counts as a list of one. Empty when absent.
  std::vector<std::string> texts(const char* name) const;
  // The parameter's JSON text, or empty.
  std::string json(const char* name) const;
  std::string all_json() const;

  // -- connections the task names, by id; FinalError when it does not name it
  Connection connection(const std::string& id) const;
  std::string connection_json(const std::string& id) const;
  std::vector<std::string> connections() const;  // their ids

  // -- the attempt
  const std::string& execution_id() const;  // the run's UUID, in every layer and control row
  const std::string& dag_id() const;
  const std::string& run_id() const;
  const std::string& task_id() const;
  std::int64_t map_index() const;   // -1 when the task is not mapped
  std::int64_t try_number() const;  // from 1
  std::int64_t fence() const;       // grows with every launch: an idempotency key for outside
  // The same for all attempts that may have done the same: a lost worker's successor has it, and so
  // has every part of a task that defers; a try after a failure, a clear or another turn of a loop
  // has another. At most 64 letters and digits.
  const std::string& idempotency_key() const;
  // W3C Trace Context: where spans of this attempt's programs belong; empty: traces are off.
  const std::string& traceparent() const;
  const std::string& lake() const;     // absolute folder
  const std::string& scratch() const;  // absolute folder, empty at the start and again afterwards
  OptTime logical_date() const;
  Window data_interval() const;  // FinalError for runs without one
  Window window() const;         // what an incremental task should read; FinalError without one
  // The return value of a direct upstream, as JSON text; empty when it gave none.
  std::string upstream_json(const std::string& upstream_task_id) const;
  // All of them: {task_id: return value}.
  std::string upstreams_json() const;
  std::string context_json() const;  // all of the above, as the host gives it

  // -- telling
  void debug(std::string_view line) const { log(BATUTA_LOG_DEBUG, line); }
  void info(std::string_view line) const { log(BATUTA_LOG_INFO, line); }
  void warn(std::string_view line) const { log(BATUTA_LOG_WARN, line); }
  void error(std::string_view line) const { log(BATUTA_LOG_ERROR, line); }
  void progress(double share) const;  // 0 to 1

  // -- stopping
  bool cancelled() const;
  void check_cancelled() const;  // throws RetryableError("cancelled")
  // Sleeps at most `span`; false as soon as the attempt should stop.
  bool sleep(Duration span) const;

  // -- outcome; every one throws FinalError when the host refuses the value (too large, not JSON)
  void return_json(std::string_view json);  // XCom `return_value`, at most 64 MiB
  void return_text(std::string_view text);
  void output(std::string_view publication_json);  // see lakelog/publish.h
  void records(std::int64_t rows, Time watermark);
  void records(std::int64_t rows);
  void branch(const std::vector<std::string>& task_ids);
  // list: "files" (a JSON string, as quoted() makes one), "quality" or "lineage" (an object).
  void report(const char* list, std::string_view json);

  // -- waiting without a slot
  // The task is not over when execute() returns: it waits, and is launched again then, in the same
  // try (batuta_plugin.h has the fields of the wait). FinalError when the host refuses it, or is
  // older than this.
  void defer(std::string_view wait_json, std::string_view payload_json = "null");
  // What this part goes on from; empty in the first.
  std::optional<Resumed> resumed() const;

  // -- going on after a failure
  // From where the next try is to go on, should this one not end well: any JSON, 64 KiB at most,
  // without a secret; in the place of the one before. True: it is durable, whatever dies now.
  // False: not yet, for the scheduler is away (it is sent on), or the worker is older than this.
  // FinalError when it is refused. Costs a commit: not for each row.
  bool checkpoint(std::string_view json);
  // What an earlier try left so; empty: nothing, begin at the start.
  std::string last_checkpoint_json() const;

  // The peak memory (KiB) of a process that the plugin started and waited for.
  void child_memory(std::int64_t peak_kib);

  // One line for whoever looks at a task that succeeded, such as why there was nothing to do: its
  // reason, in page, API and `tasks explain`. The last one counts; nothing where it fails.
  void note(const std::string& line);

  // An optional power of the host, such as "batuta.engine_library"; nullptr when it has none.
  const void* extension(const char* id) const;

 private:
  struct Attempt;
  const Attempt& attempt() const;  // read on first use: a no-op plugin pays nothing
  void log(std::int32_t level, std::string_view line) const;

  const batuta_host& host_;
  mutable std::unique_ptr<Attempt> attempt_;
};

// A JSON string literal of `text`, quotes included.
std::string quoted(std::string_view text);

constexpr batuta_param required(std::int32_t type, const char* name, const char* help) {
  return {name, type, 1, nullptr, help};
}
constexpr batuta_param optional(std::int32_t type, const char* name, const char* help,
                                const char* default_json = nullptr) {
  return {name, type, 0, default_json, help};
}

// Runs `body` behind the C boundary: 0, or non-zero after telling the host why.
std::int32_t guarded(const batuta_host* host, void (*body)(Context&)) noexcept;

template <class Plugin>
std::int32_t execute(const batuta_host* host) noexcept {
  return guarded(host, [](Context& context) { Plugin{}.execute(context); });
}

template <class Plugin>
constexpr batuta_plugin describe() {
  batuta_plugin table{BATUTA_PLUGIN_ABI,    sizeof(batuta_plugin), Plugin::name, Plugin::version,
                      Plugin::kind,         Plugin::summary,       nullptr,      0,
                      sizeof(batuta_param), execute<Plugin>};
  if constexpr (requires { Plugin::params; }) {
    table.params = std::data(Plugin::params);
    table.param_count = static_cast<std::uint32_t>(std::size(Plugin::params));
  }
  return table;
}

}  // namespace batuta::plugin

// Once per shared object, at global scope.
#define BATUTA_PLUGIN(Type)                                                                     \
  extern "C" BATUTA_PLUGIN_EXPORT const batuta_plugin* batuta_plugin_entry(uint32_t host_abi) { \
    static constexpr batuta_plugin table = ::batuta::plugin::describe<Type>();                  \
    return host_abi == BATUTA_PLUGIN_ABI ? &table : nullptr;                                    \
  }
