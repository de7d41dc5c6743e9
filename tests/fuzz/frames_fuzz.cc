#include <algorithm>
#include <string>
#include <vector>

#include "common/frame.h"
#include "common/message.h"
#include "common/result.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {
namespace {

constexpr std::uint32_t limit = 4096;

std::vector<std::string> cut(std::string_view bytes, std::size_t step, bool& bad) {
  FrameReader reader(limit);
  std::vector<std::string> bodies;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    while (const auto body = reader.next()) bodies.emplace_back(*body);
  }
  bad = reader.bad();
  return bodies;
}

}  // namespace

void frames(std::string_view bytes) {
  bool bad = false;
  bool bad_in_pieces = false;
  const auto whole = cut(bytes, std::max<std::size_t>(bytes.size(), 1), bad);
  const auto pieces = cut(bytes, 3, bad_in_pieces);
  BATUTA_CHECK(whole == pieces && bad == bad_in_pieces, "frames do not depend on packets");
  static_cast<void>(decode_from_agent(bytes));
  static_cast<void>(decode_to_agent(bytes));
  for (const std::string& body : whole) {
    BATUTA_CHECK(body.size() <= limit, "a frame within its bounds");
    if (const auto message = decode_from_agent(body)) {
      std::string again;
      encode(*message, again);
      BATUTA_CHECK(decode_from_agent(again).ok(), "what was read can be written and read");
    }
    static_cast<void>(decode_to_agent(body));
  }
}

}  // namespace batuta::fuzz
