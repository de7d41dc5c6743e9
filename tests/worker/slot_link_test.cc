#include "worker/slot_link.h"

#include <doctest/doctest.h>

namespace batuta {
namespace {

TEST_CASE("a launch passes through with its plugin file and every byte of its body") {
  Launch launch;
  launch.key = {RunSeq{1}, 2, unmapped, 3};
  launch.plugin = "mock";
  std::string body;
  encode(ToAgent{launch}, body);
  const PluginFile file{"mock", "mock.so", std::string(64, 'f')};
  const std::string frame = encode_slot_launch(7, file, body);
  const auto back = decode_slot_launch(frame);
  REQUIRE(back.ok());
  CHECK(back->number == 7);
  CHECK(back->file == file);
  CHECK(back->launch.key == launch.key);
  for (std::size_t size = 0; size < frame.size(); ++size) {
    CHECK_FALSE(decode_slot_launch(std::string_view{frame}.substr(0, size)).ok());
  }
}

TEST_CASE("a report passes through, anything else is malformed") {
  SlotReport report{9, true, {}};
  report.finished.key = {RunSeq{1}, 2, unmapped, 3};
  report.finished.outcome = Outcome::skipped;
  const std::string frame = encode_slot_report(report);
  const auto back = decode_slot_report(frame);
  REQUIRE(back.ok());
  CHECK(back->number == 9);
  CHECK(back->retire);
  CHECK(back->finished.outcome == Outcome::skipped);
  // Its head must be whole; behind it fields may be absent.
  for (std::size_t size = 0; size < 10; ++size) {
    CHECK_FALSE(decode_slot_report(std::string_view{frame}.substr(0, size)).ok());
  }
  std::string other;
  encode(FromAgent{Heartbeat{1}}, other);
  CHECK_FALSE(decode_slot_report(frame.substr(0, 9) + other).ok());
}

TEST_CASE("of two claims on one attempt exactly one wins, and numbers never meet again") {
  SlotPage page;
  ClaimPlace& place = page.place(5);
  place.word = claim_word(5, Claim::handed);
  std::uint64_t expected = claim_word(5, Claim::handed);
  CHECK(place.word.compare_exchange_strong(expected, claim_word(5, Claim::started)));
  expected = claim_word(5, Claim::handed);
  CHECK_FALSE(place.word.compare_exchange_strong(expected, claim_word(5, Claim::recalled)));
  CHECK(&page.place(5) == &page.place(5 + slot_window));
  CHECK(claim_word(5, Claim::recalled) != claim_word(5 + slot_window, Claim::recalled));
}

}  // namespace
}  // namespace batuta
