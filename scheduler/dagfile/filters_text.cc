// Filters over texts, and between texts and values.
#include <wctype.h>

#include <algorithm>
#include <clocale>
#include <locale>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "scheduler/dagfile/filter_table.h"

namespace batuta::filters {
namespace {

using nlohmann::json;

constexpr std::string_view blanks = " \t\r\n\v\f";

const std::string& text_of(const json& value) {
  return value.get_ref<const std::string&>();
}

// UTF-8, already known to be valid; a stray byte stands for itself.
std::size_t length_of(unsigned char first) {
  return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
}
char32_t decode(std::string_view one) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(one[i]); };
  if (one.size() == 1) return byte(0);
  char32_t out = byte(0) & (0xFFU >> (one.size() + 1));
  for (std::size_t i = 1; i < one.size(); ++i) out = out << 6 | (byte(i) & 0x3FU);
  return out;
}
void encode(char32_t c, std::string& out) {
  const auto put = [&](char32_t bits) { out += static_cast<char>(bits); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

// The letters of every script that C knows; where the host lacks that, ASCII's.
template <class Change>
std::string changed(std::string_view text, Change change) {
  static const locale_t everywhere = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  std::string out;
  out.reserve(text.size());
  for (const std::string_view one : characters(text)) {
    const char32_t c = decode(one);
    if (c < 0x80 || everywhere != nullptr) {
      encode(static_cast<char32_t>(change(static_cast<wint_t>(c), everywhere)), out);
    } else {
      out += one;
    }
  }
  return out;
}

Result<json> lower_filter(json value, const Given&, FilterScope&) {
  if (!value.is_string()) return not_fit("lower", "a text");
  return json(lower(text_of(value)));
}
Result<json> upper_filter(json value, const Given&, FilterScope&) {
  if (!value.is_string()) return not_fit("upper", "a text");
  return json(upper(text_of(value)));
}

Result<json> trim_filter(json value, const Given& given, FilterScope&) {
  if (!value.is_string()) return not_fit("trim", "a text");
  const std::string_view text = text_of(value);
  const std::string_view set = given.text(0) ? *given.text(0) : blanks;
  const auto first = text.find_first_not_of(set);
  if (first == std::string_view::npos) return json("");
  return json(text.substr(first, text.find_last_not_of(set) - first + 1));
}

Result<json> replace_filter(json value, const Given& given, FilterScope& scope) {
  if (!value.is_string()) return not_fit("replace", "a text");
  const auto& [text, from, to] = std::tie(text_of(value), *given.text(0), *given.text(1));
  if (from.empty()) return not_fit("replace", "something to replace: its first argument is empty");
  auto left = given.whole(2, -1);
  std::string out;
  std::size_t at = 0;
  for (std::size_t found = text.find(from); found != std::string::npos && left != 0;
       found = text.find(from, at), --left) {
    if (auto status = charge(scope, found - at + to.size()); !status) return status.error();
    out.append(text, at, found - at).append(to);
    at = found + from.size();
  }
  return json(out.append(text, at));
}

// Python's: without a separator at stretches of white space, and without empty parts.
Result<json> split_filter(json value, const Given& given, FilterScope& scope) {
  if (!value.is_string()) return not_fit("split", "a text");
  if (auto status = charge(scope, text_of(value).size() * 8); !status) return status.error();
  std::string_view text = text_of(value);
  const std::string* between = given.text(0);
  if (between && between->empty()) return not_fit("split", "a separator that is not empty");
  auto left = given.whole(1, -1);
  json out = json::array();
  const auto skip_blanks = [&] {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  };
  if (!between) skip_blanks();
  for (; between || !text.empty(); --left) {
    const auto end = left == 0 ? std::string_view::npos
                     : between ? text.find(*between)
                               : text.find_first_of(blanks);
    if (end == std::string_view::npos) {
      out.push_back(text);
      break;
    }
    out.push_back(text.substr(0, end));
    text.remove_prefix(end + (between ? between->size() : 1));
    if (!between) skip_blanks();
  }
  return out;
}

Result<json> string_filter(json value, const Given&, FilterScope&) {
  return json(value_text(value));
}

Result<json> tojson_filter(json value, const Given&, FilterScope&) {
  return json(json_text(value));
}

// What a command printed, as the value it stands for.
Result<json> fromjson_filter(json value, const Given&, FilterScope&) {
  if (!value.is_string()) return not_fit("fromjson", "a text");
  auto parsed = parse_untrusted(text_of(value));
  if (!parsed) return not_fit("fromjson", "a text that is JSON: " + parsed.error().message);
  return parsed;
}

Result<json> as_it_is(json value, const Given&, FilterScope&) {
  return value;
}

constexpr Row text_table[] = {
    {"lower", lower_filter},
    {"upper", upper_filter},
    {"trim", trim_filter, {{{"chars", Kind::text}}}},
    {"replace",
     replace_filter,
     {{{"old", Kind::text, true}, {"new", Kind::text, true}, {"count", Kind::whole}}}},
    {"split", split_filter, {{{"sep", Kind::text}, {"maxsplit", Kind::whole}}}},
    {"string", string_filter},
    {"tojson", tojson_filter},
    {"fromjson", fromjson_filter},
    {"default", as_it_is, {{{"default_value", Kind::any, true}, {"boolean", Kind::truth}}}},
    {"d", as_it_is, {{{"default_value", Kind::any, true}, {"boolean", Kind::truth}}}},
    {"raw", as_it_is},
};

}  // namespace

std::span<const Row> text_rows() {
  return text_table;
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    out.push_back(text.substr(0, length_of(static_cast<unsigned char>(text.front()))));
    text.remove_prefix(out.back().size());
  }
  return out;
}

std::string lower(std::string_view text) {
  return changed(text, [](wint_t c, locale_t place) {
    return place ? ::towlower_l(c, place) : c >= 'A' && c <= 'Z' ? c + 32 : c;
  });
}
std::string upper(std::string_view text) {
  return changed(text, [](wint_t c, locale_t place) {
    return place ? ::towupper_l(c, place) : c >= 'a' && c <= 'z' ? c - 32 : c;
  });
}

}  // namespace batuta::filters
