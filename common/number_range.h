// Ranges of numbers on a command line, refused in words that a person can use. A room apart, so
// that only command lines know their library.
#pragma once

#include <cstdint>
#include <limits>

namespace CLI {
class Validator;
}

namespace batuta {

// For option->check(…): a whole number from `least` to `most`, else "a whole number from 1 to 1000,
// not abc". Without `most` any that has 64 bits: "a whole number, 0 or more, not -1".
CLI::Validator whole_number(std::int64_t least,
                            std::int64_t most = std::numeric_limits<std::int64_t>::max());
// The same for fractions: "a number from 0 to 1, not 2".
CLI::Validator any_number(double least, double most);

}  // namespace batuta
