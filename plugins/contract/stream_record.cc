#include "plugins/contract/stream_record.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "common/exact_json.h"
#include "common/time.h"
#include "plugins/contract/dead_letters.h"

namespace batuta::from_contract {
namespace {

// Each is compared with every other, for a name that stands twice is refused.
constexpr std::size_t most_members = 64;
// So many digits are a whole number of 64 bits, whatever they are.
constexpr std::size_t sure_digits = 18;

// Through a text of JSON; what is not as simple as expected leaves `good` false, for ever.
struct FlatText {
  std::string_view left;
  bool good = true;
  bool ascii = true;

  void skip_blanks() {
    left.remove_prefix(std::min(left.find_first_not_of(" \t\r\n"), left.size()));
  }
  bool at(char c) const { return !left.empty() && left.front() == c; }
  bool take(char c) {
    if (!at(c)) return false;
    left.remove_prefix(1);
    return true;
  }
  // Between two quotes, without an escape.
  std::string_view text() {
    good = good && take('"');
    std::size_t end = 0;
    for (; good && end < left.size() && left[end] != '"'; ++end) {
      const auto c = static_cast<unsigned char>(left[end]);
      good = c >= 0x20 && c != '\\';
      ascii = ascii && c < 0x80;
    }
    good = good && end < left.size();
    if (!good) return {};
    const std::string_view found = left.substr(0, end);
    left.remove_prefix(end + 1);
    return found;
  }
  // A number, true, false or null: up to where it ends.
  std::string_view word() {
    const std::string_view found = left.substr(0, left.find_first_of(" \t\r\n,}"));
    left.remove_prefix(found.size());
    return found;
  }
};

// Whether its text is what its value is written as.
bool is_as_written(std::string_view number) {
  const std::string_view digits = number.substr(number.starts_with('-') ? 1 : 0);
  const bool whole = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
  if (whole && digits.size() <= sure_digits && digits.front() != '0') return true;
  if (number == "0") return true;
  const auto value = parse_untrusted_exact(number);
  if (!value) return false;
  if (value->is_string()) return value->get_ref<const std::string&>() == number;
  return value->is_number() && json_text(*value) == number;
}

// As RFC 3629 has it: no byte too many, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
    };
    const unsigned first = byte(i);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4) return false;
    // The second byte tells what is written longer than it need be, or is no character.
    const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(i + 1) < least || byte(i + 1) > most) return false;
    for (std::size_t k = 2; k <= more; ++k)
      if (byte(i + k) < 0x80 || byte(i + k) > 0xbf) return false;
    i += more + 1;
  }
  return true;
}

void append_bytes(std::string& out, std::string_view name, const std::optional<std::string>& bytes,
                  std::string_view comma) {
  out += comma;
  out += '"';
  out += name;
  if (!bytes) {
    out += "\":null";
    return;
  }
  std::string encoding;
  const std::string text = as_text(*bytes, encoding);
  out += encoding == "utf-8" ? "\":" : "_base64\":";
  append_json_string(out, text);
}

}  // namespace

void append_landed(std::string& out, const stream::Record& record) {
  out += '{';
  if (!record.headers.empty()) {
    const char* between = "\"headers\":[[";
    for (const stream::Header& one : record.headers) {
      std::string encoding;
      out += between;
      append_json_string(out, one.name);
      out += ',';
      append_json_string(out, as_text(one.value, encoding));
      between = "],[";
    }
    out += "]],";
  }
  append_bytes(out, "key", record.key, "");
  out += ",\"offset\":" + std::to_string(record.offset);
  out += ",\"partition\":" + std::to_string(record.partition);
  out += ",\"time\":\"" + to_iso(record.time) + "\"";
  append_bytes(out, "value", record.value, ",");
  out += '}';
}

FlatReader::FlatReader(std::vector<std::string> names)
    : names_(std::move(names)), places_(names_.size()) {
  plain_ = std::none_of(names_.begin(), names_.end(),
                        [](const std::string& name) { return name.starts_with("/"); });
}

bool FlatReader::add(Member member) {
  if (members_.size() == most_members) return false;
  for (const Member& other : members_)
    if (other.first == member.first) return false;
  members_.push_back(member);
  return true;
}

bool FlatReader::read(std::string_view text, std::vector<std::optional<std::string_view>>& fields) {
  if (!plain_) return false;
  members_.clear();
  FlatText json{text};
  json.skip_blanks();
  if (!json.take('{')) return false;
  json.skip_blanks();
  for (bool more = !json.take('}'); more;) {
    Member member{json.text(), std::nullopt};
    json.skip_blanks();
    if (!json.good || !json.take(':')) return false;
    json.skip_blanks();
    if (json.at('"')) {
      member.second = json.text();
    } else if (const std::string_view word = json.word(); word == "true" || word == "false") {
      member.second = word;
    } else if (word != "null") {
      if (!is_as_written(word)) return false;
      member.second = word;
    }
    if (!json.good || !add(member)) return false;
    json.skip_blanks();
    more = json.take(',');
    if (!more && !json.take('}')) return false;
    json.skip_blanks();
  }
  json.skip_blanks();
  if (!json.left.empty() || (!json.ascii && !is_utf8(text))) return false;
  fields.resize(names_.size());
  for (std::size_t i = 0; i < names_.size(); ++i) {
    std::size_t& place = places_[i];
    if (place >= members_.size() || members_[place].first != names_[i]) {
      const auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& member) {
        return member.first == names_[i];
      });
      place = static_cast<std::size_t>(found - members_.begin());
    }
    fields[i] = place < members_.size() ? members_[place].second : std::nullopt;
  }
  return true;
}

}  // namespace batuta::from_contract
