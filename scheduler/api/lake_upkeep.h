// Orders to look after one table of the lake, by people: optimize, vacuum, restore, expire. Private
// to the room.
#pragma once

#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_orders.h"

namespace batuta::http {

struct Upkeep : LakeOrder {
  std::string action;
  LakeName name;
  bool dry_run = false;
  std::string asked_json;  // all that was ordered: the same operation is the same order, or refused
};

class LakeUpkeep : public LakeOrders<Upkeep> {
 public:
  LakeUpkeep() : LakeOrders("one table is being looked after") {}
};

}  // namespace batuta::http
