// Files of Avro (object containers, as Event Hubs Capture leaves them) as lines of JSON.
//
// A record becomes an object; a map, too; of a union there is the value alone. Bytes that are the
// UTF-8 text of a JSON object or list become that, as they were written; other UTF-8 text; else
// base64. Longs keep all their digits, times and dates are the numbers that the file has.
// Compressed by deflate or not at all; decimals are refused.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace batuta::from_contract {

// By its first bytes, whatever its name is.
bool is_avro_file(const std::string& path);

// Writes the file's rows to `lines`, which is made anew; how many there were. Errors call the file
// `named`: `path` may be a copy. `go_on` is called for each block, and throws to end it.
// plugin::FinalError for what cannot be read, with the byte where the block begins;
// plugin::RetryableError where `lines` cannot be written.
std::int64_t avro_to_json_lines(const std::string& path, const std::string& named,
                                const std::string& lines, const std::function<void()>& go_on);

// The columns of the file's records whose values have a type: their names, and what the lake's
// engine calls the type of the numbers and flags in them. A column that may hold something else
// than that and NULL is not among them. Throws as avro_to_json_lines().
std::vector<std::pair<std::string, std::string>> avro_columns(const std::string& path,
                                                              const std::string& named);

}  // namespace batuta::from_contract
