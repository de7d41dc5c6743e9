// Asking the launch context what it may fail at. Private to the room.
#pragma once

#include <exception>
#include <string>

#include "common/result.h"
#include "scheduler/store/store.h"

namespace batuta {

// What the context throws is the error of what it was asked for, and the scheduler goes on: it
// reads what people, attempts and other threads have left. A store that fails is not its affair.
template <class Ask>
auto ask_context(Ask ask) -> decltype(ask()) {
  try {
    return ask();
  } catch (const StoreError&) {
    throw;
  } catch (const std::exception& error) {
    return Error{
        Errc::internal, std::string("the scheduler failed to prepare it: ") + error.what(), {}};
  }
}

}  // namespace batuta
