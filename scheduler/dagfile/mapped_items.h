// What the instances of a mapped task get, from its rendered expand_json:
//
//   {"expand": [{"x": LIST}, {"y": LIST}]}         every x with every y; the last varies fastest
//   {"expand_zip": {"x": LIST, "y": LIST}}         the first x with the first y, and so on, as many
//                                                  as the shortest has; with "expand_fill" as the
//                                                  longest, and it in the place of what is missing
//   {"expand_kwargs": [{"x": 1, "y": 2}, …]}       each as it is written
//
// "expand" may also be an object, whose names are taken in alphabetical order. A LIST may be an
// object: then its items are [name, value], as in Airflow.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "common/result.h"

namespace batuta {

class MappedItems {
 public:
  MappedItems() = default;  // none
  // Errc::invalid, with a reason for people: something is no list, or they are more than `most`.
  static Result<MappedItems> of(nlohmann::json rendered, std::int32_t most);

  std::int32_t count() const { return count_; }
  // The arguments of one instance, by name. 0 to count() - 1.
  nlohmann::json item(std::int32_t number) const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
  std::int32_t count_ = 0;
};

}  // namespace batuta
