#include "common/ids.h"

#include <doctest/doctest.h>

#include <limits>

#include <set>

#include "common/uuid.h"
#include "common/wire.h"

using namespace batuta;

TEST_CASE("ids that could become a path or a command are refused") {
  for (const char* id : {"", "..", "../x", "a..b", "a/b", "a\\b", ".hidden", "-rf", "a b", "a;b",
                         "a%2fb", "dot.", "a\nb", "\xC3\xA9t\xC3\xA9", "$(id)", "a\"b"}) {
    INFO(id);
    CHECK_FALSE(valid_id(id));
  }
  CHECK_FALSE(valid_id(std::string(129, 'a')));
  CHECK_FALSE(valid_id(std::string("a\0b", 3)));
  CHECK(valid_id("financial_extract"));
  CHECK(valid_id("a.b-c_1"));
  CHECK(valid_id(std::string(128, 'a')));
}

TEST_CASE("a user is named by a name: never by a number, and never root") {
  for (const char* name : {"", "root", "0", "1000", "+1", "-u", ".x", "a b", "a:b", "a/b", "a$"}) {
    INFO(name);
    CHECK_FALSE(valid_user_name(name));
  }
  CHECK_FALSE(valid_user_name(std::string(33, 'a')));
  for (const char* name : {"reports", "_apt", "etl-2.night", "Ana"}) CHECK(valid_user_name(name));
}

TEST_CASE("run ids take Airflow's characters but no way out of a folder") {
  CHECK(valid_run_id("manual__2026-11-20T23:30:00+00:00"));
  CHECK(valid_run_id("a~b"));
  CHECK_FALSE(valid_run_id("a..b"));
  CHECK_FALSE(valid_run_id("."));
  CHECK_FALSE(valid_run_id("a/b"));
  CHECK_FALSE(valid_run_id(""));
  CHECK_FALSE(valid_run_id(std::string(251, 'a')));
}

TEST_CASE("uuids are version 7, ordered by time, unique in one millisecond, and survive text") {
  const Time now(std::chrono::milliseconds(1'700'000'000'000));
  std::set<Uuid> seen;
  for (int i = 0; i < 100'000; ++i) {
    const Uuid id = make_uuid_v7(now);
    CHECK_MESSAGE(seen.insert(id).second, "collision");
    if (i == 0) {
      CHECK((id.bytes[6] >> 4) == 7);
      CHECK((id.bytes[8] >> 6) == 2);
      CHECK(parse_uuid(to_string(id)) == id);
    }
  }
  CHECK(make_uuid_v7(now + std::chrono::milliseconds(1)) > *seen.rbegin());
}

TEST_CASE("what is not a uuid is refused") {
  for (const char* text :
       {"", "0190", "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz", "01900000-0000-7000-8000-00000000000",
        "019000000000-7000-8000-000000000000-", "01900000/0000-7000-8000-000000000000"}) {
    INFO(text);
    CHECK_FALSE(parse_uuid(text));
  }
}

TEST_CASE("a wire reader that runs short is bad and yields nothing more") {
  std::string bytes;
  WireWriter writer(bytes);
  writer.put(std::uint32_t{7});
  writer.put(std::string_view("abc"));
  WireReader whole(bytes);
  CHECK(whole.get<std::uint32_t>() == 7);
  CHECK(whole.get_text() == "abc");
  CHECK(whole.at_end());
  CHECK_FALSE(whole.bad());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    WireReader reader(std::string_view(bytes).substr(0, cut));
    reader.get<std::uint32_t>();
    reader.get_text();
    CHECK(reader.bad());
    CHECK(reader.get<std::uint64_t>() == 0);
  }
}

TEST_CASE("varints keep every size of number, and one that is cut or too long is bad") {
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{63}, std::int64_t{64},
        std::int64_t{300}, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()}) {
    std::string bytes;
    WireWriter(bytes).put_varint(zigzag(number));
    WireReader whole(bytes);
    CHECK(unzigzag(whole.get_varint()) == number);
    CHECK(whole.at_end());
    WireReader cut(std::string_view(bytes).substr(0, bytes.size() - 1));
    CHECK(cut.get_varint() == 0);
    CHECK(cut.bad());
  }
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{127}, std::size_t{128}, std::size_t{20'000}}) {
    std::string bytes = "before";
    WireWriter writer(bytes);
    writer.put_block_of([&] { bytes.append(length, 'x'); });
    std::string same = "before";
    WireWriter(same).put_block(std::string(length, 'x'));
    CHECK(bytes == same);
  }
  WireReader endless(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
  endless.get_varint();
  CHECK(endless.bad());
}
