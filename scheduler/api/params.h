// Query and body fields as typed values; the first thing wrong is kept and named.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/api/body_fields.h"
#include "scheduler/api/query_params.h"
#include "scheduler/http/exchange.h"
#include "scheduler/store/history.h"

namespace batuta::http {

// What every list takes.
struct ListQuery {
  std::vector<Filter> filters;
  std::vector<std::string> order_by;
  Page page;
};

// Reads the query parameters that the route declares (query_params.h); one that it does not declare
// is a failure of ours, told at once so that a test sees it. After the reads, status() tells the
// first problem (Errc::invalid). Parameters nobody declares do not come this far (api.cc).
class QueryReader {
 public:
  explicit QueryReader(const Request& request);
  QueryReader(const Request& request, QueryTable table) : request_(request), table_(table) {}

  std::int64_t integer(std::string_view name, std::int64_t fallback, std::int64_t least,
                       std::int64_t most);
  // A number, with a fraction or without; absent is fine.
  void above_zero(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  OptTime time(std::string_view name);
  std::optional<std::string> text(std::string_view name);
  // Every value of a repeated parameter; at most 64, of at most 256 bytes.
  std::vector<std::string> list(std::string_view name);
  // `limit` (50; 0 for the total alone; more than max_page is max_page) and `offset`, or where
  // `cursor` says.
  Page page();
  // `order_by`, each of the names that the route declares, "-" in front for descending.
  std::vector<std::string> order_by();
  // All parameters that filter a field of the list.
  std::vector<Filter> filters();
  // One declared parameter as conditions on `field`, whose name need not be the declared one.
  std::vector<Filter> filters_of(std::string_view name, std::string_view field);
  ListQuery list_query() { return {filters(), order_by(), page()}; }

  Status status() const { return status_; }
  void fail(std::string_view name, const std::string& message);

 private:
  bool declared(std::string_view name);
  std::int64_t read_cursor(std::string_view text);
  void read_filter(const QueryParam& param, std::string_view field, std::vector<Filter>& out);
  std::vector<FilterValue> values(ParamKind kind, const std::string& name);
  std::optional<FilterValue> value(ParamKind kind, const std::string& name,
                                   const std::string& text);

  const Request& request_;
  QueryTable table_;
  Status status_ = success();
};

// The parameter `next`: a path of this server to go to afterwards, "/" where it is not given.
// "//else" and "/\else", which are addresses of other hosts to a browser, fail.
std::string next_path(QueryReader& query);

// A path parameter: CHECKs that the route has it.
const std::string& path_param(const Request& request, std::string_view name);
// A path parameter that is a number from 0; Errc::invalid otherwise.
Result<std::int64_t> path_number(const Request& request, std::string_view name);

// The instance that the path is about, with its own `map_index` or the query's: -1 where it is not
// given, or the route does not take it.
Result<InstanceName> instance_name(const Request& request);

// What a body field says that is no id (valid_id of common/ids.h).
inline constexpr const char* id_rule =
    "must be 1 to 128 of A-Z a-z 0-9 _ . -, begin with a letter or digit, and have no '..' and no "
    "final dot";

// The request's body as a JSON object. Errc::malformed, too_large or invalid. An empty body is an
// empty object.
Result<nlohmann::json> body_object(const Request& request);
// The same for a PATCH: without the fields that an `update_mask` leaves out, `always` apart (they
// say how another field is meant). Errc::invalid for a mask that names what is not a field.
Result<nlohmann::json> patch_body(const Request& request,
                                  std::initializer_list<std::string_view> always = {});

// Reads the fields of a body. Fields that the route does not declare (body_fields.h) are refused:
// nobody sets what is not offered (mass assignment). A JSON null counts as absent.
class BodyReader {
 public:
  BodyReader(const Request& request, const nlohmann::json& object);
  BodyReader(const nlohmann::json& object, BodyTable known);

  bool has(std::string_view name) const;  // present, and not null
  std::optional<std::string> text(std::string_view name, std::size_t most = 4096);
  std::string required_text(std::string_view name, std::size_t most = 4096);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  // A number of seconds, with a fraction or without, as microseconds.
  std::optional<std::int64_t> micros(std::string_view name);
  OptTime time(std::string_view name);
  // A list of texts of at most 512 bytes each; absent is nullopt.
  std::optional<std::vector<std::string>> texts(std::string_view name, std::size_t most);
  // Every field of `known` by its kind alone, the required ones too: for what is only checked.
  void check(BodyTable known);
  // The raw value; nullptr when absent or null.
  const nlohmann::json* value(std::string_view name) const;

  Status status() const { return status_; }
  void fail(std::string_view name, const std::string& message);

 private:
  const nlohmann::json& object_;
  Status status_ = success();
};

// SQL's LIKE: '%' any run, '_' any one byte, '\\' takes the next as it is; ASCII case ignored.
// O(pattern x text).
bool like(std::string_view pattern, std::string_view text);
// What a *_pattern parameter means: parts of names are found too, "a | b" is either, "~" is all.
std::vector<std::string> like_patterns(std::string_view written);
// What a *_prefix_pattern parameter means: '%' and '_' are literal, what is neither letter nor
// digit at the end does not count (as in Airflow), "" is all.
std::vector<std::string> prefixes(std::string_view written);

// Adds what a list that takes a `cursor` says of it: next_cursor and previous_cursor, null where
// there is no such page, or where the request asked by offset; and total_entries_limit, null when
// the total is exact. As in Airflow a total that equals it says "at least".
void add_cursors(const Request& request, const Page& page, std::int64_t total, nlohmann::json& out,
                 bool total_is_least = false);

}  // namespace batuta::http
