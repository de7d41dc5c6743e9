// python: code of the DAG, or a file of the worker's machine, run by an interpreter of its own. The
// module `batuta` (python/batuta.py) gives it the attempt and takes what it tells; the protocol is
// described there.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/fd.h"
#include "common/safe_json.h"
#include "plugins/builtin/child.h"
#include "plugins/builtin/python_code.h"
#include "plugins/builtin/result_file.h"
#include "plugins/builtin/upstream_results.h"
#include "plugins/builtin/virtual_environment.h"
#include "plugins/builtin/warm_python.h"
#include "plugins/outputs/file_outputs.h"
#include "plugins/outputs/table_files.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::json_text;
using batuta::parse_untrusted;
using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::optional;
using batuta::plugin::RetryableError;
using nlohmann::json;

constexpr int in_fd = 3;
constexpr int out_fd = 4;
constexpr int answer_fd = 6;  // a byte for each checkpoint that asks for one; 5 is the slot's lock
constexpr std::size_t max_line = 1 << 20;
// How a checkpoint that waits for an answer begins, as the module writes it.
constexpr const char* asking_checkpoint = R"({"type": "checkpoint", "answer": true,)";
constexpr batuta::JsonLimits line_limits{max_line, 64, 200'000, max_line};

// What the child has told, as it comes.
class Messages {
 public:
  // Answers go to `answers`, a pipe's end.
  Messages(Context& context, std::string result_file, int answers)
      : context_(context), result_file_(std::move(result_file)), answers_(answers) {}

  void feed(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      const auto piece = bytes.substr(0, end);
      if (open_.size() + piece.size() > max_line) {
        too_long_ = true;
      } else {
        open_ += piece;
      }
      if (end == std::string_view::npos) return;
      line();
      bytes.remove_prefix(end + 1);
    }
  }

  // Another part of the task comes, which hands in the tables.
  bool deferred() const { return deferred_; }

  // How the attempt ends, once the child has; throws for all but success.
  void conclude(const batuta::plugin::ChildEnd& end) {
    if (!open_.empty() || too_long_) line();
    if (end.signal != 0) {
      throw RetryableError("the interpreter ended by signal " + std::to_string(end.signal),
                           128 + end.signal);
    }
    if (fail_) {
      if (retry_) throw RetryableError(*fail_, end.exit_code);
      throw FinalError(*fail_, end.exit_code);
    }
    if (end.exit_code != 0) {
      throw RetryableError("exit code " + std::to_string(end.exit_code), end.exit_code);
    }
    if (!garbage_.empty()) throw FinalError(garbage_);
    if (in_file_ && !skip_) context_.return_json(batuta::plugin::bytes_of_file(result_file_));
    if (skip_) throw batuta::plugin::Skip(*skip_);
  }

 private:
  void line() {
    const std::string text = std::exchange(open_, {});
    if (std::exchange(too_long_, false)) {
      return bad("a message is over " + std::to_string(max_line) + " bytes");
    }
    const auto message = parse_untrusted(text, line_limits);
    if (!message && text.starts_with(asking_checkpoint)) {  // the child waits, whatever it said
      context_.error("checkpoint: it is not JSON that can be kept: " + message.error().message);
      return answer('x');
    }
    if (!message || !message->is_object()) return bad("not a JSON object: " + text.substr(0, 200));
    try {
      take(*message);
    } catch (const json::exception&) {
      bad("a field is missing or of another type: " + text.substr(0, 200));
    } catch (const FinalError& refused) {  // not out of here: the child still runs
      bad(refused.what());
    }
  }

  void take(const json& message) {
    const auto type = message.at("type").get<std::string>();
    if (type == "log") {
      log(message.at("level").get<std::string>(), message.at("text").get<std::string>());
    } else if (type == "progress") {
      context_.progress(message.at("share").get<double>());
    } else if (type == "result") {
      in_file_ = false;
      context_.return_json(json_text(message.at("value")));
    } else if (type == "result_file") {  // read at the end: it may be written anew until then
      in_file_ = true;
    } else if (type == "records") {
      context_.records(batuta::json_int(message.at("rows")).value_or(0));
    } else if (type == "report") {
      context_.report(message.at("list").get<std::string>().c_str(),
                      json_text(message.at("value")));
    } else if (type == "defer") {
      context_.defer(json_text(message.at("wait")), json_text(message.at("payload")));
      deferred_ = true;
    } else if (type == "checkpoint") {
      checkpoint(message);
    } else if (type == "skip") {
      skip_ = message.at("reason").get<std::string>();
    } else if (type == "fail") {
      fail_ = message.at("reason").get<std::string>();
      retry_ = message.at("retry").get<bool>();
    } else {
      bad("unknown type \"" + type.substr(0, 80) + "\"");
    }
  }

  // 1: it is durable, 0: not yet, x: it was refused.
  void checkpoint(const json& message) {
    const bool asks = message.value("answer", false);
    char said = 'x';
    try {
      said = context_.checkpoint(json_text(message.at("value"))) ? '1' : '0';
    } catch (const FinalError&) {
      if (!asks) throw;
    }
    if (asks) answer(said);
  }

  // The pipe takes it: whoever asks waits for the answer before it asks again.
  void answer(char said) {
    if (::write(answers_, &said, 1) != 1) bad("a checkpoint could not be answered");
  }

  void log(const std::string& level, const std::string& text) {
    if (level == "error") return context_.error(text);
    if (level == "warn") return context_.warn(text);
    if (level == "debug") return context_.debug(text);
    context_.info(text);
  }

  // The first is told; what came before it stands.
  void bad(const std::string& why) {
    if (garbage_.empty()) garbage_ = "a message on descriptor 4 was not understood: " + why;
  }

  Context& context_;
  const std::string result_file_;
  const int answers_;
  std::string open_, garbage_;
  bool too_long_ = false, retry_ = true, in_file_ = false, deferred_ = false;
  std::optional<std::string> skip_, fail_;
};

