// Why a server did not start, as service managers are told.
#pragma once

#include <string>

#include "common/result.h"
#include "scheduler/store/store.h"

namespace batuta {

// `where` of an error of the lock or the store; empty for one that is none of these.
std::string where_of(StoreFault fault);

// 4: the home is in use; 5: its store is missing; 6: it is damaged; 7: it is of a newer program or
// another home; 1: anything else.
int exit_code_of(const Error& error);

}  // namespace batuta
