#include "plugins/monitors/alert_table.h"

#include <utility>

#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using monitor::Alert;
using monitor::Settled;

constexpr int max_tries = 10;  // each lost to a change by somebody else
constexpr const char* alert_rows_table = "alert_rows";
constexpr const char* alert_rows_view = "alerts_there";

TableShape alert_shape() {
  return {alert_table_name,
          "Alerts of monitors: opened when one is unwell, closed when it is well again",
          "is_open",
          {{"alert_id", "long", true},
           {"monitor_id", "string", true},
           {"domain", "string", true},
           {"kind", "string", true},
           {"target", "string", true},
           {"severity", "string", true},
           {"message", "string", true},
           {"opened_at", "timestamp", true},
           {"opened_run", "string", true},
           {"acked_at", "timestamp", true},
           {"acked_by", "string", true},
           {"ack_note", "string", true},
           {"closed_at", "timestamp", true},
           {"closed_by", "string", true},
           {"close_note", "string", true},
           {"closed_run", "string", true},
           {"is_open", "boolean", true}},
          {"alert_id"}};
}

Param text_or_null(const std::string& text) {
  return text.empty() ? Param{} : Param{text};
}
Param time_or_null(const OptTime& time) {
  return time ? Param{*time} : Param{};
}

Alert alert_of(const std::vector<Cell>& row) {
  Alert alert;
  alert.id = row.at(0).integer();
  std::string* const texts[] = {&alert.monitor_id, &alert.domain,   &alert.kind,
                                &alert.target,     &alert.severity, &alert.message};
  for (std::size_t i = 0; i < std::size(texts); ++i) *texts[i] = row.at(i + 1).text();
  alert.opened_at = parse_iso(row.at(7).text()).value_or(Time{});
  alert.opened_run = row.at(8).text();
  alert.acked_at = parse_iso(row.at(9).text());
  alert.acked_by = row.at(10).text();
  alert.ack_note = row.at(11).text();
  alert.closed_at = parse_iso(row.at(12).text());
  alert.closed_by = row.at(13).text();
  alert.close_note = row.at(14).text();
  alert.closed_run = row.at(15).text();
  return alert;
}

}  // namespace

AlertTable::AlertTable(Session& session, const Lake& lake, const std::string& info_json)
    : session_(session), own_(session, lake, alert_shape(), info_json) {}

std::vector<Alert> AlertTable::read(const std::string& where, const std::vector<Param>& params,
                                    bool open, bool closed) {
  std::vector<lakelog::AddFile> files;
  for (const char* part : {"true", "false"}) {
    const bool wanted = std::string_view(part) == "true" ? open : closed;
    if (!wanted) continue;
    for (auto& file : own_.files_of(part)) files.push_back(std::move(file));
  }
  own_.view(alert_rows_view, files);
  std::vector<Alert> out;
  for (const auto& row :
       session_
           .query("SELECT " + column_list(own_.shape()) + " FROM " + alert_rows_view + " " + where,
                  params)
           .rows)
    out.push_back(alert_of(row));
  return out;
}

std::vector<Alert> AlertTable::open_alerts() {
  return read("ORDER BY alert_id", {}, true, false);
}

std::vector<Alert> AlertTable::newest(bool open, bool closed, std::int64_t most) {
  return read("ORDER BY alert_id DESC LIMIT $1", {most}, open, closed);
}

std::optional<Alert> AlertTable::find(std::int64_t id) {
  auto found = read("WHERE alert_id = $1", {id}, true, true);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

std::vector<Alert> AlertTable::closed_by_run(const std::string& run) {
  return read("WHERE closed_run = $1 ORDER BY alert_id", {run}, false, true);
}

std::vector<Alert> AlertTable::closed_after(Time when) {
  return read("WHERE closed_at > $1 ORDER BY alert_id", {when}, false, true);
}

std::int64_t AlertTable::drop_closed_before(Time oldest) {
  own_.reopen();  // change() may have put a version
  const auto closed = own_.files_of("false");
  if (closed.empty()) return 0;
  const std::string view = alert_rows_view, rows = alert_rows_table;
  own_.view(view, own_.table().files([](const lakelog::AddFile&) { return true; }));
  const Cell last = session_.value("SELECT coalesce(max(alert_id), 0) FROM " + view);
  own_.view(view, closed);
  const std::vector<Param> params = {oldest, last.integer()};
  const std::string old = "coalesce(closed_at < $1 AND alert_id < $2, false)";
  const std::int64_t gone =
      session_.value("SELECT count(*) FROM " + view + " WHERE " + old, params).integer();
  if (gone == 0) return 0;
  own_.make_rows(rows);
  session_.run("INSERT INTO " + rows + " SELECT " + column_list(own_.shape()) + " FROM " + view +
                   " WHERE NOT " + old,
               params);
  const bool any = session_.value("SELECT count(*) FROM " + rows).integer() > 0;
  const bool done = any ? own_.put(rows, closed, false) : own_.drop(closed);
  own_.reopen();
  return done ? gone : 0;
}

void AlertTable::write_rows(const std::vector<Alert>& alerts) {
  for (const Alert& a : alerts) {
    session_.run(
        "INSERT INTO " + std::string(alert_rows_table) +
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
            "$16, $17)",
        {a.id, a.monitor_id, a.domain, a.kind, a.target, a.severity, a.message, a.opened_at,
         text_or_null(a.opened_run), time_or_null(a.acked_at), text_or_null(a.acked_by),
         text_or_null(a.ack_note), time_or_null(a.closed_at), text_or_null(a.closed_by),
         text_or_null(a.close_note), text_or_null(a.closed_run), !a.closed_at.has_value()});
  }
}

Settled AlertTable::change(const std::function<Settled(std::vector<Alert>, std::int64_t)>& decide) {
  for (int left = max_tries; left > 0; --left) {
    own_.view(alert_rows_view, own_.table().files([](const lakelog::AddFile&) { return true; }));
    const Cell last =
        session_.value(std::string("SELECT coalesce(max(alert_id), 0) FROM ") + alert_rows_view);
    Settled settled = decide(open_alerts(), last.integer() + 1);
    if (!settled.differs()) return settled;
    own_.make_rows(alert_rows_table);
    write_rows(settled.open);
    write_rows(settled.closed);
    if (own_.put(alert_rows_table, own_.files_of("true"), false)) return settled;
    own_.reopen();
  }
  throw plugin::RetryableError(std::string(alert_table_name) + ": others change it all the time");
}

}  // namespace batuta::lake
