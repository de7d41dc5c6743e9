// How the last line of an attempt's log begins: the agent writes it, the API reads it.
#pragma once

namespace batuta {

inline constexpr const char* log_end_words = "Attempt ended: ";
// Follows them when the attempt went well and left tables to publish: whether the task succeeds is
// known only when they are.
inline constexpr const char* log_handed_in = "tables handed in";

}  // namespace batuta
