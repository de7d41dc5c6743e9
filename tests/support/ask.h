// One question to a store, and one commit, for tests that look or write in passing.
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/store/store.h"

namespace batuta::test {

// Takes the lead for this one turn.
inline CommitResult try_commit(Store& store, const Changes& changes,
                               const std::vector<RenderedRow>& rendered = {}) {
  const Lead lead = store.lead();
  return store.commit(changes, rendered, {lead.epoch, lead.last_turn + 1});
}
inline void commit(Store& store, const Changes& changes,
                   const std::vector<RenderedRow>& rendered = {}) {
  const CommitResult result = try_commit(store, changes, rendered);
  REQUIRE_MESSAGE(result.kind == CommitResult::Kind::committed, result.why);
}

inline std::optional<RunRow> find_run(Store& store, std::string dag_id, std::string dag_run_id) {
  Questions ask;
  ask.runs.push_back({std::move(dag_id), std::move(dag_run_id)});
  return store.read(ask).runs.at(0);
}
inline std::optional<StoredRun> load_run(Store& store, std::string dag_id, std::string dag_run_id) {
  Questions ask;
  ask.whole_runs.push_back({std::move(dag_id), std::move(dag_run_id)});
  return store.read(ask).whole_runs.at(0);
}
inline std::optional<RunRow> find_run_by_key(Store& store, std::string dag_id, std::string key) {
  Questions ask;
  ask.keys.push_back({std::move(dag_id), std::move(key)});
  return store.read(ask).keys.at(0);
}
inline std::optional<RunRow> find_run_by_date(Store& store, std::string dag_id, Time date) {
  Questions ask;
  ask.dates.push_back({std::move(dag_id), date});
  return store.read(ask).dates.at(0);
}
inline std::optional<std::string> find_xcom(Store& store, const InstanceKey& of, std::string key) {
  Questions ask;
  ask.xcoms.push_back({of, std::move(key)});
  return store.read(ask).xcoms.at(0);
}

}  // namespace batuta::test
