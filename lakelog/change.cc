#include "lakelog/change.h"

#include <nlohmann/json.hpp>

#include "common/failpoint.h"
#include "common/safe_json.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

// Each one means that another's commit stands.
constexpr int max_lost_races = 1000;

std::string info_of(const Change& change, std::int64_t now_ms) {
  json metrics = json::object();
  for (const auto& [name, value] : change.metrics) metrics[name] = std::to_string(value);
  json info = {{"timestamp", now_ms},
               {"operation", change.operation},
               {"operationParameters", change.parameters},
               {"isBlindAppend", false},
               {"operationMetrics", std::move(metrics)},
               {"readVersion", change.read_version},
               {"engineInfo", "batuta/0.1"}};
  const auto own = parse_untrusted(change.info_json.empty() ? "{}" : change.info_json);
  if (own && own->is_object() && !own->empty()) info["batuta"] = *own;
  return json_text(info);
}

// Follows the log from `version` to its end.
Status follow_changes(const LogFolder& log, const Change& change, std::int64_t& version) {
  auto newer = log.commits_after(version);
  if (!newer) return newer.error();
  for (const std::int64_t next : *newer) {
    if (next != version + 1) {
      return {Errc::conflict, log.table() + ": the log after version " + std::to_string(version) +
                                  ", which was read, has been cleaned up"};
    }
    auto text = log.read(next);
    if (!text && text.error().code == Errc::not_found)
      return {Errc::conflict, "version " + std::to_string(next) + " has been cleaned up meanwhile"};
    if (!text) return text.error();
    auto commit = parse_commit(*text);
    const std::string name = log.table() + " version " + std::to_string(next);
    if (!commit) return {Errc::malformed, name + ": " + commit.error().message};
    if (auto reason = find_conflict(change.intent, *commit))
      return {Errc::conflict, name + " " + *reason};
    if (change.find_objection)
      if (auto reason = change.find_objection(*commit); !reason.empty())
        return {Errc::conflict, name + " " + reason};
    version = next;
  }
  return success();
}

// Nothing newer was found: the version read must still be the newest, not one of a table that was
// dropped meanwhile.
Status check_newest(const LogFolder& log, std::int64_t version) {
  if (log.modified_ms(version) != 0) return success();
  auto listing = log.list();
  if (!listing) return listing.error();
  if (newest_version(*listing) == version) return success();
  return {Errc::conflict,
          log.table() + " was read at version " + std::to_string(version) + ", which is gone"};
}

}  // namespace

Result<std::int64_t> put_change(const LogFolder& log, const Change& change, std::int64_t now_ms) {
  Commit commit = change.commit;
  for (RemoveFile& remove : commit.removes) remove.deletion_ms = now_ms;
  commit.info_json = info_of(change, now_ms);
  const std::string text = serialise(commit);
  if (text.size() > max_commit_bytes) {
    return {Errc::too_large, log.table() + ": the version would take more than " +
                                 std::to_string(max_commit_bytes) + " bytes of log"};
  }
  std::int64_t version = change.read_version;
  for (int race = 0; race < max_lost_races; ++race) {
    if (auto followed = follow_changes(log, change, version); !followed) return followed.error();
    if (auto there = check_newest(log, version); !there) return there.error();
    failpoint("change_before_put");
    auto put = log.put_if_absent(version + 1, text);
    if (!put) return put.error();
    if (*put == Put::done) return version + 1;
  }
  return {Errc::unavailable, log.table() + ": others commit too fast"};
}

std::string operation_of(const Commit& commit) {
  const auto info = parse_untrusted(commit.info_json.empty() ? "{}" : commit.info_json);
  if (!info || !info->is_object()) return {};
  const auto found = info->find("operation");
  return found != info->end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace batuta::lakelog
