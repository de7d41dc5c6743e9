#include "scheduler/store/task_pages.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "scheduler/store/history_reader.h"
#include "scheduler/store/list_sql.h"

namespace batuta {
namespace {

// Values are turned round where the list goes down, so that what comes first is always less.
struct EndedPart {
  std::int64_t run = 0;
  std::int64_t rows = 0;     // of the list; when it asks more of tasks than their states, at most
  std::int64_t without = 0;  // of them, without a value: these come last
  std::optional<std::int64_t> low, high;
};

class Planner {
 public:
  Planner(Database& db, const TaskQuery& query, const TaskListing& listing)
      : db_(db),
        query_(query),
        listing_(listing),
        order_(page_order(query, listing)),
        exact_(counted_by_state(query)) {}

  TaskPlan plan() {
    plan_.page = bounded(query_.page);
    look();
    count();
    if (plan_.page.limit == 0 || (exact_ && plan_.page.offset >= plan_.total)) {
      plan_.scope = TaskScope{{}, 0, false};
    } else if (order_) {
      choose();
    }
    return std::move(plan_);
  }

 private:
  // All runs that may have a part in the list.
  void look() {
    const ListSql ended = ended_runs_sql(query_, order_);
    Statement statement = db_.prepare(ended.rows);
    bind_values(statement, ended.values);
    {
      Rows rows = statement.bound_query();
      while (rows.next()) {
        EndedPart run;
        bool odd = false;
        rows.read(run.run, odd, run.rows, run.without, run.low, run.high);
        if (odd) {
          live_.push_back(run.run);
        } else {
          ended_.push_back(turned(run));
        }
      }
    }
    const ListSql live = live_runs_sql(query_);
    Statement others = db_.prepare(live.rows);
    bind_values(others, live.values);
    Rows rows = others.bound_query();
    while (rows.next()) rows.read(live_.emplace_back());
    std::sort(ended_.begin(), ended_.end(), [](const EndedPart& a, const EndedPart& b) {
      if (a.low.has_value() != b.low.has_value()) return a.low.has_value();
      return std::pair(a.low, a.run) < std::pair(b.low, b.run);
    });
  }

  EndedPart turned(EndedPart run) const {
    if (!run.low) run.without = run.rows;
    if (!order_ || !order_->down || !run.low) return run;
    run.low = std::exchange(run.high, -*run.low);
    run.low = -*run.low;
    return run;
  }

  std::int64_t count_in(const std::vector<std::int64_t>& runs) {
    ListSql sql = count_in_runs_sql(query_);
    sql.values.emplace_back(json_array(runs));
    return count_of(db_, sql);
  }

  void count() {
    if (!live_.empty()) others_ = count_in(live_);
    if (listing_.unstarted) others_ += count_of(db_, count_unstarted_sql(query_));
    plan_.total = others_;
    if (exact_) {
      for (const EndedPart& run : ended_) plan_.total += run.rows;
      return;
    }
    std::vector<std::int64_t> counted;
    std::int64_t rows = 0;
    for (const EndedPart& run : ended_) {
      rows += run.rows;
      if (rows > most_counted && !counted.empty()) break;
      counted.push_back(run.run);
    }
    plan_.total += count_in(counted);
    plan_.total_is_least = counted.size() < ended_.size();
  }

  // Ended runs whose rows all come before the page's first: they are left out, and counted off. No
  // more rows can come before a run's last than runs that begin no later than it ends have. Rows
  // without a value do not matter as long as the page ends before the first of them.
  void leave_out() {
    if (!exact_ || plan_.page.offset == 0) return;
    std::vector<std::int64_t> up_to;  // rows of the runs so far, in the order of their lows
    std::int64_t sum = others_;
    for (const EndedPart& run : ended_) up_to.push_back(sum += run.rows - run.without);
    const bool of_values = plan_.page.offset + plan_.page.limit <= sum - others_;
    std::vector<EndedPart> left;
    for (const EndedPart& run : ended_) {
      bool before = false;
      if (run.low && (of_values || run.without == 0)) {
        const auto after = std::upper_bound(ended_.begin(), ended_.end(), *run.high,
                                            [](std::int64_t high, const EndedPart& other) {
                                              return !other.low || high < *other.low;
                                            });
        before = up_to[static_cast<std::size_t>(after - ended_.begin()) - 1] <= plan_.page.offset;
      }
      if (before) {
        left_out_ += run.rows - run.without;
      } else {
        left.push_back(run);
      }
    }
    ended_ = std::move(left);
  }

