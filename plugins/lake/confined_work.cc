#include "plugins/lake/confined_work.h"

#include <chrono>
#include <exception>
#include <future>
#include <thread>

#include "plugins/lake/confinement.h"
#include "plugins/lake/duckdb_api.h"
#include "plugins/lake/must.h"

namespace batuta::lake {

void confined(const SessionOptions& options, const stores::Lake& lake,
              const std::function<void()>& work, const std::function<void()>& meanwhile) {
  (void)load_duckdb(options.library);  // its file is out of reach afterwards
  // And so is the store, for all but a thread that only answers for its objects.
  (void)must(lake.ask_elsewhere());
  std::exception_ptr failure;
  std::promise<void> done;
  const auto end = done.get_future();
  std::thread thread([&] {
    try {
      confine_thread(lake.folder(), options.scratch);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    done.set_value();
  });
  while (end.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) meanwhile();
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace batuta::lake
