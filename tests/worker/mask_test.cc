#include "worker/mask.h"

#include <doctest/doctest.h>

#include <random>

namespace batuta {
namespace {

std::string in_pieces(Mask mask, std::string_view text, std::size_t piece) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece) mask.feed(text.substr(at, piece), out);
  mask.flush(out);
  return out;
}

TEST_CASE("a secret never shows, however the stream is cut") {
  const Mask mask{{"hunter22-secret", "another/one+2"}};
  const std::string text =
      "a hunter22-secret b hunter22-secre hunter22-secrethunter22-secret another/one+2.";
  const std::string expected = "a *** b hunter22-secre ****** ***.";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    CHECK(in_pieces(mask, text, piece) == expected);
  }
}

TEST_CASE("ordinary text is not held back") {
  Mask mask{{"hunter22-secret"}};
  std::string out;
  mask.feed("progress 10 %\nhun", out);
  CHECK(out == "progress 10 %\n");
  mask.feed("dred\n", out);
  CHECK(out == "progress 10 %\nhundred\n");
}

TEST_CASE("base64, URL-encoded and JSON-escaped forms are secrets, too") {
  const Mask mask{{"p\"ss wörd/1\n2"}};
  CHECK(mask.whole(R"({"password":"p\"ss wörd/1\n2"})") == R"({"password":"***"})");
  CHECK(mask.whole(R"(p\"ss wörd\/1\n2)") == "***");
  CHECK(mask.whole("?p=p%22ss%20w%C3%B6rd%2F1%0A2&") == "?p=***&");
  CHECK(mask.whole("?p=p%22ss%20w%c3%b6rd%2f1%0a2&") == "?p=***&");

  const Mask login{{"open-sesame"}};
  // base64("user:open-sesame"), base64("ab:open-sesame"), base64("a:open-sesame")
  for (const std::string text :
       {"dXNlcjpvcGVuLXNlc2FtZQ==", "YWI6b3Blbi1zZXNhbWU=", "YTpvcGVuLXNlc2FtZQ=="}) {
    const std::string shown = login.whole("Basic " + text);
    CHECK_MESSAGE(shown.find("***") != std::string::npos, shown);
  }
}

TEST_CASE("hex, upper and lower case are secrets, too") {
  const Mask mask{{"open-Sesame"}};
  CHECK(mask.whole("6f70656e2d536573616d65 6F70656E2D536573616D65") == "*** ***");
  CHECK(mask.whole("OPEN-SESAME open-sesame open-Sesame") == "*** *** ***");
}

TEST_CASE("every long line of a key is masked by itself") {
  const Mask mask{{"-----BEGIN KEY-----\nMIIEvQIBADANBg\nxyz"}};
  CHECK(mask.whole("MIIEvQIBADANBg and xyz") == "*** and xyz");
}

TEST_CASE("a short value is masked where it stands as a word, however the stream is cut") {
  const Mask mask{{"pw1", "x"}};
  CHECK(mask.has_short_values());
  CHECK_FALSE(Mask{{"long-enough"}}.has_short_values());
  const std::string text = "pw1 (pw1) apw1 pw12 pw1_ x-ray max x\npw1";
  const std::string expected = "*** (***) apw1 pw12 pw1_ ***-ray max ***\n***";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    CHECK(in_pieces(mask, text, piece) == expected);
  }
}

TEST_CASE("for any cut of any text, what is shown is what one pass shows") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random{seed};
  const Mask mask{{"aabaab", "abaaba", "bbbbbb"}};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += random() % 3 == 0 ? 'b' : 'a';
    const std::string whole = mask.whole(text);
    CHECK(in_pieces(mask, text, 1 + random() % 9) == whole);
    for (const char* secret : {"aabaab", "abaaba", "bbbbbb"}) {
      CHECK(whole.find(secret) == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace batuta
