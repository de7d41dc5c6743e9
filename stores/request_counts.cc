#include "stores/request_counts.h"

#include <atomic>

#include "common/store_requests.h"

namespace batuta::stores {
namespace {

void count_here(const char* store, const char* operation, const char* outcome) {
  store_requests().add({store, operation, outcome});
}

std::atomic<CountRequest>& counter() {
  static std::atomic<CountRequest> by{count_here};
  return by;
}

}  // namespace

void count_requests_by(CountRequest count) {
  counter().store(count);
}

void count_request(const char* store, const char* operation, const char* outcome) {
  counter().load()(store, operation, outcome);
}

const char* outcome_of(const Result<HttpAnswer>& answer) {
  if (!answer) return "unanswered";
  const int status = answer->status;
  if (status / 100 == 2) return "ok";
  if (status == 404) return "absent";
  if (status == 409 || status == 412) return "exists";
  if (status == 429 || status == 503) return "throttled";
  return status == 408 || status / 100 == 5 ? "failed" : "refused";
}

}  // namespace batuta::stores
