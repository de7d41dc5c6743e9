#include "tests/sim/agenda.h"

#include <algorithm>

namespace batuta::sim {

void Agenda::at(Boot when, Action action) {
  heap_.push_back({std::max(when, now_), planned_++, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void Agenda::run_next() {
  std::pop_heap(heap_.begin(), heap_.end(), later);
  Item item = std::move(heap_.back());
  heap_.pop_back();
  now_ = item.at;
  ++executed_;
  item.action();
}

}  // namespace batuta::sim
