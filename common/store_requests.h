// How often object stores were asked and what came of it: the "storage transactions" of a cloud's
// dashboard, and of its bill. Each try is one. A task's slot tells the scheduler what is new with
// each attempt.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "common/counts.h"

namespace batuta {

struct StoreRequest {
  std::string store;      // its URL without a prefix, as "s3://bucket"
  std::string operation;  // "list", "look" (at an object), "put", "read", "remove"
  std::string outcome;    // "ok", or what else docs/operations.md names
  auto operator<=>(const StoreRequest&) const = default;
};
using StoreRequestCount = Count<StoreRequest>;

class StoreRequests : public Counts<StoreRequest> {
 public:
  static constexpr std::size_t most = 500;  // that are told apart
  StoreRequests() : Counts(most, {"(others)", "(others)", "(others)"}) {}
};

// That of this process.
StoreRequests& store_requests();

// How an attempt tells of one: a JSON object. The store's name is cut to what is read again.
std::string store_request_json(const StoreRequestCount& one);
// Of a list of them, those that can be meant, at most StoreRequests::most: a worker's word alone.
// Whatever else it holds is nothing.
std::vector<StoreRequestCount> read_store_requests(std::string_view list_json);

// The name of that list among what an attempt tells (Finished::extra_json).
inline constexpr const char* told_store_requests = "store_requests";
// Counts what a report's extra_json tells of them in this process; nothing where it tells of none.
void count_told_requests(std::string_view extra_json);

}  // namespace batuta
