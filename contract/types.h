// From the types that contracts and databases name to those of the lake.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta::contract {

// The lake's type of a column. The logical type decides what it is, a physical type of the same
// kind how exactly: number with decimal(10,2) is decimal(10,2), date with varchar(10) is a date.
// Without a logical type the physical one decides alone. `format`: of logicalTypeOptions ("i32",
// "f64"). Errc::invalid, with what to write instead.
Result<std::string> lake_type(std::string_view logical, std::string_view physical,
                              std::string_view format);

// A format of dates and times as strptime takes it: from what Java's DateTimeFormatter has, which
// the standard names ("dd/MM/yyyy HH:mm"), or as it is when it holds a '%'. Errc::invalid names the
// letters that cannot be read.
Result<std::string> strptime_format(std::string_view format);

// Whether every value of `from` is one of `to` too, so that old files can be read as the new type.
bool widens(std::string_view from, std::string_view to);

}  // namespace batuta::contract
