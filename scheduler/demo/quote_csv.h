// Quotes replayed from a CSV file: one ticker, prices as the file writes them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/result.h"
#include "scheduler/demo/quote_source.h"

namespace batuta::demo {

// "date=Date,open=AAPL.Open" -> column of ours to column of the file. Errc::invalid for a name that
// is not ours.
Result<std::map<std::string, std::string>> parse_column_map(std::string_view text);

// Reads CSV text (RFC 4180) with a header line. Columns that `columns` does not name are looked up
// under our own names; `adj_close` may be missing, the others may not. Dates are "2015-02-17" or
// ISO with a zone. At most 1,000,000 rows. Errc::invalid with the line.
Result<std::unique_ptr<QuoteSource>> read_quote_csv(
    std::string_view text, const std::string& ticker,
    const std::map<std::string, std::string>& columns);

}  // namespace batuta::demo
