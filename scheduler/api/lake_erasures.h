// Orders to erase a person from the lake. Private to the room.
#pragma once

#include "scheduler/api/lake_orders.h"

namespace batuta::http {

struct Erasure : LakeOrder {
  std::string subject, domain, table;
  bool apply = false;
};

// What was applied has its record in the lake besides.
class LakeErasures : public LakeOrders<Erasure> {
 public:
  LakeErasures() : LakeOrders("one person is being erased") {}
};

}  // namespace batuta::http
