#include "worker/attempt_host.h"

#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "common/frame.h"
#include "common/lake_secret.h"
#include "common/run_files.h"
#include "common/safe_json.h"
#include "common/store_requests.h"
#include "worker/deferral.h"
#include "worker/large_result.h"
#include "worker/posix.h"
#include "worker/process_tree.h"
#include "worker/run_folder.h"
#include "worker/slot_link.h"

namespace batuta {
namespace {

constexpr std::size_t max_reason = 4 << 10;
constexpr std::size_t max_log_text = 1 << 20;  // one call; a longer text is cut
constexpr std::size_t max_reported = 1 << 20;  // quality and lineage; kept as long as the run
constexpr std::size_t max_files = 64 << 10;    // the list of files, as JSON
constexpr std::size_t max_branch = 4096;
constexpr std::size_t max_branch_bytes = 64 << 10;
constexpr JsonLimits scheduler_limits{16 << 20, 64, 2'000'000, 4 << 20};

void keep_process(std::int64_t pid, std::int32_t keep) {
  keep_child(static_cast<pid_t>(pid), keep != 0);
}

std::vector<std::pair<void (*)(void*), void*>>& left_for_later() {
  static std::vector<std::pair<void (*)(void*), void*>> left;
  return left;
}

// "batuta.after_report": void (*)(void (*work)(void*), void* with). `work` is called on this thread
// once the attempt's report is on its way, and before the next attempt: for what only tidies up, so
// that nobody waits for it. It asks nothing of the host, whose attempt is over, and it is not
// called where the process ends before.
void after_report(void (*work)(void*), void* with) {
  left_for_later().emplace_back(work, with);
}

// "batuta.store_request": void (*)(const char* store, const char* operation, const char* outcome).
// Counts a request that was made of an object store (common/store_requests.h): told with the report
// of the attempt that ends next in this process. On any thread, also after the attempt.
void count_store_request(const char* store, const char* operation, const char* outcome) {
  store_requests().add({store, operation, outcome});
}

void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;  // the agent is gone; nobody reads this log any more
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

char level_letter(std::int32_t level) {
  constexpr std::string_view letters = "DIWE";
  return letters[static_cast<std::size_t>(std::clamp(level, 0, 3))];
}

std::string first_line(std::string_view text) {
  std::string line{text.substr(0, std::min(text.size(), max_reason))};
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return line;
}

bool small_json(std::string_view text, std::size_t limit) {
  return text.size() <= limit && parse_untrusted(text, {limit, 64, 2'000'000, limit}).ok();
}

}  // namespace

struct AttemptHost::Json {
  nlohmann::json params = nlohmann::json::object();
};

void do_after_report() {
  const auto left = std::exchange(left_for_later(), {});
  for (const auto& [work, with] : left) work(with);
}

AttemptHost::AttemptHost(SlotSurroundings& slot, std::uint64_t number, Launch& launch,
                         const std::vector<ParamInfo>& params)
    : slot_(slot), number_(number), launch_(launch), declared_(params) {
  finished_.key = launch.key;
  finished_.started = wall_now();
  fill_table();
}

AttemptHost::~AttemptHost() {
  for (Secret& secret : launch_.secrets) {
    wipe(secret.json);
    for (std::string& value : secret.mask) wipe(value);
  }
  // Most attempts leave nothing: their folder serves the next, which saves two changes of the disk.
  if (!scratch_.empty() && !is_pristine_folder(scratch_)) remove_tree(scratch_);
}

void AttemptHost::fill_table() {
  table_.struct_size = sizeof table_;
  table_.ctx = this;
  table_.log = [](void* ctx, std::int32_t level, const char* text, std::size_t length) {
    self(ctx).log(level, {text, length});
  };
  table_.cancelled = [](void* ctx) -> std::int32_t {
    const AttemptHost& host = self(ctx);
    return host.slot_.page->cancelled.load(std::memory_order_relaxed) == host.number_ ? 1 : 0;
  };
  table_.param = [](void* ctx, const char* name) { return self(ctx).param(name); };
  table_.params = [](void* ctx) { return self(ctx).params(); };
  table_.context = [](void* ctx) { return self(ctx).context(); };
  table_.secret = [](void* ctx, const char* name) { return self(ctx).secret(name); };
  table_.result = [](void* ctx, const char* json, std::size_t length) {
    return self(ctx).result({json, length});
  };
  table_.fail = [](void* ctx, std::int32_t kind, const char* text, std::size_t length) {
    self(ctx).fail(kind, {text, length});
  };
  table_.progress = [](void* ctx, double share) {
    AttemptHost& host = self(ctx);
    // A line per whole percent is enough for people and cannot flood.
    const double percent = std::isfinite(share) ? std::floor(std::clamp(share, 0.0, 1.0) * 100) : 0;
    if (percent <= host.progress_) return;
    host.progress_ = percent;
    host.slot_.page->progress = progress_word(host.number_, static_cast<std::uint64_t>(percent));
    host.log(BATUTA_LOG_INFO, "progress " + std::to_string(static_cast<int>(percent)) + " %");
  };
  table_.output = [](void* ctx, const char* json, std::size_t length) {
    return self(ctx).output({json, length});
  };
  table_.records = [](void* ctx, std::int64_t rows, std::int64_t watermark_us) {
    self(ctx).finished_.records = rows;
    self(ctx).finished_.watermark_us = watermark_us;
  };
  table_.branch = [](void* ctx, const char* json, std::size_t length) {
    return self(ctx).branch({json, length});
  };
  table_.extension = [](void* ctx, const char* id) -> const void* {
    const std::string_view name = id;
    if (name == "batuta.child_memory") return reinterpret_cast<const void*>(&child_memory);
    if (name == "batuta.note") return reinterpret_cast<const void*>(&note);
    if (name == "batuta.keep_process") return reinterpret_cast<const void*>(&keep_process);
    if (name == "batuta.after_report") return reinterpret_cast<const void*>(&after_report);
    if (name == "batuta.store_request") return reinterpret_cast<const void*>(&count_store_request);
    if (name == "batuta.engine_memory") return &self(ctx).slot_.lake_memory;
    if (name == "batuta.engine_threads") return &self(ctx).slot_.lake_threads;
    if (name == "batuta.lake_store") return self(ctx).lake_store();
    if (name == "batuta.run_folder") return self(ctx).run_folder();
    const std::string& library = self(ctx).slot_.engine_library;
    return name == "batuta.engine_library" && !library.empty() ? library.c_str() : nullptr;
  };
  table_.report = [](void* ctx, const char* list, const char* json, std::size_t length) {
    return self(ctx).report(list, {json, length});
  };
  table_.defer = [](void* ctx, const char* wait, std::size_t wait_length, const char* payload,
                    std::size_t payload_length) {
    return self(ctx).defer({wait, wait_length}, {payload, payload_length});
  };
  table_.checkpoint = [](void* ctx, const char* json, std::size_t length) {
    return self(ctx).checkpoint({json, length});
  };
}

void AttemptHost::child_memory(void* ctx, std::int64_t peak_kib) {
  self(ctx).child_peak_kib_ = std::max(self(ctx).child_peak_kib_, peak_kib);
}

void AttemptHost::note(void* ctx, const char* text, std::size_t length) {
  self(ctx).note_ = first_line({text, length});
}

void AttemptHost::log(std::int32_t level, std::string_view text) {
  text = text.substr(0, max_log_text);
  std::string lines;
  do {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines += mark_byte;
    lines += level_letter(level);
    lines.append(text.substr(0, end));
    lines += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  } while (!text.empty());
  write_all(slot_.log_fd, lines);
}

AttemptHost::Json& AttemptHost::parsed() {
  if (json_) return *json_;
  json_ = std::make_unique<Json>();
  if (!launch_.params_json.empty() && launch_.params_json != "{}") {
    auto params = parse_untrusted(launch_.params_json, scheduler_limits);
    if (params && params->is_object()) json_->params = *std::move(params);
  }
  for (const ParamInfo& info : declared_) {
    if (info.default_json.empty() || json_->params.contains(info.name)) continue;
    if (auto value = parse_untrusted(info.default_json)) json_->params[info.name] = *value;
  }
  return *json_;
}

const char* AttemptHost::param(const char* name) {
  const auto& params = parsed().params;
  const auto at = params.find(name);
  if (at == params.end()) return nullptr;
  return texts_.try_emplace(std::string{"param "} + name, json_text(*at)).first->second.c_str();
}

const char* AttemptHost::params() {
  return texts_.try_emplace("params", json_text(parsed().params)).first->second.c_str();
}

const char* AttemptHost::context() {
  if (const auto found = texts_.find("context"); found != texts_.end()) {
    return found->second.c_str();
  }
  auto given = parse_untrusted(launch_.context_json, scheduler_limits);
  nlohmann::json context =
      given && given->is_object() ? *std::move(given) : nlohmann::json::object();
  if (scratch_.empty()) {
    scratch_ = slot_.scratch_root + "/work";
    if (Status made = make_folder(scratch_); !made) log(BATUTA_LOG_ERROR, made.error().message);
  }
  context["execution_id"] = launch_.run_uuid;
  context["dag_id"] = launch_.dag_id;
  context["run_id"] = launch_.dag_run_id;
  context["task_id"] = launch_.task_id;
  context["map_index"] = number_of(launch_.key.map_index);
  context["try_number"] = launch_.try_number;
  context["fence"] = launch_.key.fence;
  context["scratch"] = scratch_;
  nlohmann::json& connections = context["connections"] = nlohmann::json::array();
  for (const Secret& secret : launch_.secrets) {
    const bool known =
        std::find(connections.begin(), connections.end(), secret.name) != connections.end();
    if (!secret.name.empty() && secret.name != lake_store_secret && !known)
      connections.push_back(secret.name);
  }
  return texts_.emplace("context", json_text(context)).first->second.c_str();
}

// Not among the connections, which some plugins hand to a task's own programs.
const char* AttemptHost::lake_store() {
  for (const Secret& secret : launch_.secrets)
    if (secret.name == lake_store_secret) return secret.json.c_str();
  return nullptr;
}

const char* AttemptHost::secret(const char* name) {
  if (std::string_view(name) == lake_store_secret) return nullptr;
  for (const Secret& secret : launch_.secrets) {
    if (!secret.name.empty() && secret.name == name) return secret.json.c_str();
  }
  return nullptr;
}

std::int32_t AttemptHost::result(std::string_view json) {
  refusal_.reset();
  finished_.result_json.clear();
  // What looks like the name of a file must not be taken for one: it becomes a file itself.
  const bool spills = json.size() > max_stored_result || json.starts_with(result_file_head);
  if (!spills) {
    if (small_json(json, max_stored_result)) {
      finished_.result_json = json;
      return 0;
    }
    refusal_ = Error{Errc::invalid, "the return value was refused: it is not JSON", {}};
    return -1;
  }
  if (Status kept = spill_result(launch_, spilled(), json); !kept) {
    refusal_ = kept.error();
    return -1;
  }
  finished_.result_json = to_text(
      ResultFile{static_cast<std::int64_t>(json.size()), launch_.key.map_index, launch_.key.fence});
  return 0;
}

std::string AttemptHost::spilled() const {
  return slot_.scratch_root + "/result-" + std::to_string(number_);
}

const char* AttemptHost::run_folder() {
  if (slot_.run_folders.empty()) return nullptr;
  if (run_folder_.empty()) {
    const std::string path = slot_.run_folders + "/" + launch_.run_uuid;
    if (Status made = make_run_folder(path, slot_.shared_runs); !made) {
      log(BATUTA_LOG_ERROR, "the run has no folder: " + made.error().message);
      return nullptr;
    }
    run_folder_ = path;
  }
  return run_folder_.c_str();
}

void AttemptHost::fail(std::int32_t kind, std::string_view why) {
  failed_ = true;
  fail_kind_ = kind;
  finished_.reason = first_line(why);
}

std::int32_t AttemptHost::output(std::string_view json) {
  handed_in_ += json.size();
  if (handed_in_ > BATUTA_MAX_OUTPUT_BYTES) return -1;
  const auto value = parse_untrusted(json, scheduler_limits);
  if (!value || !value->is_object()) return -1;
  const auto table = value->find("table");
  const auto append = value->find("append");
  const auto version = value->find("read_version");
  if (table == value->end() || !table->is_string()) return -1;
  TableOutput output;
  output.table = table->get_ref<const std::string&>();
  output.append = append != value->end() && append->is_boolean() && append->get<bool>();
  if (version != value->end()) output.read_version = json_int(*version).value_or(-1);
  output.payload_json = json;
  finished_.outputs.push_back(std::move(output));
  return 0;
}

std::int32_t AttemptHost::branch(std::string_view json) {
  if (!small_json(json, max_branch_bytes)) return -1;
  const auto value = parse_untrusted(json);
  if (!value || !value->is_array() || value->size() > max_branch) return -1;
  std::vector<std::string> chosen;
  for (const auto& id : *value) {
    if (!id.is_string()) return -1;
    chosen.push_back(id.get_ref<const std::string&>());
  }
  finished_.has_branch = true;
  finished_.branch = std::move(chosen);
  return 0;
}

std::int32_t AttemptHost::report(const char* list, std::string_view json) {
  const std::string_view name = list;
  if (name == "files") return report_file(json);
  if (name != "quality" && name != "lineage" && name != "assets" && name != "broker_errors")
    return -1;
  const auto fact = parse_untrusted(json, {max_reported, 64, 2'000'000, max_reported});
  if (!fact || !fact->is_object()) return -1;
  reported_ += json.size();
  if (reported_ > max_reported) return -1;
  reports_[std::string{name}].emplace_back(json);
  return 0;
}

// Not counted as handed in: a task may write more files than anyone wants to read about. The first
// that does not fit ends the list, so that what stands there is a whole beginning.
std::int32_t AttemptHost::report_file(std::string_view json) {
  const auto path = parse_untrusted(json);
  if (!path || !path->is_string()) return -1;
  const std::string entry = (files_.empty() ? "" : ",") + json_text(*path);
  files_full_ = files_full_ || files_.size() + entry.size() + 2 > max_files;
  if (!files_full_) files_ += entry;
  return 0;
}

std::int32_t AttemptHost::defer(std::string_view wait_json, std::string_view payload_json) {
  refusal_.reset();
  finished_.wait_json.clear();
  if (Status fits = check_deferral(launch_, wait_json, payload_json); !fits) {
    refusal_ = fits.error();
    return -1;
  }
  finished_.wait_json = wait_json;
  finished_.payload_json = payload_json;
  return 0;
}

// The agent tells by the page what became of it, so nothing is read here. A scheduler that hangs
// holds the task up once, not at each checkpoint; one that is known to be away, no longer than a
// restart takes.
std::int32_t AttemptHost::checkpoint(std::string_view json) {
  constexpr std::int64_t patience_us = 10'000'000;
  constexpr std::int64_t restart_us = 2'000'000;
  constexpr std::int64_t longest_nap_us = 20'000;
  if (Status fits = check_checkpoint(launch_, json); !fits) {
    log(BATUTA_LOG_ERROR, fits.error().message);
    return -1;
  }
  if (slot_.control_fd < 0 || slot_.page == nullptr) return 1;
  const std::uint64_t number = ++slot_.checkpoints;
  SlotReport report;
  report.number = number_;
  report.checkpoint = TaskCheckpoint{launch_.key, number, std::string(json)};
  std::string frame;
  append_frame(frame, encode_slot_report(report));
  write_all(slot_.control_fd, frame);
  const SlotPage& page = *slot_.page;
  const bool behind = unkept_ > page.checkpoint_kept.load();
  const std::int64_t until = boot_us() + (behind ? 0 : patience_us);
  for (std::int64_t nap_us = 200;; nap_us = std::min(nap_us * 2, longest_nap_us)) {
    if (page.checkpoint_kept.load() >= number) return 0;
    if (page.checkpoint_refused.load() >= number) {
      log(BATUTA_LOG_ERROR, "checkpoint: the scheduler is of an older version: update it");
      return -1;
    }
    const std::int64_t now = boot_us(), away = page.scheduler_away_us.load();
    if (now >= until || page.cancelled.load() == number_) break;
    if (away != 0 && now - away >= restart_us) break;
    std::this_thread::sleep_for(std::chrono::microseconds(nap_us));
  }
  unkept_ = number;
  return 1;
}

// A part that waits is not the end: what an end hands in would have to be dropped.
void AttemptHost::refuse_second_ends() {
  const Finished& done = finished_;
  const char* what = !done.outputs.empty()         ? "output()"
                     : !done.result_json.empty()   ? "result()"
                     : done.has_branch             ? "branch()"
                     : done.watermark_us != 0      ? "a watermark"
                     : reports_.contains("assets") ? "assets"
                                                   : nullptr;
  if (done.wait_json.empty() || what == nullptr) return;
  refusal_ = Error{Errc::invalid,
                   std::string("the plugin called defer() and handed in ") + what +
                       ": that belongs to the part of the task that ends it",
                   {}};
}

Finished AttemptHost::finish(std::int32_t returned) {
  Finished& done = finished_;
  done.ended = wall_now();
  if (returned == 0 && !refusal_) refuse_second_ends();
  if (returned == 0 && !refusal_ && !run_folder_.empty()) {
    if (Status fits = check_run_folder(run_folder_, slot_.run_dir_limit); !fits) {
      refusal_ = fits.error();
    }
  }
  if (refusal_) {  // whatever the plugin made of it: a value is never dropped by a success
    fail(refusal_->code == Errc::unavailable ? BATUTA_FAIL_RETRYABLE : BATUTA_FAIL_FINAL,
         refusal_->message);
    if (returned == 0) returned = 1;
  }
  if (returned == 0) {
    done.outcome = done.wait_json.empty() ? Outcome::success : Outcome::deferred;
    done.reason = done.wait_json.empty() ? note_ : std::string();
  } else {
    done.wait_json.clear();
    done.payload_json.clear();
    done.outcome = fail_kind_ == BATUTA_FAIL_SKIPPED ? Outcome::skipped
                   : fail_kind_ == BATUTA_FAIL_FINAL ? Outcome::failed_no_retry
                                                     : Outcome::failed;
    if (!failed_) done.reason = "the plugin returned " + std::to_string(returned);
    done.outputs.clear();
    done.watermark_us = 0;
    done.has_branch = false;
    done.branch.clear();
  }
  done.exit_code = returned;
  for (const StoreRequestCount& one : store_requests().take_new())
    reports_[told_store_requests].push_back(store_request_json(one));
  std::string extra;
  for (const auto& [list, objects] : reports_) {
    extra += (extra.empty() ? "{\"" : ",\"") + list + "\":[";
    for (std::size_t i = 0; i < objects.size(); ++i) extra += (i == 0 ? "" : ",") + objects[i];
    extra += ']';
  }
  if (!extra.empty()) done.extra_json = extra + "}";
  if (!files_.empty()) done.files_json = "[" + files_ + "]";
  return std::move(done);
}

}  // namespace batuta
