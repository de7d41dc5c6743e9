#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/attempt_log_words.h"
#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/log_reader.h"
#include "scheduler/api/params.h"
#include "scheduler/http/utf8.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::int64_t max_last_line = 4096;

// The continuation token is where the next window starts. It opens nothing by itself, so it needs
// no signature; a wrong one is refused.
Result<std::int64_t> read_token(const Request& request) {
  QueryReader query(request);
  const auto token = query.text("token");
  if (query.boolean("full_content").value_or(false)) {
    query.fail("full_content", "is not served: a log has no bound; follow its tokens to the end");
  }
  if (!query.status()) return query.status().error();
  if (!token) return std::int64_t{0};
  std::int64_t offset = 0;
  const auto [end, failure] = std::from_chars(token->data(), token->data() + token->size(), offset);
  if (failure != std::errc{} || end != token->data() + token->size() || offset < 0) {
    return {Errc::invalid, "is not a token of this log", "query.token"};
  }
  return offset;
}

// What the row knows of an attempt that left no log: it ended before it could write, or the log's
// time was over.
std::string last_line(const TaskInstanceView& view) {
  const auto& row = view.row;
  const OptTime when = row.end_date ? row.end_date : row.start_date;
  std::string text = when ? to_iso(*when) + " " : std::string();
  text += row.state == TaskState::success ? "INFO" : "ERROR";
  text += " No log is kept for this try. It ended " + std::string(to_string(row.state));
  text += row.signal ? ": signal " + std::to_string(row.signal)
                     : ": exit code " + std::to_string(row.exit_code);
  if (row.peak_rss_kib) text += ", peak memory " + std::to_string(row.peak_rss_kib) + " KiB";
  if (!row.reason.empty()) text += ". " + row.reason;
  return text + "\n";
}

bool has_ended(const TaskInstanceView& view) {
  return is_terminal(view.row.state) || view.row.state == TaskState::up_for_retry ||
         view.row.state == TaskState::up_for_reschedule;
}

// The agent closes a log when the attempt ends. What the scheduler made of it afterwards, where
// that is something else (a refused publication, a report that came too late), follows as a line of
// its own.
std::string verdict(const TaskInstanceView& view, std::string_view last_line_of_log) {
  const auto& row = view.row;
  const std::string event = parse_log_line(last_line_of_log).event;
  const bool closed = event.starts_with(log_end_words);
  const std::string how = closed ? event.substr(std::strlen(log_end_words)) : std::string();
  const bool handed_in = how.starts_with(log_handed_in);
  if (closed && !handed_in && !how.starts_with("success")) return {};
  std::string text = row.end_date ? to_iso(*row.end_date) + " " : std::string();
  if (row.state == TaskState::success) return handed_in ? text + "INFO Tables published\n" : "";
  const bool bad = row.state == TaskState::failed || row.state == TaskState::up_for_retry;
  text += bad ? "ERROR" : "INFO";
  text += " Try ended " + std::string(to_string(row.state));
  if (!row.reason.empty()) text += ": " + row.reason;
  return text + "\n";
}

std::string_view last_line_in(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const auto before = text.rfind('\n');
  return before == std::string_view::npos ? text : text.substr(before + 1);
}

json line_json(std::string_view line) {
  const LogLine parsed = parse_log_line(line);
  json out = {{"event", parsed.event}, {"timestamp", text_or_null(parsed.timestamp)}};
  if (!parsed.level.empty()) out["level"] = parsed.level;
  return out;
}

