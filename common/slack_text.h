// What Slack reads as its own in a text, made harmless, and texts cut as its limits want them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace batuta {

// With Slack's three characters that mean something (& < >) as entities: it mentions nobody and has
// no link of its own (https://docs.slack.dev/messaging/formatting-message-text). Slack still makes
// links of plain addresses, unless the text object that it stands in has "verbatim": true; the
// `text` of a message beside blocks is shown in notifications only.
std::string slack_escaped(std::string_view text);

// How much of a text makes a part of at most `most` bytes: up to a line's end, else a blank, else
// whole characters; no entity and, where it can be, no <link> is cut. At least one byte.
inline std::size_t slack_cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text.size();
  std::size_t end = most;
  while (end > 1 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  for (const char c : {' ', '\n'}) {
    const auto at = text.rfind(c, most);
    if (at != std::string_view::npos && at > most / 2) end = at;
  }
  const auto keep_whole = [&](char opens, char closes, std::size_t longest) {
    const auto at = text.rfind(opens, end - 1);
    if (at == std::string_view::npos || at == 0) return;
    const auto close = text.find(closes, at);
    if (close != std::string_view::npos && close >= end && close - at <= longest) end = at;
  };
  keep_whole('&', ';', 4);
  keep_whole('<', '>', most / 2);
  return end;
}

// The whole text in such parts, each with something to see in it.
inline std::vector<std::string> slack_parts(std::string_view text, std::size_t most) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = slack_cut(text, most);
    const std::string_view part = text.substr(0, end);
    if (part.find_first_not_of(" \t\r\n") != std::string_view::npos) parts.emplace_back(part);
    text.remove_prefix(end);
    if (!text.empty() && text.front() == '\n') text.remove_prefix(1);
  }
  return parts;
}

}  // namespace batuta
