// The four tables of the financial pipeline, and what its three plugins agree on.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/layer/table_shape.h"

namespace batuta::financial {

const lake::TableShape& bronze_quotes();      // text as sent, append only
const lake::TableShape& silver_quotes();      // typed, one row per (ticker, date)
const lake::TableShape& gold_hours();         // one row per (ticker, UTC hour)
const lake::TableShape& quarantine_quotes();  // rejected rows with reasons

// The source's columns in bronze order, all text.
const std::vector<std::string>& source_columns();

}  // namespace batuta::financial
