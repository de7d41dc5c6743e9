// Of which texts bronze has a person, where silver has a typed value, or only a pseudonym of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

// How silver reads a column's text: Delta's type (empty: a text), and for dates and times the
// format at the source, as strptime has it (empty: ISO), and the zone of times without an offset.
struct TextType {
  std::string type, format{}, timezone{};
  bool is_text() const;
};

// SQL: the typed value of a text expression, which may also be written as ISO has it; NULL where it
// is none. Not of a text.
std::string typed_text_sql(const TextType& as, const std::string& text);

struct PersonTexts {
  std::vector<std::string> sent;   // as bronze has them, and without blanks around them
  std::vector<std::string> typed;  // as silver's type writes them; of a text as they were sent
};

inline constexpr std::size_t most_person_texts = 1000;

// All texts of bronze's rows that name the person by this column, and of `given`: the same value of
// the type. Only those of `given` where there is no such table or column. Throws SqlError, and
// plugin::FinalError for a table that cannot be read, or more texts than most_person_texts.
PersonTexts person_texts(Session& session, const stores::Lake& lake, const std::string& bronze,
                         const std::string& column, const TextType& as,
                         const std::vector<std::string>& given);

// How many texts the rows of a bronze table that name the person by this column would be pseudonyms
// of, and that are not among `given`. Errors as person_texts().
std::int64_t other_spellings(Session& session, const stores::Lake& lake, const std::string& table,
                             const std::string& column, const TextType& as,
                             const std::vector<std::string>& given);

// How many rows of `table` have a pseudonym in the column that is of none of bronze's texts by
// these keys (names of set_pseudonym_key): rows under another key, or of texts that are gone there.
// -1: bronze has no such column, so that nobody can tell.
std::int64_t rows_of_other_keys(Session& session, const stores::Lake& lake,
                                const std::string& table, const std::string& bronze,
                                const std::string& column, const TextType& as,
                                const std::vector<std::string>& keys);

}  // namespace batuta::lake
