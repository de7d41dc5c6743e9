// All tables of a lake as SQL names, in a session that can do nothing but read them.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/session.h"

namespace batuta::lake {

// Makes every readable Delta table under `lake` a view: always "layer/domain/table", and
// layer.table where that is unique in its layer. Returns a line for each table that cannot be read.
std::vector<std::string> attach_tables(Session& session, const std::string& lake);

// A small table that comes from elsewhere (the scheduler's control tables), as mngt.<name>.
// `table_json`: {"columns":[{"name","type"}],"rows":[[text, number or null…]…]}, Delta types.
void attach_rows(Session& session, const std::string& name, const std::string& table_json);

// From here on: files under `lake` only, no extensions, no settings. Cannot be undone.
void lock_down(Session& session, const std::string& lake);

}  // namespace batuta::lake
