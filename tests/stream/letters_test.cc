// Dead letters are found, sent again and given up, of every implementation.
#include "stream/letters.h"

#include "tests/stream/beds.h"

using namespace batuta;
using namespace batuta::stream;

namespace {

NewRecord dead(const std::string& value, int offset, const std::string& reason, int attempt = 1) {
  NewRecord record = text_record("k" + std::to_string(offset), value, 0);
  record.headers = {{"from", "shop"},
                    {letter_header::topic, "orders"},
                    {letter_header::partition, "1"},
                    {letter_header::offset, std::to_string(offset)},
                    {letter_header::reason, reason},
                    {letter_header::first_seen, "2024-05-06T07:08:09Z"},
                    {letter_header::attempt, std::to_string(attempt)}};
  return record;
}

std::vector<Letter> open_letters(Stream& stream) {
  std::vector<Letter> out;
  const Status read = each_open_letter(stream, "orders.dlq", [&](const Letter& letter) {
    out.push_back(letter);
    return true;
  });
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE(
    "letters: sent again with their history, repaired or given up, and then not open", Bed, FileBed,
    KafkaBed) {
  Bed bed;
  bed.make_topic("orders", 2);
  bed.make_topic("orders.dlq", 1);
  const auto stream = bed.open();
  must(stream->produce("orders.dlq",
                       std::vector{dead("one", 5, "not_json"), dead("two", 6, "missing_id", 2),
                                   dead("three", 7, "not_json"), dead("three", 7, "not_json")}));
  auto letters = open_letters(*stream);
  REQUIRE(letters.size() == 3);  // what a second try of the run left is the same letter
  CHECK(letters[1].reason == "missing_id");
  CHECK(letters[1].attempt == 2);
  CHECK(letters[1].at == Position{0, 1});

  must(send_again(*stream, "orders.dlq", letters[0]));
  must(send_again(*stream, "orders.dlq", letters[1], "{\"id\": 2}"));
  must(discard(*stream, "orders.dlq", letters[2], "a test"));
  CHECK(open_letters(*stream).empty());
  const auto sent = read_all(*stream, "orders", {{0, 0}, {1, 0}});
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].partition == 1);
  CHECK(sent[0].value == "one");
  CHECK(sent[0].key == "k5");
  CHECK(sent[0].headers == std::vector<Header>{{"from", "shop"},
                                               {"batuta-dlq-attempt", "1"},
                                               {"batuta-dlq-first-seen", "2024-05-06T07:08:09Z"}});
  CHECK(sent[1].value == "{\"id\": 2}");

  // One that fails once more is a letter of its own.
  must(stream->produce("orders.dlq", std::vector{dead("one", 9, "not_json", 2)}));
  CHECK(open_letters(*stream).size() == 1);
}

TEST_CASE("letters: one that does not hold what was sent can only be repaired") {
  FileBed bed;
  bed.make_topic("orders", 2);
  bed.make_topic("orders.dlq", 1);
  const auto stream = bed.open();
  NewRecord record = dead("", 1, "too_large");
  record.value.reset();
  record.headers.push_back({letter_header::value, "it is in the table"});
  must(stream->produce("orders.dlq", std::vector{record}));
  const auto letters = open_letters(*stream);
  REQUIRE(letters.size() == 1);
  CHECK(send_again(*stream, "orders.dlq", letters[0]).error().code == Errc::conflict);
  must(send_again(*stream, "orders.dlq", letters[0], "{}"));
  CHECK(open_letters(*stream).empty());
}

TEST_CASE("letters: places are read back, and nothing else is") {
  CHECK(parse_place("2:17") == Position{2, 17});
  CHECK(place_text({2, 17}) == "2:17");
  for (const char* bad : {"", "2", "2:", ":1", "a:1", "-1:2", "1:2:3", "99999:1"})
    CHECK_MESSAGE(!parse_place(bad), bad);
}

TEST_CASE("letters: a reading that nobody waits for ends before it fetches more") {
  FileBed bed;
  bed.make_topic("orders.dlq", 1);
  const auto stream = bed.open();
  must(stream->produce("orders.dlq", std::vector{dead("one", 5, "not_json")}));
  int asked = 0, seen = 0;
  const Status read = each_open_letter(
      *stream, "orders.dlq", [&](const Letter&) { return ++seen, true; },
      [&] { return ++asked > 1; });
  CHECK(read.error().code == Errc::unavailable);
  CHECK(seen == 0);
}
