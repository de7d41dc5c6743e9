// What is asked of the rows of one table, alike for pages and for files. Private to the room.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "scheduler/api/context.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/params.h"

namespace batuta::http {

// The table of the path. Errc::not_found where there is none.
Result<LakeName> asked_table(Context& context, const Request& request);

struct RowQuestion {
  std::vector<std::string> columns, where, order_by;
  std::int64_t version = -1;  // -1: not named
  OptTime at;
};
// Reads version, at, columns, where and order_by; what is wrong is in the reader's status.
RowQuestion row_question(QueryReader& query);

// Columns, conditions and order as the plugin lake_sql takes them; what is not asked for is not
// there.
nlohmann::json chosen_of(const RowQuestion& question);

// The version that is read: the named one, the one of that time, the newest; -1 where the log
// cannot be read, which the plugin says better. Errc::invalid: the log tells of nothing so old.
Result<std::int64_t> pinned_version(Context& context, const LakeName& name,
                                    const RowQuestion& question);

// "12" and the like, from 0; nullopt for anything else.
std::optional<std::int64_t> number_from_text(std::string_view text);

// What lake_sql answered, an object; what it found wrong with the question as Errc::invalid at the
// parameter that it names.
Result<nlohmann::json> lake_answer_of(const Result<std::string>& told);

// What lake_sql said of the one table that was read: its columns that were shown masked ("masked"),
// or bare by the right to see them ("unmasked").
nlohmann::json told_of_table(const nlohmann::json& answer, const char* member);

// The header Batuta-Masked: which columns are masked in what has no place to say so in itself, as
// "gold/shop/people:cpf, …", with percent signs where a name has other bytes than a URL. `tables`
// is [{"table","masked"}…]; nothing is added where nothing is masked.
void add_masked_header(Response& response, const nlohmann::json& tables);

}  // namespace batuta::http
