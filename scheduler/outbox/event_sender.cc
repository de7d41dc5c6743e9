#include "scheduler/outbox/event_sender.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/log.h"
#include "common/url.h"

namespace batuta {
namespace {

constexpr Duration first_pause = std::chrono::milliseconds(500);
constexpr Duration longest_pause = std::chrono::minutes(1);
constexpr Duration store_pause = std::chrono::milliseconds(200);

Duration pause_after(std::int32_t tries) {
  const auto doubled = first_pause * (std::int64_t{1} << std::clamp(tries - 1, 0, 20));
  return std::min<Duration>(doubled, longest_pause);
}

// What is wrong with this very event. Anything else (a wrong token, a path that is not there) is
// wrong with all of them, and somebody may mend it.
bool is_about_the_event(int status) {
  return status == 400 || status == 413 || status == 422;
}

// Of an answer, for people: one line.
std::string said(const std::string& body) {
  std::string line = body.substr(0, EventSender::longest_answer);
  while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0x80) != 0) line.pop_back();
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return line.empty() ? line : ": " + line;
}

Error file_fault(const std::string& act, const std::string& what, const std::string& path) {
  return {Errc::unavailable,
          act + " the file of " + what + ".file, " + path + ": " + std::strerror(errno),
          {}};
}

// At its end there is a whole line, or nothing: what a power cut left of one is cut off by a
// newline, so that it spoils no other.
bool ends_in_a_line(int fd, off_t size) {
  char last = 0;
  return size == 0 || (pread(fd, &last, 1, size - 1) == 1 && last == '\n');
}

}  // namespace

EventSender::EventSender(EventTransport transport, Hooks hooks)
    : transport_(std::move(transport)), hooks_(std::move(hooks)) {}

EventSender::~EventSender() {
  stop();
}

void EventSender::start() {
  thread_ = std::thread([this] { run(); });
}

void EventSender::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EventSender::add(OutboxRow row) {
  std::lock_guard lock(mutex_);
  const std::int64_t id = row.id;
  const std::size_t bytes = row.payload_json.size();
  if (waiting_.emplace(id, std::move(row)).second) waiting_bytes_ += bytes;
}

void EventSender::take_out(std::int64_t id) {
  written_.erase(id);
  const auto at = waiting_.find(id);
  if (at == waiting_.end()) return;
  waiting_bytes_ -= at->second.payload_json.size();
  waiting_.erase(at);
}

void EventSender::remove(std::int64_t id) {
  std::lock_guard lock(mutex_);
  take_out(id);
}

void EventSender::retry_now(std::int64_t id) {
  {
    std::lock_guard lock(mutex_);
    if (!waiting_.contains(id)) return;
    held_until_.reset();
  }
  changed_.notify_all();
}

void EventSender::resync(std::vector<OutboxRow> pending) {
  std::map<std::int64_t, OutboxRow> rows;
  std::size_t bytes = 0;
  for (OutboxRow& row : pending) {
    const std::int64_t id = row.id;
    bytes += row.payload_json.size();
    rows.emplace(id, std::move(row));
  }
  std::lock_guard lock(mutex_);
  std::erase_if(written_, [&](std::int64_t id) { return !rows.contains(id); });
  waiting_ = std::move(rows);
  waiting_bytes_ = bytes;
}

void EventSender::wake() {
  changed_.notify_all();
}

EventStanding EventSender::standing() const {
  std::lock_guard lock(mutex_);
  EventStanding told = standing_;
  told.waiting = waiting_.size();
  told.waiting_bytes = waiting_bytes_;
  return told;
}

