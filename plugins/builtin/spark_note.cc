#include "plugins/builtin/spark_note.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/builtin/spark_end.h"

namespace batuta::plugin {
namespace {

constexpr std::int64_t clocks_may_differ = 60;  // seconds, of a worker and a master

}  // namespace

std::string noted_driver(const Context& context, const SparkCluster& cluster,
                         const std::string& tag) {
  const auto note = parse_untrusted(context.last_checkpoint_json());
  if (!note || !note->is_object()) return {};
  if (const auto id = note->find("submitted"); id != note->end() && id->is_string())
    return id->get<std::string>();
  const auto when = note->find("submitting");
  if (when == note->end()) return {};
  const auto noted = note->find("tag");
  const auto there = cluster.drivers_since(
      context.text("java_class", ""),
      noted != note->end() && noted->is_string() ? noted->get<std::string>() : tag,
      json_int(*when).value_or(0) - clocks_may_differ);
  if (!there) {
    context.warn(
        "a try was killed while it submitted, and whether its driver is there cannot be "
        "seen without \"page\" in the extra of the tracking connection");
    return {};
  }
  if (!there->own.empty()) return there->own;
  if (there->unknown.empty()) return {};
  std::string list;
  for (const std::string& id : there->unknown) list += (list.empty() ? "" : ", ") + id;
  throw FinalError(
      "a try was killed while it submitted, and since then " + list +
          " began, of which the log that would tell whose it is cannot be read: if it is this "
          "task's, another would do its work twice. Look at the master's page; clearing the task "
          "submits it anew",
      spark_code::refused);
}

void note_submission(Context& context, const SparkCluster& cluster, const std::string& note) {
  if (cluster.kind() == SparkCluster::Kind::master) context.checkpoint(note.empty() ? "{}" : note);
}

}  // namespace batuta::plugin
