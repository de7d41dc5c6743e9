#include "scheduler/dagfile/notifier_fields.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/message_fields.h"
#include "scheduler/dagfile/template.h"

namespace batuta {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t max_notifiers = 8;  // of one kind
constexpr std::int64_t max_after = 1000;
constexpr Duration shortest_pause = 1min;
constexpr Duration longest_pause = 12h;  // an alert is given up after a day

bool fits(Told told, AlertOn on) {
  switch (on) {
    case AlertOn::retry:
    case AlertOn::skipped:
    case AlertOn::input_required:
      return told == Told::task;
    case AlertOn::deadline:
    case AlertOn::tick_skipped:
      return told == Told::dag;
    default:
      return true;
  }
}

// Their names outlive every reader of fields, which keeps views of them.
std::string_view field_of(AlertOn on) {
  static constexpr std::string_view names[] = {
      "on_success", "on_failure",  "on_retry",        "on_skipped",       "on_recovery",
      "on_timeout", "on_deadline", "on_tick_skipped", "on_input_required"};
  return names[static_cast<std::size_t>(on)];
}

void read_channel(FieldReader& fields) {
  static const std::vector<std::string> kinds = {"slack", "webhook", "mail"};
  const auto kind = fields.text("notifier");
  if (kind ? std::find(kinds.begin(), kinds.end(), *kind) == kinds.end()
           : !fields.find("notifier")) {
    fields.problem("notifier", "the notifier must be \"slack\", \"webhook\" or \"mail\"" +
                                   (kind ? did_you_mean(*kind, kinds) : std::string()));
  }
  const std::string which = kind.value_or("slack");
  if (!fields.id("connection") && !fields.find("connection")) {
    fields.problem("connection", which == "mail"
                                     ? "a mail notifier needs a \"connection\" that names its "
                                       "mail server"
                                     : "a " + which +
                                           " notifier needs a \"connection\" that holds "
                                           "its webhook");
  }
  fields.text("text", 16 << 10);
  if (which == "slack") {
    fields.text("channel");
    fields.text("username");
  } else if (which == "mail") {
    if (!names_receivers(fields.find("to"))) {
      fields.problem("to",
                     "a mail notifier needs \"to\": an address such as \"ops@example.org\", or a "
                     "list of at most 50");
    }
    fields.text("subject");
  }
}

void read_limits(FieldReader& fields, Notifier& notifier) {
  if (const auto after = fields.integer("after", 1, max_after)) {
    notifier.after = static_cast<std::int32_t>(*after);
    if (notifier.on != AlertOn::failure && notifier.on != AlertOn::recovery) {
      fields.problem("after",
                     "after counts failures in a row: it belongs into on_failure and on_recovery");
    }
  }
  const auto every = fields.duration("every");
  if (every && (*every < shortest_pause || *every > longest_pause)) {
    fields.problem("every",
                   "every must be from \"1m\" to \"12h\": what comes between is told together");
  }
}

void read_notifier(const json& written, const std::string& pointer, AlertOn on, Problems& problems,
                   std::vector<Notifier>& out) {
  if (!written.is_object()) {
    problems.add(pointer,
                 "a notifier must be an object such as {\"notifier\": \"slack\", "
                 "\"connection\": \"slack_alerts\"}");
    return;
  }
  FieldReader fields(written, pointer, problems);
  Notifier notifier{on, json_text(written)};
  read_channel(fields);
  read_limits(fields, notifier);
  fields.refuse_unknown("a notifier");
  const auto templates = check_templates(notifier.json, /*shell_quote_command=*/false);
  if (!templates) problems.add(pointer + templates.error().where, templates.error().message);
  out.push_back(std::move(notifier));
}

void read_kind(FieldReader& fields, AlertOn on, std::vector<Notifier>& out) {
  const std::string_view field = field_of(on);
  const json* value = fields.find(field);
  if (!value) return;
  std::erase_if(out, [&](const Notifier& notifier) { return notifier.on == on; });
  const auto pointer = fields.pointer_to(field);
  Problems& problems = fields.problems();
  if (!value->is_array()) return read_notifier(*value, pointer, on, problems, out);
  if (value->size() > max_notifiers) {
    fields.problem(field, std::string(field) + " may hold at most 8 notifiers");
    return;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    read_notifier((*value)[i], pointer + "/" + std::to_string(i), on, problems, out);
  }
}

// Beside what is fixed it may be nothing, or reach back: "-30m" is half an hour before.
void read_interval(FieldReader& fields, Deadline& deadline) {
  const bool exact = deadline.reference == Deadline::Reference::fixed_datetime ||
                     deadline.reference == Deadline::Reference::average_runtime;
  const json* written = fields.find("interval");
  if (written == nullptr || written->is_null()) {
    if (!exact) {
      fields.problem("interval", "a deadline needs an \"interval\" such as \"2h\"");
    }
    return;
  }
  const std::string text = written->is_string() ? written->get<std::string>() : std::string();
  if (exact && text.starts_with('-')) {
    const auto before = parse_duration(std::string_view(text).substr(1));
    if (!before) {
      return fields.problem("interval", "must be a duration such as \"30m\", or \"-30m\" before");
    }
    deadline.interval = -*before;
    return;
  }
  const auto interval = fields.duration("interval");
  if (!interval) return;  // told already
  if (*interval <= Duration::zero() && !exact) {
    fields.problem("interval", "a deadline's interval must be longer than nothing");
  }
  deadline.interval = *interval;
}

void read_fixed(FieldReader& fields, Deadline& deadline) {
  const bool fixed = deadline.reference == Deadline::Reference::fixed_datetime;
  const auto at = fields.time("datetime");
  if (fixed && !fields.find("datetime")) {
    fields.problem("datetime",
                   "a fixed deadline needs its \"datetime\", such as \"2026-12-31T18:00:00Z\"");
  } else if (!fixed && fields.find("datetime")) {
    fields.problem("datetime", "a datetime goes with \"reference\": \"fixed_datetime\"");
  }
  deadline.at = at.value_or(Time{});
}

// One average serves all deadlines of a DAG.
void read_average(FieldReader& fields, const Deadline& deadline, Dag& dag) {
  const auto runs = fields.integer("max_runs", 1, max_average_runs);
  const auto needs = fields.integer("min_runs", 1, max_average_runs);
  if (deadline.reference != Deadline::Reference::average_runtime) {
    for (const char* name : {"max_runs", "min_runs"}) {
      if (!fields.find(name)) continue;
      fields.problem(name, std::string(name) + " goes with \"reference\": \"average_runtime\"");
    }
    return;
  }
  const auto most = static_cast<std::int32_t>(runs.value_or(default_average_runs));
  const auto least = static_cast<std::int32_t>(needs.value_or(most));
  if (least > most) {
    return fields.problem(
        "min_runs", "min_runs cannot be more than max_runs, which is " + std::to_string(most));
  }
  const bool again = asks_runtimes(dag);
  if (again && (dag.average_runs != most || dag.average_needs != least)) {
    fields.problem("max_runs",
                   "a DAG has one average: its deadlines name the same max_runs and min_runs");
  }
  dag.average_runs = most;
  dag.average_needs = least;
}

void read_deadline(const json& written, const std::string& pointer, Problems& problems, Dag& dag) {
  static const std::vector<std::string> names = {"queued_at", "logical_date", "start_date",
                                                 "fixed_datetime", "average_runtime"};
  const json object = written.is_object() ? written : json{{"interval", written}};
  FieldReader fields(object, pointer, problems);
  Deadline deadline;
  if (const auto name = fields.text("reference")) {
    const auto at = std::find(names.begin(), names.end(), *name);
    if (at == names.end()) {
      fields.problem("reference",
                     "reference must be queued_at, logical_date, start_date, fixed_datetime or "
                     "average_runtime" +
                         did_you_mean(*name, names));
    } else {
      deadline.reference = static_cast<Deadline::Reference>(at - names.begin());
    }
  }
  read_interval(fields, deadline);
  read_fixed(fields, deadline);
  read_average(fields, deadline, dag);
  deadline.name = fields.text("name", 250).value_or("");
  deadline.description = fields.text("description", 1000).value_or("");
  fields.refuse_unknown("a deadline");
  dag.deadlines.push_back(deadline);
}

}  // namespace

