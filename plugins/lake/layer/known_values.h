// Rows judged by their own extraction: whether a row's value is among those that its extraction
// asked for, whichever run extracted it and whichever run transforms it.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

struct Asked {
  std::string field;   // of the request: a list of texts, such as "tickers"
  std::string column;  // of the source rows: what must be among them, such as "ticker"
};

// What this run knows of its own extraction, beside the request that it left.
struct OwnList {
  std::vector<std::string> values;
  bool overrules = false;  // even where a request was kept: a person gave the list
};

// Makes the view `view` over `rows` (a view with _run_id and _source_file): all its columns, and
// `asked_for`: true, false, or NULL where the extraction left no request and the value can thus not
// be judged. Warns of the latter.
void view_asked_for(plugin::Context& context, Session& session, const std::string& view,
                    const std::string& rows, const Asked& asked, const OwnList& own);

}  // namespace batuta::lake
