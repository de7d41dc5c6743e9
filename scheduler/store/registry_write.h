// One registry write: a transaction of its own. Private to sqlite_registry*.cc.
#pragma once

#include "common/result.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

template <class Write>
Status registry_write(Database& db, Write write) {
  try {
    Transaction transaction(db);
    write();
    transaction.commit();
    return success();
  } catch (const StoreError& error) {
    if (!error.full()) throw;
    return Error{Errc::unavailable, std::string("the store cannot write now: ") + error.what(), {}};
  }
}

}  // namespace batuta
