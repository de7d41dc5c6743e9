// The record of an erasure, which lies in the lake: `_erasures/<operation>.json`. It has no value
// of the person, only the name that the caller gave them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lakelog/storage.h"

namespace batuta::lake {

class EraseRecord {
 public:
  // `what_json`: an object that says what was asked for (subject, columns, scope). Under one
  // operation it must be the same each time: throws plugin::FinalError for another one,
  // plugin::RetryableError when the storage says no. Nothing is written yet.
  EraseRecord(std::shared_ptr<lakelog::Storage> lake, const std::string& operation,
              const std::string& what_json);

  // Of an operation that has ended its report, a JSON object; empty while it has not.
  std::string report_json() const { return ended_at_.empty() ? std::string() : report_json_; }
  // Before anything is changed.
  void begin(const std::string& by, const std::string& now);
  // Records taken out of a raw file: the count outlives whoever counts.
  void add_raw(const std::string& file, std::int64_t records);
  const std::map<std::string, std::int64_t>& raw() const { return raw_; }
  // Raw files that bronze's rows came from; `keep`: in the record too, before bronze forgets them.
  void note_sources(const std::vector<std::string>& files, bool keep);
  const std::set<std::string>& sources() const { return sources_; }
  // Pseudonyms that are looked for by a column, in lower case: an operation that goes on finds them
  // although bronze, which told of which texts they are, has lost the person meanwhile.
  void note_pseudonyms(const std::string& column, const std::set<std::string>& pseudonyms);
  const std::set<std::string>& pseudonyms(const std::string& column);
  // What was done so far, of an operation that is to be called again.
  void keep_report(const std::string& report_json);
  void end(const std::string& report_json, const std::string& now);

 private:
  void read(const std::string& text);
  void put();

  const std::shared_ptr<lakelog::Storage> lake_;
  const std::string operation_, key_, what_json_;
  std::string report_json_, by_, begun_at_, ended_at_;
  std::map<std::string, std::int64_t> raw_;
  std::set<std::string> sources_;
  std::map<std::string, std::set<std::string>> pseudonyms_;  // by column
};

// What no erasure reaches, and why; `in_folder`: the lake is one, not an object store.
std::vector<std::pair<std::string, std::string>> never_reached(bool in_folder);

}  // namespace batuta::lake
