#include "plugins/lake/erase_report.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/must.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

using nlohmann::json;

namespace {

constexpr std::size_t max_record_bytes = 16u << 20;

}  // namespace

EraseRecord::EraseRecord(std::shared_ptr<lakelog::Storage> lake, const std::string& operation,
                         const std::string& what_json)
    : lake_(std::move(lake)),
      operation_(operation),
      key_("_erasures/" + operation + ".json"),
      what_json_(what_json) {
  const auto text = lake_->read(key_, {0, max_record_bytes + 1});
  if (text) {
    read(*text);
    return;
  }
  if (text.error().code != Errc::not_found) throw plugin::RetryableError(text.error().message);
}

void EraseRecord::read(const std::string& text) {
  const auto kept = parse_untrusted(text);
  const auto object = [&](const char* name) {
    const json value = kept && kept->is_object() ? kept->value(name, json()) : json();
    if (!value.is_object())
      throw plugin::FinalError(key_ + " is no record of an erasure: move it away");
    return value;
  };
  if (json_text(object("what")) != what_json_)
    throw plugin::FinalError("operation " + operation_ +
                             " was another erasure (another person, other columns or another "
                             "scope): give this one an id of its own");
  const json raw = object("raw"), sources = object("sources");  // items() keeps no temporary
  for (const auto& [file, records] : raw.items()) raw_[file] = json_int(records).value_or(0);
  for (const auto& [file, yes] : sources.items()) sources_.insert(file);
  const json pseudonyms = kept->value("pseudonyms", json::object());
  if (pseudonyms.is_object())
    for (const auto& [column, list] : pseudonyms.items())
      for (const json& one : list)
        if (one.is_string()) pseudonyms_[column].insert(one.get<std::string>());
  const auto field = [&](const char* name) {
    const json value = kept->value(name, json());
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  by_ = field("by");
  begun_at_ = field("begun_at");
  ended_at_ = field("ended_at");
  if (const json report = kept->value("report", json()); report.is_object())
    report_json_ = json_text(report);
}

void EraseRecord::begin(const std::string& by, const std::string& now) {
  if (begun_at_.empty()) {
    by_ = by;
    begun_at_ = now;
  }
  put();
}

void EraseRecord::add_raw(const std::string& file, std::int64_t records) {
  raw_[file] += records;
  put();
}

void EraseRecord::note_sources(const std::vector<std::string>& files, bool keep) {
  if (files.empty()) return;
  sources_.insert(files.begin(), files.end());
  if (keep) put();
}

void EraseRecord::note_pseudonyms(const std::string& column,
                                  const std::set<std::string>& pseudonyms) {
  pseudonyms_[column].insert(pseudonyms.begin(), pseudonyms.end());
}

const std::set<std::string>& EraseRecord::pseudonyms(const std::string& column) {
  return pseudonyms_[column];
}

void EraseRecord::keep_report(const std::string& report_json) {
  report_json_ = report_json;
  ended_at_.clear();
  put();
}

void EraseRecord::end(const std::string& report_json, const std::string& now) {
  report_json_ = report_json;
  ended_at_ = now;
  put();
}

void EraseRecord::put() {
  json sources = json::object();
  for (const std::string& file : sources_) sources[file] = true;
  const auto parsed = [](const std::string& text) {
    const auto value = parse_untrusted(text.empty() ? "null" : text);
    return value ? *value : json();
  };
  const json record = {
      {"operation", operation_}, {"what", parsed(what_json_)},     {"by", by_},
      {"begun_at", begun_at_},   {"ended_at", ended_at_},          {"raw", raw_},
      {"sources", sources},      {"report", parsed(report_json_)}, {"pseudonyms", pseudonyms_}};
  if (auto kept = lake_->put(key_, json_text(record)); !kept)
    throw plugin::RetryableError(kept.error().message);
}

std::vector<std::pair<std::string, std::string>> never_reached(bool in_folder) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto miss = [&out](const char* what, const char* why) { out.emplace_back(what, why); };
  miss("log entries of the tables",
       "statistics of files that are gone may hold single values as bounds, until the log is "
       "cleaned up: batuta lake vacuum TABLE --log-retain 0s --force, twice (the first makes the "
       "checkpoint behind which the second deletes)");
  miss("tables and rows made from these under other columns",
       "run their models again: they follow what changed here");
  if (!in_folder)
    miss("local caches of the store, on each host",
         "files that went may lie there until others take their room: stop the workers and empty "
         "them");
  miss("the sources", "one that still has the person sends them again");
  miss("backups, clones and copies of the lake or the store", "they are not of this lake");
  miss("task logs, return values (XCom), run parameters and the event log",
       "they have what tasks and people wrote into them, until their retention takes it");
  miss("topics of brokers, dead letters' topics among them", "a log keeps what its retention says");
  miss("tables published to PostgreSQL, exports and files that were handed out",
       "publish again after the next run; whoever has a file has it");
  return out;
}

}  // namespace batuta::lake
