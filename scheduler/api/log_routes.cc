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
  return is_terminal(view.row.state) || view.row.state == TaskState::up_for_retry;
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

// A worker may keep its logs on a disk that is not ours. Errc::not_found when it has none either;
// Errc::unavailable when it cannot be asked, so that nobody takes that for "no log".
Result<LogWindow> log_of_worker(Context& context, const TaskInstanceView& view, const Uuid& run,
                                std::int64_t offset) {
  const Error none{Errc::not_found, "there is no log", {}};
  if (view.row.worker.empty()) return none;
  const std::string name = task_log_name(view.row.task, view.row.map_index, view.row.try_number);
  const auto chunk = context.services.fetch_file(view.row.worker, log_path(run, name), offset,
                                                 static_cast<std::int64_t>(max_log_window));
  if (chunk) return log_window(chunk->bytes, offset, chunk->file_bytes);
  return chunk.error().code == Errc::unavailable ? chunk.error() : none;
}

}  // namespace

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
  const std::string name =
      task_log_name(view->row.task, view->row.map_index, static_cast<std::int32_t>(*number));
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
