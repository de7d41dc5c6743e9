// What the order to erase a person (docs/lake.md) is told by, so that no record has their values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/result.h"

namespace batuta {

struct ErasureMarks {
  std::string subject;  // what the record calls the person
  std::string who;      // tells persons apart under one operation; empty: the home has no key
  std::string means;    // likewise what was given to find them
};

// `keys`: column and value, of one person. HMACs by the home's secret.key, which it has for no
// other purpose: nobody without it gets from a mark to the value. `subject` empty: one is made.
// Errc::invalid where that needs a key and the home has none.
Result<ErasureMarks> erasure_marks(const std::string& home,
                                   const std::vector<std::pair<std::string, std::string>>& keys,
                                   const std::string& means, const std::string& subject);

}  // namespace batuta
