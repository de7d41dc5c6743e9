#include "scheduler/serve/start_fault.h"

namespace batuta {
namespace {

struct StartFault {
  StoreFault fault;
  const char* where;
  int exit_code;
};
constexpr StartFault start_faults[] = {{StoreFault::in_use, "home in use", 4},
                                       {StoreFault::missing, "store missing", 5},
                                       {StoreFault::damaged, "store damaged", 6},
                                       {StoreFault::not_ours, "store of others", 7}};

}  // namespace

std::string where_of(StoreFault fault) {
  for (const StartFault& known : start_faults) {
    if (known.fault == fault) return known.where;
  }
  return {};
}

int exit_code_of(const Error& error) {
  for (const StartFault& known : start_faults) {
    if (known.where == error.where) return known.exit_code;
  }
  return 1;
}

}  // namespace batuta
