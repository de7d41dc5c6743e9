#include "stream/record_codec.h"

#include <doctest/doctest.h>

using namespace batuta;
using namespace batuta::stream;

namespace {

NewRecord sample() {
  NewRecord record;
  record.key = "key";
  record.value = std::string("va\0lue", 6);
  record.headers = {{"a", "1"}, {"b", ""}};
  return record;
}

std::string stored(const NewRecord& record, const Place& place) {
  std::string out;
  append_record(out, record, place, Time(Duration(1234567)));
  return out;
}

}  // namespace

TEST_CASE("record codec: what is written is read back, absent and empty told apart") {
  for (int kind = 0; kind < 4; ++kind) {
    NewRecord record = sample();
    if ((kind & 1) != 0) record.key.reset();
    if ((kind & 2) != 0) record.value.reset(), record.headers.clear();
    const std::string bytes = stored(record, {77, 3, 9});
    Stored found;
    REQUIRE(look_at(bytes + "rest", found) == Look::whole);
    CHECK(found.size == bytes.size());
    CHECK(found.place.offset == 77);
    CHECK(found.place.index == 3);
    CHECK(found.place.left == 9);
    const Record read = read_record(bytes);
    CHECK(read.offset == 77);
    CHECK(read.key == record.key);
    CHECK(read.value == record.value);
    CHECK(read.headers == record.headers);
    CHECK(read.time == Time(Duration(1234567)));
  }
}

TEST_CASE("record codec: a record that ends too early is too short at every byte") {
  const std::string bytes = stored(sample(), {0, 0, 0});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Stored found;
    CHECK(look_at(std::string_view(bytes).substr(0, size), found) == Look::too_short);
  }
}

TEST_CASE("record codec: every flipped bit is found") {
  const std::string bytes = stored(sample(), {5, 0, 0});
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string broken = bytes;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << (bit % 8)));
    Stored found;
    CHECK(look_at(broken, found) != Look::whole);
  }
}

TEST_CASE("record codec: whole records behind what is broken belong to its batch, or to another") {
  const std::string first = stored(sample(), {10, 0, 1}), second = stored(sample(), {11, 1, 0});
  const std::string third = stored(sample(), {12, 0, 0});
  std::string zeros(first.size(), '\0');
  CHECK(!another_batch_follows(zeros, 10));
  CHECK(!another_batch_follows(zeros + second, 10));
  CHECK(another_batch_follows(zeros + second + third, 10));
  CHECK(another_batch_follows(zeros + third, 10));
}
