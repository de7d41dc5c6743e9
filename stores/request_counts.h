// Where this process's requests of object stores are counted.
#pragma once

#include "common/http_client.h"
#include "common/result.h"

namespace batuta::stores {

// Any thread; texts of its own. See common/store_requests.h.
using CountRequest = void (*)(const char* store, const char* operation, const char* outcome);

// From now on requests are counted by `count` and no longer in store_requests() of this process: a
// plugin, which has a copy of all this, hands them to the process that loaded it. Any thread;
// `count` stays for good.
void count_requests_by(CountRequest count);

// What came of a request: "ok", "absent", "exists" (a condition did not hold), "refused",
// "throttled" (429, 503), "failed" (another passing answer), "unanswered".
const char* outcome_of(const Result<HttpAnswer>& answer);

void count_request(const char* store, const char* operation, const char* outcome);

}  // namespace batuta::stores
