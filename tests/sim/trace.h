// The course of one seed as a hash, and as text for people when asked for. Two runs of one seed
// that differ anywhere in what happened have different hashes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "common/ids.h"
#include "common/time.h"
#include "tests/sim/rng.h"

namespace batuta::sim {

class Trace {
 public:
  explicit Trace(bool verbose) : verbose_(verbose) {}

  // `what` must be a literal; a, b, c whatever tells this happening from others of its kind.
  void note(Boot now, std::string_view what, std::int64_t a = 0, std::int64_t b = 0,
            std::int64_t c = 0) {
    add(static_cast<std::uint64_t>(now.since.count()));
    for (char ch : what) hash_ = (hash_ ^ static_cast<unsigned char>(ch)) * 0x100000001b3ULL;
    add(static_cast<std::uint64_t>(a));
    add(static_cast<std::uint64_t>(b));
    add(static_cast<std::uint64_t>(c));
    if (verbose_) print(now, what, a, b, c);
  }
  void note(Boot now, std::string_view what, const AttemptKey& key) {
    note(now, what, static_cast<std::int64_t>(key.run), key.task, key.fence);
  }
  // Free text, shown only when verbose and never part of the hash.
  void say(const std::string& text) const {
    if (verbose_) std::fprintf(stdout, "            %s\n", text.c_str());
  }

  bool verbose() const { return verbose_; }
  std::uint64_t hash() const { return hash_; }

 private:
  void add(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x9fb21c651e98df25ULL ^ (hash_ >> 31); }
  static void print(Boot now, std::string_view what, std::int64_t a, std::int64_t b,
                    std::int64_t c);

  bool verbose_;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace batuta::sim
