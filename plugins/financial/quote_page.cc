#include "plugins/financial/quote_page.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/financial/json_slices.h"
#include "plugins/financial/tables.h"

namespace batuta::financial {
namespace {

constexpr JsonLimits page_limits{8u << 20, 32, 2'000'000, 64u << 10};

QuoteRecord to_record(std::string_view slice) {
  QuoteRecord record;
  record.payload = slice;
  const auto& names = source_columns();
  for (const auto& [key, value] : object_slices(slice)) {
    const auto found = std::find(names.begin(), names.end(), key);
    if (found == names.end() || value == "null") continue;
    auto& field = record.fields.at(static_cast<std::size_t>(found - names.begin()));
    field = value.starts_with('"') ? decoded_string(value) : std::string(value);
  }
  return record;
}

}  // namespace

Result<QuotePage> parse_quote_page(std::string_view body) {
  auto parsed = parse_untrusted(body, page_limits);
  if (!parsed) return {Errc::malformed, "the answer is not JSON: " + parsed.error().message};
  if (!parsed->is_object() || !parsed->contains("quotes") || !(*parsed)["quotes"].is_array())
    return {Errc::malformed, "the answer has no list of quotes"};
  QuotePage page;
  if (const auto token = parsed->find("next_page_token");
      token != parsed->end() && !token->is_null()) {
    if (!token->is_string()) return {Errc::malformed, "next_page_token is not a string"};
    page.next_page_token = token->get<std::string>();
  }
  for (const auto& [key, value] : object_slices(body)) {
    if (key != "quotes") continue;
    for (const std::string_view slice : array_slices(value))
      page.records.push_back(to_record(slice));
  }
  return page;
}

}  // namespace batuta::financial
