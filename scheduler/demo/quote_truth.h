// What a pipeline must make of a window of quotes: the figures that silver, gold and quarantine are
// checked against.
#pragma once

#include <string>

#include "scheduler/demo/quote_source.h"

namespace batuta::demo {

// JSON text:
//   {"start","end","now","tickers":[…],
//    "rows": all that ever appear, "visible": appeared by now, "late": appear after their date,
//    "duplicates": exact repeats, "bad": {"high_below_low": n, …},
//    "silver_rows": good (ticker, date) keys once all have appeared,
//    "gold": [{"ticker","date","trades","volume","open","high","low","close","price_volume"}…]}
// Gold is per ticker and UTC hour over the good rows, each key once; prices are decimal text
// without trailing zeros, `price_volume` is the exact sum of (high + low + close) * volume, so that
// vwap = price_volume / 3 / volume.
std::string quote_truth(const QuoteSource& source, const QuoteQuery& query, Time now);

// The truth manifest of the pipeline `financial`, as simulation.h has it, over what has appeared by
// `now` in whole hours: how many quotes silver has of the window, and gold's hours in full.
std::string quote_manifest(const QuoteSource& source, const QuoteQuery& query, Time now);

}  // namespace batuta::demo
