#include "scheduler/serve/params_cache.h"

#include <doctest/doctest.h>

using namespace batuta;

TEST_CASE("runs' parameters are kept while their texts have room, however few the runs are") {
  ParamsCache cache(1000, 3);
  const auto params = [](int n) {
    RunParams made;
    made.told_conf = std::to_string(n);
    return std::make_shared<const RunParams>(std::move(made));
  };
  cache.keep(RunSeq{1}, "v", params(1), 400);
  cache.keep(RunSeq{2}, "v", params(2), 600);
  CHECK(cache.find(RunSeq{1}, "v")->told_conf == "1");
  CHECK(cache.find(RunSeq{2}, "v")->told_conf == "2");
  CHECK(cache.find(RunSeq{1}, "of another version") == nullptr);
  cache.keep(RunSeq{1}, "w", params(3), 300);  // in its own place
  CHECK(cache.bytes() == 900);
  CHECK(cache.find(RunSeq{2}, "v")->told_conf == "2");
  cache.keep(RunSeq{3}, "v", params(4), 101);
  CHECK(cache.bytes() == 101);
  CHECK(cache.find(RunSeq{2}, "v") == nullptr);
  CHECK(cache.find(RunSeq{3}, "v")->told_conf == "4");
  cache.keep(RunSeq{4}, "v", params(5), 1001);  // larger than all of the room
  CHECK(cache.find(RunSeq{4}, "v") == nullptr);
  CHECK(cache.find(RunSeq{3}, "v")->told_conf == "4");
  for (int n = 10; n < 14; ++n) cache.keep(RunSeq{n}, "v", params(n), 1);
  CHECK(cache.find(RunSeq{11}, "v") == nullptr);
  CHECK(cache.find(RunSeq{13}, "v")->told_conf == "13");
}