json parsed(const std::string& text) {
  auto value = parse_untrusted(text, {16 << 20, 64, 2'000'000, 4 << 20});
  if (!value) throw FinalError("the worker handed over what is no JSON");
  return *std::move(value);
}

std::string start_of(const Context& context, const std::string& result_file) {
  json start{{"protocol", 1},
             {"params", json::object()},
             {"connections", json::object()},
             {"result_file", result_file}};
  if (const auto given = context.json("params"); !given.empty()) start["params"] = parsed(given);
  start["context"] = parsed(context.context_json());
  for (const std::string& id : context.connections()) {
    start["connections"][id] = parsed(context.connection_json(id));
  }
  return json_text(start);
}

// The file to run: the code, written down, so that a traceback names lines that exist.
std::string script_of(const Context& context, const std::string& folder) {
  const bool has_code = context.has("code");
  if (has_code == context.has("file")) {
    throw FinalError("a python task needs either \"code\" or \"file\"");
  }
  if (has_code) {
    const std::string path = folder + "/" + context.task_id() + ".py";
    batuta::plugin::write_private(path, context.text("code"));
    return path;
  }
  const std::string path = context.text("file");
  if (!path.starts_with('/')) {
    throw FinalError("file: " + path + " is not an absolute path on the worker's machine");
  }
  if (::access(path.c_str(), R_OK) != 0) {
    throw FinalError("file: " + path + ": " + std::strerror(errno));
  }
  return path;
}

struct Python {
  static constexpr auto name = "python";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Runs Python code in a process of its own";
  static constexpr batuta_param params[] = {
      optional(BATUTA_PARAM_STRING, "code", "the code"),
      optional(BATUTA_PARAM_STRING, "file", "or a file of the worker's machine, absolute"),
      optional(BATUTA_PARAM_OBJECT, "params", "what the code sees as batuta.params"),
      optional(BATUTA_PARAM_STRING, "python", "the interpreter", "\"python3\""),
      optional(BATUTA_PARAM_ARRAY, "requirements",
               "packages, as pip names them, in a virtual environment made once"),
      optional(BATUTA_PARAM_BOOLEAN, "warm",
               "forked from an interpreter that stays; else as the worker says"),
      optional(BATUTA_PARAM_ARRAY, "preload", "modules that it has imported already"),
      optional(BATUTA_PARAM_STRING, "working_dir", "absolute; else a fresh folder"),
      optional(BATUTA_PARAM_OBJECT, "env", "more environment variables"),
      optional(BATUTA_PARAM_ARRAY, "reads", "tables that it finds as Parquet files"),
      optional(BATUTA_PARAM_ARRAY, "outputs", "tables that files of its folder become")};

  void execute(Context& context) {
    const std::string folder = context.scratch() + "/.batuta";
    if (::mkdir(folder.c_str(), 0700) != 0) {
      throw RetryableError("cannot make " + folder + ": " + std::strerror(errno));
    }
    const std::string module = folder + "/batuta.py";
    batuta::plugin::write_private(module, batuta::plugin::python_module());
    const std::string script = script_of(context, folder);
    const std::string result_file = folder + "/result.json";
    const std::string start = start_of(context, result_file);
    const auto input = batuta::plugin::sealed_file(start);

    batuta::plugin::Child child;
    child.environment = batuta::plugin::environment_of(context);
    batuta::plugin::hand_over_results(context, child.environment);
    batuta::outputs::hand_out_tables(context, child.environment);
    child.program =
        batuta::plugin::interpreter(context.text("python", "python3"), child.environment["PATH"]);
    if (const auto packages = context.texts("requirements"); !packages.empty()) {
      child.program = batuta::plugin::virtual_environment(context, child.program, packages);
    }
    child.environment["PYTHONPATH"] = folder;  // for what the code starts
    child.environment["PYTHONUTF8"] = "1";
    child.arguments = {"-u", "-B", module, script};
    child.folder = batuta::plugin::working_folder(context);
    int answers[2];
    if (::pipe2(answers, O_CLOEXEC | O_NONBLOCK) != 0) {
      throw RetryableError(std::string("cannot make a pipe: ") + std::strerror(errno));
    }
    // Both ends stay open here: a child that is gone makes no signal of an answer.
    const batuta::UniqueFd answers_read{answers[0]}, answers_write{answers[1]};
    ::fcntl(answers[0], F_SETFL, 0);  // the child waits for its answer
    child.descriptors = {{in_fd, input.get()}, {answer_fd, answers_read.get()}};
    Messages messages(context, result_file, answers_write.get());
    child.streams = {{out_fd, [&](std::string_view bytes) { messages.feed(bytes); }}};
    child.cancelled = [&context] { return context.cancelled(); };
    if (context.boolean("warm", batuta::plugin::warm_by_default()) &&
        batuta::plugin::can_stay_warm(context)) {
      child.starter = [&,
                       what = batuta::plugin::WarmStart{module, script, context.texts("preload")}](
                          const std::map<int, int>& fds) {
        return batuta::plugin::start_warm(context, child, fds, what);
      };
    }
    const auto end = batuta::plugin::run_child(child);
    context.child_memory(end.peak_rss_kib);
    messages.conclude(end);
    if (!messages.deferred()) batuta::outputs::hand_in_files(context, context.scratch());
  }
};

}  // namespace

BATUTA_PLUGIN(Python)
