// Large results that templates name, read once for all the launches that do.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>

namespace batuta {

// By the paths of their files, which are one attempt's and never written again. Bounded by the
// bytes of the files (read, they take several times that); when one more does not fit, all that are
// kept go. One thread.
class ResultCache {
 public:
  using Value = std::shared_ptr<const nlohmann::json>;
  static constexpr std::size_t max_bytes = std::size_t{4} << 20;

  // Null when it is not kept.
  Value find(const std::string& path) const {
    const auto found = kept_.find(path);
    return found == kept_.end() ? nullptr : found->second;
  }
  void keep(const std::string& path, Value value, std::size_t bytes) {
    if (bytes > max_bytes || kept_.contains(path)) return;
    if (bytes_ + bytes > max_bytes) {
      kept_.clear();
      bytes_ = 0;
    }
    bytes_ += bytes;
    kept_.emplace(path, std::move(value));
  }

 private:
  std::size_t bytes_ = 0;
  std::map<std::string, Value> kept_;
};

}  // namespace batuta
