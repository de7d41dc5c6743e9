#include "worker/agent_log.h"

#include <cstdio>

#include "worker/slot_link.h"

namespace batuta {
namespace {

const char* level_name(char letter) {
  switch (letter) {
    case 'D':
      return "DEBUG";
    case 'W':
      return "WARN";
    case 'E':
      return "ERROR";
    default:
      return "INFO";
  }
}

bool is_level(char c) {
  return c == 'D' || c == 'I' || c == 'W' || c == 'E';
}

// What the C library, C++, Python, the JVM, Node.js and GNU's tools say.
bool says_no_memory(std::string_view line) {
  for (const std::string_view words :
       {"Cannot allocate memory", "MemoryError", "bad_alloc", "memory exhausted", "ut of memory",
        "OutOfMemory", "ut of Memory"}) {
    if (line.find(words) != std::string_view::npos) return true;
  }
  return false;
}

std::string summary(const Finished& done, std::string_view reason) {
  std::string text = done.outputs.empty() ? to_string(done.outcome) : log_handed_in;
  if (!reason.empty()) text += " (" + std::string{reason} + ")";
  if (done.signal != 0) {
    text += ", signal " + std::to_string(done.signal);
  } else if (done.outcome != Outcome::crashed) {  // a crash tells its code, if any, as the reason
    text += ", exit code " + std::to_string(done.exit_code);
  }
  char memory[64];
  std::snprintf(memory, sizeof memory, ", peak memory %.1f MiB",
                static_cast<double>(done.peak_rss_kib) / 1024);
  return text + memory;
}

}  // namespace

AttemptLog::AttemptLog(std::string path, const std::vector<std::string>& secrets,
                       const std::vector<std::string>& watch, LogFile::Limits limits)
    : file_(std::move(path), limits), mask_(secrets) {
  for (const std::string& text : watch) {
    if (auto pattern = Pattern::compile(text)) watch_.push_back(*std::move(pattern));
  }
}

void AttemptLog::look(std::string_view line) {
  if (process_memory_ > 0 && !said_no_memory_) said_no_memory_ = says_no_memory(line);
  for (const Pattern& pattern : watch_) found_ = found_ || pattern.found_in(line);
}

void AttemptLog::end_line(std::string& out) {
  out += to_iso(wall_now());
  out += ' ';
  out += level_name(level_);
  out += ' ';
  if (line_.ends_with('\r')) line_.pop_back();
  look(line_);
  const bool url = line_.find("://") != std::string::npos;
  out += url ? without_user_info(line_) : line_;
  out += '\n';
  line_.clear();
  level_ = 'I';
  begun_ = false;
}

void AttemptLog::take(std::string_view shown, std::string& out) {
  while (!shown.empty()) {
    if (after_mark_) {
      after_mark_ = false;
      if (is_level(shown[0])) {
        if (begun_) end_line(out);
        level_ = shown[0];
        begun_ = true;
        shown.remove_prefix(1);
      } else {
        line_ += '?';  // a mark byte of the plugin's own: not for terminals
        begun_ = true;
      }
      continue;
    }
    constexpr char stops[] = {'\n', mark_byte};
    const std::size_t room = max_line - line_.size();
    const std::size_t stop = std::min(shown.find_first_of({stops, sizeof stops}), shown.size());
    const std::size_t piece = std::min(stop, room);
    line_.append(shown.substr(0, piece));
    begun_ = begun_ || piece > 0;
    shown.remove_prefix(piece);
    if (piece == room && !(stop == room && !shown.empty() && shown[0] == '\n')) {
      const char level = level_;
      end_line(out);
      level_ = level;  // the rest of a long line keeps its level
      continue;
    }
    if (shown.empty()) return;
    if (shown[0] == '\n') {
      end_line(out);
    } else {
      after_mark_ = true;
    }
    shown.remove_prefix(1);
  }
}

void AttemptLog::warn_of_short_values(std::string& out) {
  warned_ = true;
  out += to_iso(wall_now());
  out +=
      " WARN A secret of this task has fewer than 6 characters: it is masked only where it "
      "stands as a word of its own\n";
}

void AttemptLog::note(std::string_view text) {
  file_.write(to_iso(wall_now()) + " INFO " + std::string{text} + "\n");
}

void AttemptLog::feed(std::string_view raw) {
  std::string lines;
  if (mask_.has_short_values() && !warned_) warn_of_short_values(lines);
  if (mask_.empty()) {
    take(raw, lines);
  } else {
    std::string shown;
    mask_.feed(raw, shown);
    take(shown, lines);
  }
  file_.write(lines);
}

std::string AttemptLog::short_of_memory(const Finished& finished) const {
  const bool failed = finished.outcome == Outcome::failed || finished.outcome == Outcome::crashed;
  if (!failed || process_memory_ <= 0) return {};
  const std::int64_t bound_kib = process_memory_ >> 10;
  const bool nearly = finished.peak_rss_kib >= bound_kib / 10 * 9;
  // The unfinished line counts, too: a program that ends so may say it last.
  if (!nearly && !said_no_memory_ && !says_no_memory(line_)) return {};
  char had[64];
  std::snprintf(had, sizeof had, "%.1f MiB", static_cast<double>(finished.peak_rss_kib) / 1024);
  return "it ran out of memory, as it seems: each of its processes may have " +
         std::to_string(process_memory_ >> 20) + " MiB of its own here (RLIMIT_DATA), " +
         (nearly ? "and one had " + std::string(had)
                 : "and its log says that there was no more (it had " + std::string(had) + ")");
}

void AttemptLog::finish(const Finished& finished) {
  std::string shown, lines;
  mask_.flush(shown);
  take(shown, lines);
  if (begun_) end_line(lines);
  file_.write(lines);
  watch_.clear();  // what follows is ours
  const bool well = ended_well(finished.outcome);
  if (well && !file_.opened()) return;
  level_ = well ? 'I' : 'E';
  line_ = log_end_words + summary(finished, masked(finished.reason));
  std::string last;
  end_line(last);
  file_.finish(last);
}

}  // namespace batuta
