#include "plugins/lake/appender.h"

#include <charconv>
#include <chrono>
#include <tuple>

#include "plugins/lake/sql_error.h"

namespace batuta::lake {
namespace {

template <class Number>
bool read_whole(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool is_figure(char c) {
  return c >= '0' && c <= '9';
}

// Days since 1970 of "2026-03-02".
bool read_day(std::string_view text, std::int32_t& days) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (const auto at : {0U, 1U, 2U, 3U, 5U, 6U, 8U, 9U})
    if (!is_figure(text[at])) return false;
  int year = 0;
  unsigned month = 0, day = 0;
  if (!read_whole(text.substr(0, 4), year) || !read_whole(text.substr(5, 2), month) ||
      !read_whole(text.substr(8, 2), day))
    return false;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (year < 1 || !date.ok()) return false;
  days = static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
  return true;
}

// Microseconds since 1970 of "2026-03-02 10:11:12.25+00"; fraction and offset may be missing.
bool read_instant(std::string_view text, std::int64_t& micros) {
  if (text.ends_with("+00")) text.remove_suffix(3);
  std::int32_t days = 0;
  constexpr std::size_t whole = 19, most_places = 6;
  if (text.size() < whole || !read_day(text.substr(0, 10), days) || text[10] != ' ') return false;
  std::int64_t seconds = 0;
  for (const auto& [at, between, end] :
       {std::tuple{11U, ':', 24}, std::tuple{14U, ':', 60}, std::tuple{17U, '.', 60}}) {
    int part = 0;
    const std::string_view figures = text.substr(at, 2);
    if (!is_figure(figures[0]) || !read_whole(figures, part) || part >= end) return false;
    if (text.size() > at + 2 && text[at + 2] != between) return false;
    seconds = seconds * 60 + part;
  }
  std::int64_t fraction = 0;
  if (text.size() > whole) {
    const std::string_view places = text.substr(whole + 1);
    if (places.empty() || places.size() > most_places || !is_figure(places[0]) ||
        !read_whole(places, fraction))
      return false;
    for (std::size_t i = places.size(); i < most_places; ++i) fraction *= 10;
  }
  micros = (std::int64_t{days} * 86'400 + seconds) * 1'000'000 + fraction;
  return true;
}

}  // namespace

Appender::Appender(Session& session, const std::string& table)
    : api_(session.api()), table_(table) {
  note(api_.appender_create(session.connection(), nullptr, table.c_str(), &appender_));
}

Appender::~Appender() {
  if (appender_ != nullptr) api_.appender_destroy(&appender_);
}

void Appender::text(std::optional<std::string_view> value) {
  note(value ? api_.append_varchar_length(appender_, value->data(), value->size())
             : api_.append_null(appender_));
}

void Appender::integer(std::int64_t value) {
  note(api_.append_int64(appender_, value));
}

bool Appender::as_value(const std::string& type, std::string_view text) {
  if (type == "long") {
    std::int64_t value = 0;
    if (!read_whole(text, value) || std::to_string(value) != text) return false;
    note(api_.append_int64(appender_, value));
  } else if (type == "double") {
    // What has no digit in front is a word, such as NaN, or nothing that is sure.
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    const bool padded = digits.size() > 1 && digits[0] == '0' && is_figure(digits[1]);
    double value = 0;
    if (digits.empty() || padded || !is_figure(digits.front()) || !is_figure(digits.back()) ||
        !read_whole(text, value))
      return false;
    note(api_.append_double(appender_, value));
  } else if (type == "boolean") {
    if (text != "true" && text != "false") return false;
    note(api_.append_bool(appender_, text == "true"));
  } else if (type == "date") {
    std::int32_t days = 0;
    if (!read_day(text, days)) return false;
    note(api_.append_date(appender_, duckdb_date{days}));
  } else if (type == "timestamp") {
    std::int64_t micros = 0;
    if (!read_instant(text, micros)) return false;
    note(api_.append_timestamp(appender_, duckdb_timestamp{micros}));
  } else {
    return false;
  }
  return true;
}

void Appender::null() {
  note(api_.append_null(appender_));
}

void Appender::end_row() {
  note(api_.appender_end_row(appender_));
}

void Appender::close() {
  note(api_.appender_destroy(&appender_));
  appender_ = nullptr;
  if (!good_) throw SqlError("cannot hand rows to the lake engine's table " + table_);
}

}  // namespace batuta::lake
