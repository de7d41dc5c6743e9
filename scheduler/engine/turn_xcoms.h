// What rendering reads of the store while a turn is prepared. For prepare.cc alone: control thread.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scheduler/core/scheduler_state.h"
#include "scheduler/engine/render.h"
#include "scheduler/store/store.h"

namespace batuta {

// XComs as the next task may see them, the run before, and checkpoints: of this very turn, or
// committed before.
class Xcoms {
 public:
  Xcoms(const SchedulerState& state, const Changes& changes, Store& store)
      : state_(state), changes_(changes), store_(store) {}

  // The events of assets that the run consumed, in this turn or before.
  const std::vector<AssetEventRow>& asset_events(RunSeq run) {
    const auto [at, fresh] = consumed_.try_emplace(run);
    if (!fresh) return at->second;
    Questions question;
    auto& asked = question.consumed.emplace_back();
    asked.run = run;
    std::vector<AssetEventRow> of_turn;
    for (const auto& [by, event] : changes_.asset_events_consumed) {
      if (by != run) continue;
      const auto& made = changes_.asset_events;
      const auto found = std::find_if(made.begin(), made.end(),
                                      [id = event](const auto& row) { return row.id == id; });
      if (found == made.end()) asked.events.push_back(event);
      if (found != made.end()) of_turn.push_back(*found);
    }
    at->second = std::move(store_.read(question).consumed.at(0));
    at->second.insert(at->second.end(), of_turn.begin(), of_turn.end());
    std::sort(at->second.begin(), at->second.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    return at->second;
  }
  const AssetRow* asset(std::int64_t id) const { return state_.asset(id); }

  void want_checkpoint(const InstanceKey& of) {
    const auto fresh = checkpoints_.try_emplace(of);
    if (!fresh.second) return;
    for (const CheckpointRow& row : changes_.checkpoints) {
      if (row.key() == of) return void(fresh.first->second = row.checkpoint_json);
    }
    const auto& gone = changes_.checkpoints_gone;
    if (std::find(gone.begin(), gone.end(), of) != gone.end()) return;
    questions_.checkpoints.push_back(of);
  }
  // Of one that was wanted before the last fetch().
  const std::optional<std::string>& checkpoint(const InstanceKey& of) const {
    return checkpoints_.at(of);
  }

  void want_previous(const RunRow& run) {
    if (!run.logical_date || !previous_.try_emplace(run.seq).second) return;
    questions_.before.push_back({run.dag_id, *run.logical_date});
    previous_of_.push_back(&run);
  }
  std::optional<RunRow> previous(const RunRow& run) {
    if (!run.logical_date) return std::nullopt;
    if (!previous_.count(run.seq)) {
      want_previous(run);
      fetch();
    }
    return previous_.at(run.seq);
  }

  // Of a mapped task nothing yet: of_instances() reads what is there by then.
  void want(const StoredRun& run, const LaunchContext::XcomName& name) {
    if (run.dag->tasks[name.task].is_mapped()) return;
    const InstanceKey of{run.run.seq, name.task, unmapped};
    if (in_turn(of, name.key) || !fetched_.try_emplace(Id{of, name.key}).second) return;
    questions_.xcoms.push_back({of, name.key});
  }
  void fetch() {
    if (questions_.empty()) return;
    Answers answers = store_.read(questions_);
    for (std::size_t i = 0; i < questions_.xcoms.size(); ++i) {
      const Questions::Xcom& asked = questions_.xcoms[i];
      fetched_[{asked.of, asked.key}] = std::move(answers.xcoms.at(i));
    }
    for (std::size_t i = 0; i < questions_.checkpoints.size(); ++i) {
      checkpoints_[questions_.checkpoints[i]] = std::move(answers.checkpoints.at(i));
    }
    for (std::size_t i = 0; i < previous_of_.size(); ++i) {
      const RunRow& run = *previous_of_[i];
      previous_[run.seq] = as_this_turn_leaves_it(run, std::move(answers.before.at(i)));
    }
    previous_of_.clear();
    questions_ = {};
  }
  // `index`: of a task that stands in a mapped group with the reader, else none.
  std::optional<std::string> find(const StoredRun& run, TaskIndex task, std::string_view key,
                                  MapIndex index = unmapped) {
    const InstanceKey of{run.run.seq, task, index};
    if (const auto found = in_turn(of, key)) return *found;
    const Id id{of, std::string(key)};
    if (!fetched_.count(id)) {  // a name that was computed while rendering
      fetched_.try_emplace(id);
      questions_.xcoms.push_back({of, id.second});
      fetch();
    }
    return fetched_.at(id);
  }

  Result<std::vector<std::string>> of_instances(const StoredRun& run, TaskIndex task,
                                                std::string_view key,
                                                const std::vector<std::int64_t>* map_indexes) {
    auto found = by_index(run, task, key, map_indexes);
    if (!found) return found.error();
    std::vector<std::string> values;
    values.reserve(found->size());
    for (auto& [index, value] : *found) values.push_back(std::move(value));
    return values;
  }

  using ByIndex = std::vector<std::pair<MapIndex, std::string>>;
  Result<ByIndex> by_index(const StoredRun& run, TaskIndex task, std::string_view key,
                           const std::vector<std::int64_t>* map_indexes) {
    std::vector<InstanceKey> wanted;
    const auto want_one = [&](InstanceIndex i) {
      const InstanceHot& hot = run.hot[place_of(i)];
      if (hot.state == TaskState::success) wanted.push_back({run.run.seq, task, hot.map_index});
    };
    if (map_indexes == nullptr) {
      run.each_of(task, want_one);
    } else {
      for (const std::int64_t index : *map_indexes) {
        if (index < -1 || index > max_map_length) continue;
        const auto i = run.find(task, MapIndex{static_cast<std::int32_t>(index)});
        if (i) want_one(*i);
      }
    }
    const std::string name(key);
    for (const InstanceKey& of : wanted) {
      if (!in_turn(of, key) && fetched_.try_emplace(Id{of, name}).second) {
        questions_.xcoms.push_back({of, name});
      }
    }
    fetch();
    ByIndex values;
    std::size_t bytes = 0;
    for (const InstanceKey& of : wanted) {
      const auto found = in_turn(of, key);
      const std::optional<std::string>& value = found ? *found : fetched_.at(Id{of, name});
      if (!value) continue;
      bytes += value->size();
      if (bytes > max_listed) {
        return Error{Errc::invalid,
                     "the results of task " + run.dag->tasks[task].id +
                         " are larger than 16 MiB together: pull some of them with map_indexes",
                     {}};
      }
      values.emplace_back(of.map_index, *value);
    }
    return values;
  }

 private:
  // What the store told of the run before `run`, against what this turn does to runs.
  std::optional<RunRow> as_this_turn_leaves_it(const RunRow& run, std::optional<RunRow> found) {
    const auto gone = [&](const RunRow& row) {
      const auto& deleted = changes_.runs_deleted;
      if (std::find(deleted.begin(), deleted.end(), row.seq) != deleted.end()) return true;
      return std::any_of(changes_.runs_updated.begin(), changes_.runs_updated.end(),
                         [&](const RunRow& updated) {
                           return updated.seq == row.seq && updated.state != DagRunState::success;
                         });
    };
    while (found && gone(*found)) {
      Questions next;
      next.before.push_back({run.dag_id, *found->logical_date});
      found = store_.read(next).before.at(0);
    }
    for (const RunRow& row : changes_.runs_updated) {
      const bool before = row.dag_id == run.dag_id && row.state == DagRunState::success &&
                          row.logical_date && *row.logical_date < *run.logical_date;
      if (before && (!found || *row.logical_date > *found->logical_date)) found = row;
    }
    return found;
  }

  using Id = std::pair<InstanceKey, std::string>;
  static constexpr std::size_t max_listed = std::size_t{16} << 20;

  // What this turn says about it; nullopt when it says nothing, an empty value when it is cleared.
  std::optional<std::optional<std::string>> in_turn(const InstanceKey& of,
                                                    std::string_view key) const {
    if (!indexed_) {
      indexed_ = true;
      for (const InstanceKey& of_it : changes_.xcoms_cleared) by_instance_[of_it].cleared = true;
      for (const auto& [of_it, name] : changes_.xcoms_deleted) {
        by_instance_[of_it].deleted.insert(name);
      }
      for (const XcomRow& row : changes_.xcoms) by_instance_[row.instance()].rows.push_back(&row);
    }
    const auto known = by_instance_.find(of);
    if (known == by_instance_.end()) return std::nullopt;
    for (const XcomRow* row : known->second.rows) {
      if (row->key == key) return row->value_json;
    }
    const bool deleted = known->second.deleted.find(key) != known->second.deleted.end();
    if (known->second.cleared || deleted) return std::optional<std::string>();
    return std::nullopt;
  }

  const SchedulerState& state_;
  const Changes& changes_;
  Store& store_;
  std::map<RunSeq, std::vector<AssetEventRow>> consumed_;
  Questions questions_;
  std::map<Id, std::optional<std::string>> fetched_;
  std::map<InstanceKey, std::optional<std::string>> checkpoints_;
  std::map<RunSeq, std::optional<RunRow>> previous_;
  std::vector<const RunRow*> previous_of_;  // of questions_.before
  struct InTurn {
    bool cleared = false;
    std::set<std::string, std::less<>> deleted;
    std::vector<const XcomRow*> rows;
  };
  // This turn's, of each instance that it gave or took any; made when first asked for.
  mutable bool indexed_ = false;
  mutable std::map<InstanceKey, InTurn> by_instance_;
};

}  // namespace batuta
