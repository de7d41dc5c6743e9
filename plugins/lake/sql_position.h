// Where in a statement the engine's error stands.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace batuta::lake {

struct SqlPosition {
  std::size_t line = 0;    // from 1
  std::size_t column = 0;  // from 1, in characters; 0: the line alone is known
};

// Read from the excerpt ("LINE 2: …" with a mark below) that ends the engine's text about `sql`;
// nullopt where it has none.
std::optional<SqlPosition> sql_position(std::string_view error, std::string_view sql);

}  // namespace batuta::lake
