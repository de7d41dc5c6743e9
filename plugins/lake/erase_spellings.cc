#include "plugins/lake/erase_spellings.h"

#include <strings.h>

#include "plugins/lake/delta_table.h"

namespace batuta::lake {

std::int64_t other_spellings(Session& session, const stores::Lake& lake, const std::string& table,
                             const std::string& column, const std::string& type,
                             const std::vector<std::string>& given) {
  const DeltaTable bronze = DeltaTable::open(session, lake, table);
  std::string name;
  for (const lakelog::Column& each : bronze.snapshot().metadata.columns)
    if (::strcasecmp(each.name.c_str(), column.c_str()) == 0 && each.type == "string")
      name = quoted_name(each.name);
  if (name.empty()) return 0;
  create_view(session, "erase_spelt", bronze);
  std::string same = "trim(" + name + ") IN (SELECT trim(v) FROM given)";
  std::string spelt = "SELECT t AS s FROM texts UNION SELECT trim(t) FROM texts";
  if (!type.empty() && type != "string" && type != "binary" && !type.starts_with("{")) {
    const std::string as = " AS " + sql_type(type) + ")";
    same += " OR coalesce(TRY_CAST(trim(" + name + ")" + as +
            " IN (SELECT x FROM (SELECT TRY_CAST(trim(v)" + as +
            " AS x FROM given) WHERE x IS NOT NULL), false)";
    spelt += " UNION SELECT CAST(TRY_CAST(trim(t)" + as + " AS VARCHAR) FROM texts";
  }
  return session
      .value(
          "WITH given AS (SELECT unnest(CAST($1 AS VARCHAR[])) AS v), texts AS (SELECT DISTINCT " +
              name + " AS t FROM erase_spelt WHERE " + same + "), spelt AS (" + spelt +
              ") SELECT count(*) FROM spelt WHERE s IS NOT NULL AND s NOT IN (SELECT v FROM given)",
          {given})
      .integer();
}

}  // namespace batuta::lake