void read_notifiers(FieldReader& fields, Told told, std::vector<Notifier>& out) {
  for (const AlertOn on : alert_kinds) {
    if (fits(told, on)) read_kind(fields, on, out);
  }
}

void read_deadlines(FieldReader& fields, Dag& dag) {
  const json* written = fields.find("deadline");
  Problems& problems = fields.problems();
  const std::string pointer = fields.pointer_to("deadline");
  if (written && written->is_array() && written->size() > max_deadlines) {
    fields.problem("deadline", "a DAG may have at most 8 deadlines");
  } else if (written && written->is_array()) {
    for (std::size_t i = 0; i < written->size(); ++i) {
      read_deadline((*written)[i], pointer + "/" + std::to_string(i), problems, dag);
    }
  } else if (written) {
    read_deadline(*written, pointer, problems, dag);
  }
  const auto waits_for = [&](AlertOn on) {
    return std::any_of(dag.notifiers.begin(), dag.notifiers.end(),
                       [&](const Notifier& notifier) { return notifier.on == on; });
  };
  if (!written && waits_for(AlertOn::deadline)) {
    fields.problem("on_deadline", "on_deadline needs a \"deadline\" such as \"2h\"");
  }
  if (dag.dagrun_timeout <= Duration::zero() && waits_for(AlertOn::timeout)) {
    fields.problem("on_timeout",
                   "on_timeout of a DAG needs a \"dagrun_timeout\" such as \"2h\"; that of a task "
                   "belongs into the task or default_args");
  }
}

void each_notifier(const std::vector<Notifier>& notifiers,
                   const std::function<void(const std::string&, const std::string&)>& use) {
  std::map<AlertOn, int> count;
  for (const Notifier& notifier : notifiers) {
    const std::string place = "/" + std::string(field_of(notifier.on)) + "/";
    use(place + std::to_string(count[notifier.on]++), notifier.json);
  }
}

}  // namespace batuta