void EventSender::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    std::vector<OutboxRow> rows = next_rows(lock);
    if (rows.empty()) continue;
    lock.unlock();
    if (transport_.on()) {
      send(std::move(rows));
    } else {
      // They were made before this was switched off, and go nowhere any more.
      std::vector<std::int64_t> ids;
      for (const OutboxRow& row : rows) ids.push_back(row.id);
      if (forget(ids)) {
        log::warn(std::to_string(ids.size()) + " events of " + transport_.what +
                  " were dropped: it was switched off before they were sent");
        std::lock_guard again(mutex_);
        standing_.dropped += ids.size();
      }
    }
    lock.lock();
  }
}

// The first of those that wait, when they may go; none: it has waited for a while.
std::vector<OutboxRow> EventSender::next_rows(std::unique_lock<std::mutex>& lock) {
  const Time now = hooks_.now();
  if (held_until_ && *held_until_ > now) {
    changed_.wait_for(lock, std::clamp<Duration>(*held_until_ - now, std::chrono::milliseconds(1),
                                                 std::chrono::seconds(5)));
    return {};
  }
  held_until_.reset();
  if (waiting_.empty()) {
    changed_.wait_for(lock, std::chrono::seconds(5));
    return {};
  }
  std::vector<OutboxRow> rows;
  for (const auto& [id, row] : waiting_) {
    rows.push_back(row);
    if (rows.size() == most_at_once) break;
  }
  return rows;
}

