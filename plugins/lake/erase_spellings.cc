#include "plugins/lake/erase_spellings.h"

#include <strings.h>

#include <algorithm>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/pseudonym.h"
#include "plugins/lake/rescued.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

// SQL of the table's column of that name, whatever the case, or of the texts that were sent for one
// with a type; empty: nobody can tell of any texts.
std::string text_column(const DeltaTable& table, const std::string& column) {
  if (!table.exists()) return {};
  const auto& columns = table.snapshot().metadata.columns;
  const bool rescues = !column_type(columns, rescued_column).empty();
  for (const lakelog::Column& each : columns) {
    if (::strcasecmp(each.name.c_str(), column.c_str()) != 0) continue;
    if (each.type == "string") return quoted_name(each.name);
    if (rescues) return sent_text_sql(each.name);
  }
  return {};
}

// Texts that silver writes of the relation texts(t).
std::string written_sql(const TextType& as) {
  return as.is_text() ? "SELECT t AS s FROM texts"
                      : "SELECT CAST(" + typed_text_sql(as, "t") + " AS VARCHAR) AS s FROM texts";
}

std::string same_person_sql(const TextType& as, const std::string& name) {
  const std::string same = "trim(" + name + ") IN (SELECT trim(v) FROM given)";
  if (as.is_text()) return same;
  return same + " OR coalesce(" + typed_text_sql(as, name) + " IN (SELECT x FROM (SELECT " +
         typed_text_sql(as, "v") + " AS x FROM given) WHERE x IS NOT NULL), false)";
}

}  // namespace

bool TextType::is_text() const {
  return type.empty() || type == "string" || type == "binary" || type.starts_with("{");
}

std::string typed_text_sql(const TextType& as, const std::string& text) {
  const std::string trimmed = "trim(" + text + ")";
  const std::string iso = "TRY_CAST(" + trimmed + " AS " + sql_type(as.type) + ")";
  if (as.format.empty() || (as.type != "date" && as.type != "timestamp")) return iso;
  const std::string read = "TRY_STRPTIME(" + trimmed + ", " + quoted_literal(as.format) + ")";
  const bool zoned =
      as.format.find("%z") != as.format.npos || as.format.find("%Z") != as.format.npos;
  std::string own = "CAST(" + read + " AS " + sql_type(as.type) + ")";
  if (as.type == "timestamp" && !zoned && !as.timezone.empty() && as.timezone != "UTC")
    own = "timezone(" + quoted_literal(as.timezone) + ", " + read + ")";
  return "coalesce(" + own + ", " + iso + ")";
}

PersonTexts person_texts(Session& session, const stores::Lake& lake, const std::string& bronze,
                         const std::string& column, const TextType& as,
                         const std::vector<std::string>& given) {
  const DeltaTable table = DeltaTable::open(session, lake, bronze);
  const std::string name = text_column(table, column);
  std::string texts = "SELECT v AS t FROM given";
  if (!name.empty()) {
    create_view(session, "erase_spelt", table);
    texts += " UNION SELECT t FROM (SELECT " + name + " AS t FROM erase_spelt) WHERE " +
             same_person_sql(as, "t");
  }
  const auto read = [&](const std::string& select) {
    std::vector<std::string> out;
    const auto found = session.query(
        "WITH given AS (SELECT unnest(CAST($1 AS VARCHAR[])) AS v), texts AS (" + texts +
            ") SELECT DISTINCT s FROM (" + select + ") WHERE s IS NOT NULL AND trim(s) <> ''",
        {given}, most_person_texts + 1);
    for (const auto& row : found.rows) out.push_back(row.at(0).text());
    if (out.size() > most_person_texts)
      throw plugin::FinalError(bronze + " has the value of " + column +
                               " under more than 1,000 texts: it names nobody");
    return out;
  };
  return {read("SELECT t AS s FROM texts UNION SELECT trim(t) FROM texts"), read(written_sql(as))};
}

std::int64_t other_spellings(Session& session, const stores::Lake& lake, const std::string& table,
                             const std::string& column, const TextType& as,
                             const std::vector<std::string>& given) {
  const DeltaTable bronze = DeltaTable::open(session, lake, table);
  if (text_column(bronze, column).empty()) return 0;
  const PersonTexts found = person_texts(session, lake, table, column, as, given);
  std::vector<std::string> all = found.sent;
  all.insert(all.end(), found.typed.begin(), found.typed.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return std::count_if(all.begin(), all.end(), [&](const std::string& text) {
    return std::find(given.begin(), given.end(), text) == given.end();
  });
}

std::int64_t rows_of_other_keys(Session& session, const stores::Lake& lake,
                                const std::string& table, const std::string& bronze,
                                const std::string& column, const TextType& as,
                                const std::vector<std::string>& keys) {
  const DeltaTable received = DeltaTable::open(session, lake, bronze);
  const DeltaTable silver = DeltaTable::open(session, lake, table);
  const std::string text = text_column(received, column), name = text_column(silver, column);
  if (text.empty() || name.empty() || keys.empty()) return -1;
  create_view(session, "erase_received", received);
  create_view(session, "erase_masked", silver);
  std::string known;
  for (const std::string& key : keys)
    known += (known.empty() ? "SELECT " : " UNION ALL SELECT ") + pseudonym_sql("s", key) +
             " AS p FROM written WHERE s IS NOT NULL";
  return session
      .value("WITH texts AS (SELECT DISTINCT " + text +
             " AS t FROM erase_received), written AS (SELECT DISTINCT s FROM (" + written_sql(as) +
             ")), known AS (" + known +
             ") SELECT count(*) FROM erase_masked m ANTI JOIN known ON m." + name +
             " = known.p WHERE m." + name + " IS NOT NULL")
      .integer();
}

}  // namespace batuta::lake