json lines_json(std::string_view text) {
  json content = json::array();
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    content.push_back(line_json(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return content;
}

Response plain(std::string text, const std::string& token) {
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  if (!token.empty()) response.headers.emplace_back("X-Continuation-Token", token);
  return response;
}

Response ndjson(std::string_view text) {
  Response response;
  response.content_type = "application/x-ndjson";
  for (const auto& line : lines_json(text)) response.body += json_text(line) + "\n";
  return response;
}

Result<TaskInstanceView> find_try(Context& context, const Request& request, std::int64_t number) {
  const auto name = instance_name(request);
  if (!name) return name.error();
  for (const auto& view : context.services.history.tries(*name)) {
    if (view.row.try_number == number) return view;
  }
  return {Errc::not_found, "no such try of this task instance"};
}

std::string log_name(const TaskInstanceView& view) {
  const TaskInstanceRow& row = view.row;
  return task_log_name(view.log_task.value_or(row.task), row.map_index, row.try_number);
}

// A worker may keep its logs on a disk that is not ours. Errc::not_found when it has none either;
// Errc::unavailable when it cannot be asked, so that nobody takes that for "no log".
Result<LogWindow> log_of_worker(Context& context, const TaskInstanceView& view, const Uuid& run,
                                std::int64_t offset) {
  const Error none{Errc::not_found, "there is no log", {}};
  if (view.row.worker.empty()) return none;
  const std::string name = log_name(view);
  const auto chunk = context.services.fetch_file(view.row.worker, log_path(run, name), offset,
                                                 static_cast<std::int64_t>(max_log_window));
  if (chunk) return log_window(chunk->bytes, offset, chunk->file_bytes);
  return chunk.error().code == Errc::unavailable ? chunk.error() : none;
}

constexpr std::int64_t usual_window = 64 << 10;
constexpr std::int64_t most_scanned = 16 << 20;  // by one search; the next goes on from there
constexpr std::size_t most_found = 500;

// A log that is read at any place, wherever it lies.
class OpenLog {
 public:
  OpenLog(Context& context, const TaskInstanceView& view, const Uuid& run)
      : context_(context), view_(view), run_(run) {}

  Result<LogWindow> read(std::int64_t from, std::int64_t bytes) const {
    const std::string name = log_name(view_);
    auto here = read_log(context_.services.home, run_, name, from, static_cast<std::size_t>(bytes));
    if (here) return here;
    auto far = log_of_worker(context_, view_, run_, from);
    if (far && static_cast<std::int64_t>(far->bytes.size()) > bytes) {
      far = log_window(far->bytes.substr(0, static_cast<std::size_t>(bytes)), from,
                       std::numeric_limits<std::int64_t>::max());
    }
    return far;
  }
  Result<std::int64_t> size() const {
    const auto end = read(std::numeric_limits<std::int64_t>::max(), 0);
    if (!end) return end.error();
    return end->next;
  }
  // What lies before `end`, at most `bytes` of it, from the start of a line on. Windows are cut
  // after so many lines: then less is asked.
  Result<LogWindow> before(std::int64_t end, std::int64_t bytes, std::int64_t& start) const {
    for (;; bytes /= 2) {
      start = std::max<std::int64_t>(0, end - bytes);
      auto window = read(start, end - start);
      const bool cut = window && window->next < end && lines_in(window->bytes) >= max_log_lines;
      if (cut && bytes >= 64) continue;
      if (window && start > 0) skip_part_of_line(*window, start);
      return window;
    }
  }

 private:
  static std::size_t lines_in(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  static void skip_part_of_line(LogWindow& window, std::int64_t& start) {
    const auto first = window.bytes.find('\n');
    if (first == std::string::npos || first + 1 == window.bytes.size()) return;
    window.bytes.erase(0, first + 1);
    start += static_cast<std::int64_t>(first) + 1;
  }

  Context& context_;
  const TaskInstanceView& view_;
  const Uuid& run_;
};

struct LineQuery {
  std::string text;                 // lower case; empty: any
  std::vector<std::string> levels;  // none: any

  bool any() const { return text.empty() && levels.empty(); }
  bool takes(const json& line) const {
    if (!levels.empty()) {
      const std::string level = line.value("level", "");
      if (std::find(levels.begin(), levels.end(), level) == levels.end()) return false;
    }
    return lower(line["event"].get<std::string>()).find(text) != std::string::npos;
  }
  // A to Z and the accented letters of western Europe (U+00C0 to U+00DE), which in UTF-8 keep their
  // length; the page marks what it finds by the same rule (web/src/lib/log_search.ts).
  static std::string lower(std::string text) {
    char before = 0;
    for (char& c : text) {
      const auto byte = static_cast<unsigned char>(c);
      const bool accented = before == '\xc3' && byte >= 0x80 && byte <= 0x9e && byte != 0x97;
      if (accented || (c >= 'A' && c <= 'Z')) c = static_cast<char>(byte + 0x20);
      before = c;
    }
    return text;
  }
};

// Adds the lines of `bytes`, which begin at `offset` of the file, that are asked for.
void add_lines(std::string_view bytes, std::int64_t offset, const LineQuery& query, json& out) {
  while (!bytes.empty()) {
    const auto end = std::min(bytes.find('\n'), bytes.size());
    json line = line_json(repair_utf8(bytes.substr(0, end)));
    if (query.any() || query.takes(line)) {
      line["offset"] = offset;
      out.push_back(std::move(line));
    }
    const auto whole = std::min(end + 1, bytes.size());
    bytes.remove_prefix(whole);
    offset += static_cast<std::int64_t>(whole);
  }
}

// Returns where the search stopped.
Result<std::int64_t> search_log(const OpenLog& log, std::int64_t from, std::int64_t size,
                                const LineQuery& query, json& out) {
  const std::int64_t stop = std::min(size, from + most_scanned);
  while (from < stop && out.size() < most_found) {
    const auto window = log.read(from, static_cast<std::int64_t>(max_log_window));
    if (!window) return window.error();
    if (window->bytes.empty()) break;
    add_lines(window->bytes, from, query, out);
    from = window->next;
  }
  return from;
}

struct LogPlace {
  std::int64_t before = -1;  // -1: the end
  std::int64_t from = -1;    // -1: `before` counts
  std::int64_t bytes = 0;
  std::int64_t try_number = 0;
  bool allow_none = false;  // no instance, or no try of it yet, is no refusal
  LineQuery lines;
};
Result<LogPlace> read_place(const Request& request) {
  QueryReader query(request);
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  LogPlace place;
  place.try_number = query.integer("try_number", 0, 0, std::numeric_limits<std::int32_t>::max());
  place.before = query.integer("before", -1, 0, most);
  place.from = query.integer("from", -1, 0, most);
  place.bytes = query.integer("bytes", usual_window, 1, static_cast<std::int64_t>(max_log_window));
  place.allow_none = query.boolean("allow_none").value_or(false);
  place.lines = {LineQuery::lower(query.text("q").value_or("")), query.list("level")};
  if (!query.status()) return query.status().error();
  if (!place.lines.any()) place.from = std::max<std::int64_t>(place.from, 0);
  return place;
}

// What the page asks ahead of knowing: a task may be mapped, or have no try yet.
Response no_log() {
  return json_response({{"content", json::array()},
                        {"start", 0},
                        {"end", 0},
                        {"size", 0},
                        {"try_number", 0},
                        {"is_ended", false}});
}

}  // namespace

Result<Response> get_log_window(Context& context, const Request& request) {
  auto place = read_place(request);
  if (!place) return place.error();
  const auto name = instance_name(request);
  if (!name) return name.error();
  const auto current = context.services.history.task_instance(*name);
  if (place->allow_none && (!current || current->row.try_number == 0)) return no_log();
  if (!current) return {Errc::not_found, "no such task instance"};
  if (place->try_number == 0) place->try_number = current->row.try_number;
  const auto view = find_try(context, request, place->try_number);
  if (!view) return view.error();
  const auto run = parse_uuid(view->run_uuid);
  if (!run) return {Errc::not_found, "no such run of this DAG"};
  const bool ended = has_ended(*view);
  const OpenLog log(context, *view, *run);
  json content = json::array();
  std::int64_t start = 0, end = 0;
  const auto size = log.size();
  if (!size) {
    if (size.error().code == Errc::unavailable) return size.error();
    if (ended) add_lines(last_line(*view), 0, place->lines, content);
    return json_response({{"content", content},
                          {"start", 0},
                          {"end", 0},
                          {"size", 0},
                          {"try_number", place->try_number},
                          {"is_ended", ended}});
  }
  std::string last;
  if (!place->lines.any()) {
    start = std::min(place->from, *size);
    const auto stopped = search_log(log, start, *size, place->lines, content);
    if (!stopped) return stopped.error();
    end = *stopped;
  } else {
    Result<LogWindow> window = LogWindow{};
    if (place->from >= 0) {
      start = std::min(place->from, *size);
      window = log.read(start, place->bytes);
      if (window) end = window->next;
    } else {
      end = place->before < 0 ? *size : std::min(place->before, *size);
      window = log.before(end, place->bytes, start);
      if (window) end = window->next;  // in the middle of a line: what is left of it comes later
    }
    if (!window) return window.error();
    add_lines(window->bytes, start, place->lines, content);
    last = std::string(last_line_in(window->bytes));
    if (ended && end == *size) add_lines(verdict(*view, last), *size, place->lines, content);
  }
  return json_response({{"content", std::move(content)},
                        {"start", start},
                        {"end", end},
                        {"size", *size},
                        {"try_number", place->try_number},
                        {"is_ended", ended}});
}

Result<Response> get_log(Context& context, const Request& request) {
  const auto number = path_number(request, "try_number");
  if (!number) return number.error();
  const auto offset = read_token(request);
  if (!offset) return offset.error();
  const auto view = find_try(context, request, *number);
  if (!view) return view.error();
  const auto run = parse_uuid(view->run_uuid);
  if (!run) return {Errc::not_found, "no such run of this DAG"};

  const bool ended = has_ended(*view);
  const std::string name = log_name(*view);
  const auto read = [&](std::int64_t from) {
    auto here = read_log(context.services.home, *run, name, from);
    return here ? here : log_of_worker(context, *view, *run, from);
  };
  auto window = read(*offset);
  LogWindow log;
  if (window) {
    log = std::move(*window);
    if (ended && log.at_end) {
      std::string tail = log.text;
      if (tail.empty() && *offset > 0) {
        auto before = read(std::max<std::int64_t>(0, *offset - max_last_line));
        if (before) tail = std::move(before->text);
      }
      log.text += verdict(*view, last_line_in(tail));
    }
  } else if (window.error().code == Errc::unavailable) {
    return window.error();
  } else if (ended && *offset == 0) {
    log.text = last_line(*view);
  }
  // A token for as long as there may be more: a client follows a live log by coming back with it.
  const std::string token = log.at_end && ended ? "" : std::to_string(log.next);
  const std::string* accept = request.header("accept");
  if (accept && accept->starts_with("text/plain")) return plain(std::move(log.text), token);
  if (accept && accept->starts_with("application/x-ndjson")) return ndjson(log.text);
  return json_response(
      {{"content", lines_json(log.text)}, {"continuation_token", text_or_null(token)}});
}

}  // namespace batuta::http