void EventSender::send(std::vector<OutboxRow> rows) {
  if (!transport_.file.empty()) {
    if (const Status done = write_lines(rows); !done) {
      return hold(std::move(rows.front()), done.error().message);
    }
  }
  std::vector<std::int64_t> done;
  std::optional<OutboxRow> stuck;
  std::string error;
  if (transport_.url.empty()) {
    for (const OutboxRow& row : rows) done.push_back(row.id);
  } else if (auto token = open_token(); !token) {
    stuck = std::move(rows.front());
    error = token.error().message;
  } else {
    for (OutboxRow& row : rows) {
      const Fate fate = send_one(row, *token, error);
      if (fate == Fate::sent) done.push_back(row.id);
      if (fate == Fate::refused) refuse(std::move(row), error);
      if (fate == Fate::later) {
        stuck = std::move(row);
        break;
      }
      std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
  }
  const std::size_t sent = done.size();
  if (sent > 0 && forget(done)) {
    std::lock_guard lock(mutex_);
    standing_.sent += sent;
    standing_.trouble.clear();
    standing_.since.reset();
  }
  if (stuck) hold(*std::move(stuck), error);
}

Result<std::string> EventSender::open_token() {
  if (transport_.token.empty()) return std::string();
  Connection holder;
  holder.id = transport_.what;
  holder.password = transport_.token;
  if (const Status opened = hooks_.open(holder); !opened) {
    return {Errc::unavailable, transport_.what + ".token: " + opened.error().message};
  }
  return holder.password;
}

EventSender::Fate EventSender::send_one(const OutboxRow& row, const std::string& token,
                                        std::string& error) {
  HttpRequest request;
  request.method = "POST";
  request.url = transport_.url;
  request.connections = &connections_;
  request.max_body = 64 << 10;
  request.headers.emplace_back("Content-Type", "application/json");
  if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
  if (transport_.gzip) {
    request.headers.emplace_back("Content-Encoding", "gzip");
    request.body = transport_.gzip(row.payload_json);
  } else {
    request.body = row.payload_json;
  }
  request.cancelled = [this] {
    std::lock_guard lock(mutex_);
    return stopping_;
  };
  const auto answer = hooks_.http(request);
  if (!answer) {
    error = answer.error().message;
    return Fate::later;
  }
  if (answer->status / 100 == 2) {
    refused_in_a_row_ = 0;
    return Fate::sent;
  }
  error = std::string(split_url(transport_.url).host) + " answers " +
          std::to_string(answer->status) + said(answer->body);
  if (!is_about_the_event(answer->status)) return Fate::later;
  if (refused_in_a_row_ < most_refused_in_a_row) return ++refused_in_a_row_, Fate::refused;
  error += " (so it did " + std::to_string(most_refused_in_a_row) + " times in a row)";
  return Fate::later;
}

// Those that it does not have yet, in one write that is durable.
Status EventSender::write_lines(const std::vector<OutboxRow>& rows) {
  std::string lines;
  std::vector<std::int64_t> ids;
  {
    std::lock_guard lock(mutex_);
    for (const OutboxRow& row : rows) {
      if (written_.contains(row.id)) continue;
      lines += row.payload_json + "\n";
      ids.push_back(row.id);
    }
  }
  if (ids.empty()) return success();
  const std::string& path = transport_.file;
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) return file_fault("cannot open", transport_.what, path);
  struct stat before {};
  Status done = success();
  if (fstat(fd, &before) != 0) {
    done = file_fault("cannot look at", transport_.what, path);
  } else {
    if (!ends_in_a_line(fd, before.st_size)) lines.insert(0, "\n");
    std::size_t at = 0;
    while (at < lines.size()) {
      const ssize_t n = write(fd, lines.data() + at, lines.size() - at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    if (at < lines.size() || fdatasync(fd) != 0) {
      done = file_fault("cannot write", transport_.what, path);
      // What did go in is taken back, or would be there twice.
      if (ftruncate(fd, before.st_size) != 0)
        log::warn(transport_.what + ": " + path + " has a cut line");
    }
  }
  close(fd);
  if (!done) return done;
  std::lock_guard lock(mutex_);
  written_.insert(ids.begin(), ids.end());
  return success();
}

// Until the store may be asked again; false: there is no more time, the sender stops.
bool EventSender::pause_for_store() {
  std::unique_lock lock(mutex_);
  if (!stopping_) changed_.wait_for(lock, store_pause);
  return !stopping_;
}

// Sent but not yet forgotten: a crash here sends it twice, which beats never.
bool EventSender::forget(const std::vector<std::int64_t>& ids) {
  while (!hooks_.delete_rows(ids)) {
    if (!pause_for_store()) return false;
  }
  std::lock_guard lock(mutex_);
  for (const std::int64_t id : ids) take_out(id);
  return true;
}

// Whether it is kept is the store's to say, which knows those of earlier starts and those that
// people dropped or sent again. A stop before that leaves the row as it was: it is sent once more.
void EventSender::refuse(OutboxRow row, const std::string& error) {
  std::optional<std::int64_t> dead;
  while (!(dead = hooks_.kept_dead())) {
    if (!pause_for_store()) return;
  }
  const bool keep = *dead < std::int64_t{most_dead};
  const std::int64_t id = row.id;
  if (keep) {
    ++row.tries;
    row.last_error = error;
    row.dead = true;
    while (!hooks_.save_row(row)) {
      if (!pause_for_store()) return;
    }
    remove(id);
  } else if (!forget({id})) {
    return;
  }
  log::error("event " + std::to_string(id) + " of " + transport_.what + " given up: " + error +
             (keep ? " (see `batuta outbox list`)"
                   : "; it is not kept, as " + std::to_string(most_dead) +
                         " others are: see `batuta outbox list`"));
  std::lock_guard lock(mutex_);
  ++standing_.refused;
}

void EventSender::hold(OutboxRow row, const std::string& error) {
  ++row.tries;
  row.last_error = error;
  row.next_try_at = hooks_.now() + pause_after(row.tries);
  if (row.tries == 1 || row.tries % 10 == 0) {
    log::warn("events of " + transport_.what + " wait, try " + std::to_string(row.tries) + ": " +
              error);
  }
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    held_until_ = row.next_try_at;
    if (standing_.trouble.empty()) standing_.since = hooks_.now();
    standing_.trouble = error;
    if (const auto at = waiting_.find(row.id); at != waiting_.end()) at->second = row;
  }
  hooks_.save_row(std::move(row));  // for people; losing it loses nothing
}

}  // namespace batuta
