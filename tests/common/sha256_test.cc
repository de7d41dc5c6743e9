#include "common/sha256.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace batuta {
namespace {

std::string hex_of(const Sha256Digest& digest) {
  std::string out;
  for (const unsigned char byte : digest) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

Sha256Digest by(Sha256::By how, const std::string& text) {
  Sha256 hash(how);
  hash.update(text);
  return hash.finish();
}

}  // namespace

TEST_CASE("a SHA-256 is that of the published examples, by instructions and by plain code") {
  const std::pair<std::string, const char*> examples[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (const auto& example : examples) {
    CHECK(hex_of(by(Sha256::By::fastest, example.first)) == example.second);
    CHECK(hex_of(by(Sha256::By::plain_code, example.first)) == example.second);
    CHECK(hex_of(sha256_of(example.first)) == example.second);
  }
}

TEST_CASE(
    "a SHA-256 is the same by instructions and by plain code at every length, in any pieces") {
  std::string text;
  for (int length = 0; length <= 200; ++length) {
    const Sha256Digest whole = by(Sha256::By::plain_code, text);
    CHECK(by(Sha256::By::fastest, text) == whole);
    Sha256 pieces;
    const auto first = static_cast<std::size_t>(length * 7 % (length + 1));
    pieces.update(std::string_view(text).substr(0, first));
    pieces.update("");
    pieces.update(std::string_view(text).substr(first));
    CHECK(pieces.finish() == whole);
    text += static_cast<char>(length * 31 + 7);
  }
}

}  // namespace batuta
