#include "plugins/builtin/upstream_results.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/run_files.h"
#include "common/safe_json.h"
#include "plugins/builtin/child.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

constexpr JsonLimits context_limits{16 << 20, 64, 2'000'000, 4 << 20};
constexpr JsonLimits text_limits{max_result_file, 64, 16, max_result_file};
constexpr std::size_t longest_name = 255;

constexpr std::string_view program = R"sh(#!/bin/sh
# Prints the path of the file that holds what a task returned.
say() { printf 'batuta-xcom: %s\n' "$1" >&2; exit "$2"; }
if [ $# -lt 1 ] || [ $# -gt 3 ]; then say 'usage: batuta-xcom TASK [KEY] [INDEX]' 2; fi
folder=$BATUTA_XCOM_DIR/$1
key=${2:-return_value}
index=${3:-}
[ -d "$folder" ] || say "there is no result of \"$1\": it must be in this task's depends_on and have returned something" 1
if [ -z "$index" ]; then
  [ -d "$folder/-1" ] || say "\"$1\" is mapped: say whose, batuta-xcom $1 $key INDEX" 2
  index=-1
fi
[ -f "$folder/$index/$key" ] || say "\"$1\" (index $index) returned no \"$key\"" 1
printf '%s\n' "$folder/$index/$key"
)sh";

void make(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return;
  throw RetryableError("cannot make " + folder + ": " + std::strerror(errno));
}

// The value as a command wants it.
std::string shown(const std::string& text) {
  if (!text.starts_with('"')) return text;
  const auto value = parse_untrusted(text, text_limits);
  if (!value || !value->is_string()) throw FinalError("a result of an earlier task is no JSON");
  return value->get<std::string>();
}

// A text has to be decoded; anything else is the file itself.
void hand_over_file(const std::string& from, std::int64_t bytes, const std::string& to,
                    bool apart) {
  const auto read = [&](std::size_t most) {
    auto text = read_result_file(from, bytes, 0, most);
    if (!text) throw FinalError("a result of an earlier task: " + text.error().message);
    return *std::move(text);
  };
  if (read(1) == "\"") return write_private(to, shown(read(max_result_file)));
  if (apart) return write_private(to, read(max_result_file));
  if (::symlink(from.c_str(), to.c_str()) == 0) return;
  throw RetryableError("cannot make " + to + ": " + std::strerror(errno));
}

bool can_be_a_file(const std::string& key) {
  return !key.empty() && key != "." && key != ".." && key.size() <= longest_name &&
         key.find('/') == std::string::npos && key.find('\0') == std::string::npos;
}

void hand_over(const Context& context, const std::string& root, const json& one, bool apart) {
  const auto key = one.at("key").get<std::string>();
  const auto task = one.at("task").get<std::string>();
  if (!can_be_a_file(key)) {
    context.warn("the XCom \"" + key.substr(0, 80) + "\" of " + task +
                 " is no file: its key cannot be a file's name; return_value holds it, too");
    return;
  }
  const std::string of_task = root + "/" + task;
  const std::string of_instance =
      of_task + "/" + std::to_string(json_int(one.at("map_index")).value_or(-1));
  make(of_task);
  make(of_instance);
  const std::string path = of_instance + "/" + key;
  const auto file = one.find("file");
  if (file != one.end()) {
    const auto bytes = json_int(one.at("bytes")).value_or(0);
    return hand_over_file(file->get<std::string>(), bytes, path, apart);
  }
  write_private(path, shown(one.at("json").get<std::string>()));
}

}  // namespace

bool make_result_files(const Context& context, const std::string& root, bool apart) {
  const std::string text = context.context_json();
  if (text.find("\"xcoms\":") == std::string::npos) return false;  // most tasks: nothing to read
  const auto given = parse_untrusted(text, context_limits);
  if (!given || !given->is_object()) throw FinalError("the worker handed over what is no JSON");
  const auto list = given->find("xcoms");
  if (list == given->end()) return false;
  make(root);
  for (const json& one : *list) hand_over(context, root, one, apart);
  return true;
}

void hand_over_results(const Context& context, std::map<std::string, std::string>& environment) {
  const std::string root = context.scratch() + "/.xcom", bin = context.scratch() + "/.bin";
  if (!make_result_files(context, root, false)) return;
  make(bin);
  const std::string command = bin + "/batuta-xcom";
  write_private(command, program);
  if (::chmod(command.c_str(), 0700) != 0) {
    throw RetryableError("cannot make " + command + ": " + std::strerror(errno));
  }
  environment["BATUTA_XCOM_DIR"] = root;
  const std::string path = environment["PATH"];
  environment["PATH"] = bin + (path.empty() ? "" : ":" + path);
}

}  // namespace batuta::plugin