  // The page's rows are among those of the runs chosen when the runs hold as many rows as the page
  // ends at, and no other run's row can come before the last of these.
  void choose() {
    leave_out();
    TaskScope scope{live_, left_out_, listing_.unstarted};
    plan_.page.offset -= left_out_;
    const auto wanted = static_cast<std::size_t>(plan_.page.offset + plan_.page.limit);
    const ListSql sql = order_values_sql(query_, *order_);
    Statement values = db_.prepare(sql.rows);
    const int last = bind_values(values, sql.values);
    std::priority_queue<std::int64_t> first;  // the greatest on top
    const auto add = [&](std::int64_t value) {
      if (first.size() == wanted && value >= first.top()) return;
      first.push(value);
      if (first.size() > wanted) first.pop();
    };
    for (const EndedPart& run : ended_) {
      if (!run.low) break;
      if (first.size() == wanted && *run.low > first.top()) break;
      if (exact_ && run.rows == run.without) continue;
      bool any = exact_ && order_->of_run;
      if (any) {
        for (std::int64_t i = 0; i < run.rows && i < plan_.page.offset + plan_.page.limit; ++i) {
          add(*run.low);
        }
      } else {
        values.bind_at(last, run.run);
        Rows rows = values.bound_query();
        for (std::int64_t value = 0; rows.next(); any = true) {
          rows.read(value);
          add(order_->down ? -value : value);
        }
      }
      if (any) scope.runs.push_back(run.run);
    }
    if (first.size() < wanted) {
      add_without(wanted - first.size(), scope.runs);
    } else {
      // Those that have not started come last, where there is such a value to come by.
      scope.unstarted = scope.unstarted && !order_->started;
    }
    std::sort(scope.runs.begin(), scope.runs.end());
    scope.runs.erase(std::unique(scope.runs.begin(), scope.runs.end()), scope.runs.end());
    plan_.scope = std::move(scope);
  }

  // Rows without a value come in the order of their runs, unless another name decides among them.
  void add_without(std::size_t wanted, std::vector<std::int64_t>& runs) {
    std::vector<EndedPart> others;
    std::copy_if(ended_.begin(), ended_.end(), std::back_inserter(others),
                 [](const EndedPart& run) { return run.without > 0; });
    std::sort(others.begin(), others.end(), [&](const EndedPart& a, const EndedPart& b) {
      return order_->down ? a.run > b.run : a.run < b.run;
    });
    const ListSql sql = order_values_sql(query_, *order_);
    Statement without = db_.prepare(sql.count);
    const int last = bind_values(without, sql.values);
    std::size_t found = 0;
    for (const EndedPart& run : others) {
      if (found >= wanted && order_->alone) break;
      std::int64_t rows = run.without;
      if (!exact_) {
        without.bind_at(last, run.run);
        Rows one = without.bound_query();
        if (one.next()) one.read(rows);
      }
      if (rows > 0) runs.push_back(run.run);
      found += static_cast<std::size_t>(rows);
    }
  }

  Database& db_;
  const TaskQuery& query_;
  const TaskListing& listing_;
  const std::optional<PageOrder> order_;
  const bool exact_;
  std::vector<EndedPart> ended_;    // by their lows; those without one last
  std::vector<std::int64_t> live_;  // and those that are read whole
  std::int64_t others_ = 0;         // rows of live_ and of runs that have none
  std::int64_t left_out_ = 0;
  TaskPlan plan_;
};

}  // namespace

std::optional<TaskPlan> plan_tasks(Database& db, const TaskQuery& query,
                                   const TaskListing& listing) {
  if (query.dag_run_id || uses(query, "operator") || uses(query, "queue")) return std::nullopt;
  return Planner(db, query, listing).plan();
}

}  // namespace batuta
