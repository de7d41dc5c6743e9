// Query and body fields as typed values; the first thing wrong is kept and named.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/http/message.h"
#include "scheduler/store/history.h"

namespace batuta::http {

// Reads query parameters. After the reads, status() tells the first problem (Errc::invalid).
// Parameters nobody reads are ignored, as Airflow does.
class QueryReader {
 public:
  explicit QueryReader(const Request& request) : request_(request) {}

  std::int64_t integer(std::string_view name, std::int64_t fallback, std::int64_t least,
                       std::int64_t most);
  std::optional<bool> boolean(std::string_view name);
  OptTime time(std::string_view name);
  std::optional<std::string> text(std::string_view name);
  // Every value of a repeated parameter; at most 64.
  std::vector<std::string> list(std::string_view name);
  // `limit` (50; 0 or more than max_page is max_page) and `offset`.
  Page page();
  // `order_by`, each of `allowed`, "-" in front for descending.
  std::vector<std::string> order_by(std::span<const std::string_view> allowed);
  RunQuery::Range range(const std::string& name);

  Status status() const { return status_; }
  void fail(std::string_view name, const std::string& message);

 private:
  const Request& request_;
  Status status_ = success();
};

// A path parameter: CHECKs that the route has it.
const std::string& path_param(const Request& request, std::string_view name);
// A path parameter that is a number from 0; Errc::not_found otherwise.
Result<std::int64_t> path_number(const Request& request, std::string_view name);

// The request's body as a JSON object. Errc::malformed, too_large or invalid. An empty body is an
// empty object.
Result<nlohmann::json> body_object(const Request& request);

// Reads the fields of a body. Fields that are not among `known` are refused: nobody sets what is
// not offered (mass assignment). A JSON null counts as absent.
class BodyReader {
 public:
  BodyReader(const nlohmann::json& object, std::initializer_list<std::string_view> known);

  bool has(std::string_view name) const;  // present, and not null
  std::optional<std::string> text(std::string_view name, std::size_t most = 4096);
  std::string required_text(std::string_view name, std::size_t most = 4096);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  OptTime time(std::string_view name);
  // The raw value; nullptr when absent or null.
  const nlohmann::json* value(std::string_view name) const;

  Status status() const { return status_; }
  void fail(std::string_view name, const std::string& message);

 private:
  const nlohmann::json& object_;
  Status status_ = success();
};

// SQL's LIKE: '%' any run, '_' any one byte; ASCII case ignored. O(pattern x text).
bool like(std::string_view pattern, std::string_view text);

}  // namespace batuta::http
