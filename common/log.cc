#include "common/log.h"

#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "common/safe_json.h"

namespace batuta::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

constexpr std::size_t max_file_bytes = 10u << 20;
constexpr std::size_t max_files = 5;

// Where the lines go. The file's identity is that of the one last opened; a rotation changes it
// too, and opening the new one again is harmless.
struct Outlet {
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks =
      std::make_shared<spdlog::sinks::dist_sink_mt>();
  std::string file;
  Format format = Format::text;
  std::mutex mutex;  // guards what follows
  std::pair<dev_t, ino_t> identity{};
  std::atomic<std::int64_t> looked_at{0};  // seconds
};
Outlet& outlet() {
  static Outlet one;
  return one;
}

std::pair<dev_t, ino_t> identity_of(const std::string& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

// One object a line, its members in this order, for programs that collect logs.
class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    scratch_.clear();
    time_.format(message, scratch_);
    std::string line = "{\"time\":\"" + std::string(scratch_.data(), scratch_.size()) +
                       "\",\"level\":\"" + level_name(message.level) + "\",\"process\":";
    append_json_string(line, {message.logger_name.data(), message.logger_name.size()});
    line += ",\"pid\":" + std::to_string(::getpid()) + ",\"message\":";
    append_json_string(line, {message.payload.data(), message.payload.size()});
    line += "}\n";
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }

 private:
  static const char* level_name(spdlog::level::level_enum level) {
    return level == spdlog::level::debug  ? "debug"
           : level == spdlog::level::info ? "info"
           : level == spdlog::level::warn ? "warn"
                                          : "error";
  }
  spdlog::pattern_formatter time_{"%Y-%m-%dT%H:%M:%S.%eZ", spdlog::pattern_time_type::utc, ""};
  spdlog::memory_buf_t scratch_;
};

std::unique_ptr<spdlog::formatter> make_formatter() {
  if (outlet().format == Format::json) return std::make_unique<JsonFormatter>();
  return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %L %n[%P] %v",
                                                     spdlog::pattern_time_type::utc);
}

void open_file(Outlet& out) {
  std::vector<spdlog::sink_ptr> sinks{std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  if (!out.file.empty()) {
    const mode_t old = umask(0077);
    sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(out.file, max_file_bytes,
                                                                           max_files));
    umask(old);
    out.identity = identity_of(out.file);
  }
  for (const auto& sink : sinks) {
    sink->set_formatter(make_formatter());
  }
  out.sinks->set_sinks(std::move(sinks));
}

// At most one look a second: a line costs a stat() then, and nothing otherwise.
void look_at_file() {
  Outlet& out = outlet();
  if (out.file.empty()) return;
  const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                               std::chrono::steady_clock::now().time_since_epoch())
                               .count();
  if (out.looked_at.exchange(now) == now) return;
  reopen();
}

}  // namespace

Format format_from_environment() {
  const char* asked = std::getenv("BATUTA_LOG_FORMAT");
  return asked != nullptr && std::string_view(asked) == "json" ? Format::json : Format::text;
}

void start(std::string_view process_name, Level level, const std::string& file) {
  Outlet& out = outlet();
  out.file = file;
  out.format = format_from_environment();
  auto logger = std::make_shared<spdlog::logger>(std::string(process_name), out.sinks);
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::info);
  open_file(out);
  spdlog::set_default_logger(std::move(logger));
}

void reopen() {
  Outlet& out = outlet();
  std::lock_guard lock(out.mutex);
  if (out.file.empty() || identity_of(out.file) == out.identity) return;
  try {
    open_file(out);
  } catch (const spdlog::spdlog_ex&) {
    // No room, no folder: the lines go to standard error, and the file is looked for again.
  }
}

void write(Level level, std::string_view text) {
  auto* logger = spdlog::default_logger_raw();
  if (logger == nullptr || !logger->should_log(to_spdlog(level))) return;
  look_at_file();
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  logger->log(to_spdlog(level), spdlog::string_view_t(line));
}

}  // namespace batuta::log
