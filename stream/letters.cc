#include "stream/letters.h"

#include <charconv>
#include <set>
#include <tuple>

namespace batuta::stream {
namespace {

constexpr std::size_t most_letters = 1'000'000;
constexpr std::string_view own_prefix = "batuta-dlq-";

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || number < 0) {
    return std::nullopt;
  }
  return number;
}

const std::string* header_of(const Record& record, std::string_view name) {
  for (const Header& one : record.headers) {
    if (one.name == name) return &one.value;
  }
  return nullptr;
}

Letter letter_of(Record&& record) {
  Letter out;
  out.at = {record.partition, record.offset};
  const auto take = [&](const char* name) {
    const std::string* found = header_of(record, name);
    return found == nullptr ? std::string() : *found;
  };
  out.topic = take(letter_header::topic);
  out.partition = take(letter_header::partition);
  out.offset = take(letter_header::offset);
  out.reason = take(letter_header::reason);
  out.message = take(letter_header::message);
  out.first_seen = take(letter_header::first_seen);
  out.moved = take(letter_header::moved);
  out.contract_version = take(letter_header::contract_version);
  out.no_value = take(letter_header::value);
  out.attempt = whole_number(take(letter_header::attempt)).value_or(1);
  std::erase_if(record.headers, [](const Header& one) { return one.name.starts_with(own_prefix); });
  out.record = std::move(record);
  return out;
}

Status each_record(Stream& stream, const std::string& topic, const std::function<bool()>& stop,
                   const std::function<bool(Record&&)>& each) {
  const auto spans = stream.offsets(topic);
  if (!spans) return spans.error();
  Offsets at;
  for (const auto& [partition, span] : *spans) at[partition] = span.first;
  FetchLimits limits;
  limits.on_gap = OnGap::earliest;
  for (;;) {
    if (stop()) return {Errc::unavailable, "reading " + topic + " was given up"};
    auto batch = stream.fetch(topic, at, limits);
    if (!batch) return batch.error();
    for (Record& record : batch->records) {
      if (!each(std::move(record))) return success();
    }
    at = batch->next;
    if (batch->at_end) return success();
  }
}

// Into the letter's own partition, so that it lies behind it.
Status note_done(Stream& stream, const std::string& topic, const Letter& letter, const char* what,
                 const std::string& note) {
  NewRecord record;
  record.key = place_text(letter.at);
  record.partition = letter.at.partition;
  record.headers = {{letter_header::done, what}};
  if (!note.empty()) record.headers.push_back({letter_header::note, note});
  const auto noted = stream.produce(topic, std::span(&record, 1));
  return noted ? success() : Status(noted.error());
}

}  // namespace

std::string place_text(const Position& at) {
  return std::to_string(at.partition) + ":" + std::to_string(at.offset);
}

std::optional<Position> parse_place(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto partition = whole_number(text.substr(0, colon));
  const auto offset = whole_number(text.substr(colon + 1));
  if (!partition || !offset || *partition >= max_partitions) return std::nullopt;
  return Position{static_cast<int>(*partition), *offset};
}

Status each_open_letter(Stream& stream, const std::string& topic,
                        const std::function<bool(const Letter&)>& each,
                        const std::function<bool()>& stop) {
  std::set<std::string> done;
  bool too_many = false;
  Status read = each_record(stream, topic, stop, [&](Record&& record) {
    if (header_of(record, letter_header::done) != nullptr && record.key) done.insert(*record.key);
    too_many = done.size() > most_letters;
    return !too_many;
  });
  if (!read) return read;
  std::set<std::tuple<std::string, std::string, std::string, std::int64_t>> seen;
  if (!too_many) {
    read = each_record(stream, topic, stop, [&](Record&& record) {
      if (header_of(record, letter_header::topic) == nullptr) return true;
      if (header_of(record, letter_header::done) != nullptr) return true;
      const Letter letter = letter_of(std::move(record));
      const auto of_record =
          std::tuple(letter.topic, letter.partition, letter.offset, letter.attempt);
      const bool first = seen.insert(of_record).second;
      too_many = seen.size() > most_letters;
      if (too_many) return false;
      if (!first || done.contains(place_text(letter.at))) return true;
      return each(letter);
    });
  }
  if (too_many) {
    return {Errc::too_large, "topic " + topic +
                                 " holds more than a million dead letters: give it a "
                                 "retention, and discard what is old"};
  }
  return read;
}

Status send_again(Stream& stream, const std::string& topic, const Letter& letter,
                  const std::optional<std::string>& value) {
  if (!value && !letter.no_value.empty()) {
    return {Errc::conflict,
            "letter " + place_text(letter.at) + " does not hold what was sent: " + letter.no_value};
  }
  NewRecord record;
  record.key = letter.record.key;
  record.value = value ? value : letter.record.value;
  record.headers = letter.record.headers;
  if (const auto partition = whole_number(letter.partition);
      partition && *partition < max_partitions) {
    record.partition = static_cast<int>(*partition);
  }
  record.headers.push_back({letter_header::attempt, std::to_string(letter.attempt)});
  record.headers.push_back({letter_header::first_seen, letter.first_seen});
  const auto sent = stream.produce(letter.topic, std::span(&record, 1));
  if (!sent) return sent.error();
  return note_done(stream, topic, letter, value ? "repaired" : "replayed", {});
}

Status discard(Stream& stream, const std::string& topic, const Letter& letter,
               const std::string& note) {
  return note_done(stream, topic, letter, "discarded", note);
}

}  // namespace batuta::stream
