// Rows that the source no longer has: its newest list of keys, beside what the target holds.
//
// A list of keys is what one extraction added to a table of bronze that says so itself (a marker in
// its log): a snapshot's own rows, or the list of keys that was read beside an increment. A row is
// gone when its key is not in the newest list and it was received before that was: what came later
// is not judged by it.
#pragma once

#include <string>

#include "plugins/lake/layer/transform.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

class PresentKeys {
 public:
  // Reads the newest list into the table `present_keys` of the session; without one nothing is
  // gone, which a warning tells. `spec` has `deletes`.
  PresentKeys(plugin::Context& context, Session& session, const TransformSpec& spec);

  bool known() const { return known_; }
  Time since() const { return since_; }  // when it began to be read; of a known list
  // SQL over a row with the target's keys and _ingested_at: whether it is gone, or is in the list.
  std::string gone(const std::string& alias) const;
  std::string there(const std::string& alias) const;
  std::string since_sql() const;

  // Throws plugin::FinalError, saying what to do, where more of `rows` would go at once than the
  // spec allows.
  void check_share(std::int64_t gone, std::int64_t rows) const;

 private:
  const TransformSpec& spec_;
  bool known_ = false;
  Time since_{};
  std::string run_;
};

}  // namespace batuta::lake
