// One page of the quote service's answer, with every value as the very text that was sent.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta::financial {

// In the order of source_columns(). Strings are unquoted; numbers keep their digits ("0.10" stays
// "0.10"); null and absent are nullopt; anything else is its JSON text.
using QuoteFields = std::array<std::optional<std::string>, 8>;

struct QuoteRecord {
  std::string payload;  // the record's bytes as sent
  QuoteFields fields;   // all nullopt when the record is not an object
};

struct QuotePage {
  std::vector<QuoteRecord> records;
  std::string next_page_token;  // empty = last page
};

// {"quotes":[…],"next_page_token":null|"…"}. Errc::malformed when the page as a whole is not that;
// a bad record inside is kept, for silver to judge.
Result<QuotePage> parse_quote_page(std::string_view body);

}  // namespace batuta::financial
