#include "stores/xml.h"

#include <charconv>
#include <cstdint>

namespace batuta::stores {
namespace {

constexpr std::size_t max_depth = 16;
constexpr std::size_t max_elements = 1'000'000;

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 63));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 63));
    out += static_cast<char>(0x80 | (code & 63));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 63));
    out += static_cast<char>(0x80 | ((code >> 6) & 63));
    out += static_cast<char>(0x80 | (code & 63));
  }
}

// The character that `&name;` stands for.
bool append_entity(std::string& out, std::string_view name) {
  if (name == "amp") return out += '&', true;
  if (name == "lt") return out += '<', true;
  if (name == "gt") return out += '>', true;
  if (name == "quot") return out += '"', true;
  if (name == "apos") return out += '\'', true;
  if (!name.starts_with('#')) return false;
  const bool in_hex = name.starts_with("#x");
  name.remove_prefix(in_hex ? 2 : 1);
  std::uint32_t code = 0;
  const auto parsed =
      std::from_chars(name.data(), name.data() + name.size(), code, in_hex ? 16 : 10);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size() || code == 0 ||
      code > 0x10ffff) {
    return false;
  }
  append_utf8(out, code);
  return true;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<XmlElement> document() {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    if (!skip_asides()) return malformed();
    XmlElement root;
    if (!element(root, 1)) return malformed();
    return root;
  }

 private:
  Error malformed() const {
    return {Errc::malformed,
            "the answer is no XML that can be read (at byte " + std::to_string(at_) + ")",
            {}};
  }

  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  bool skip_past(std::string_view what) {
    const auto found = text_.find(what, at_);
    if (found == std::string_view::npos) return false;
    at_ = found + what.size();
    return true;
  }

  // Declarations, comments and white space before the root.
  bool skip_asides() {
    while (at_ < text_.size()) {
      if (starts("<?")) {
        if (!skip_past("?>")) return false;
      } else if (starts("<!--")) {
        if (!skip_past("-->")) return false;
      } else if (text_[at_] == '<') {
        return !starts("<!");
      } else {
        ++at_;
      }
    }
    return false;
  }

  bool character_data(XmlElement& into) {
    while (at_ < text_.size() && text_[at_] != '<') {
      if (text_[at_] != '&') {
        into.text += text_[at_++];
        continue;
      }
      const auto end = text_.find(';', at_);
      if (end == std::string_view::npos || end - at_ > 12 ||
          !append_entity(into.text, text_.substr(at_ + 1, end - at_ - 1))) {
        return false;
      }
      at_ = end + 1;
    }
    return at_ < text_.size();
  }

  // From '<' to the end of its closing tag.
  bool element(XmlElement& out, std::size_t depth) {
    if (depth > max_depth || ++elements_ > max_elements) return false;
    const auto end = text_.find('>', at_);
    if (end == std::string_view::npos) return false;
    std::string_view tag = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    const bool is_empty = tag.ends_with('/');
    if (is_empty) tag.remove_suffix(1);
    const auto space = tag.find_first_of(" \t\r\n");
    const std::string_view whole_name = tag.substr(0, space);
    const auto colon = whole_name.find(':');
    out.name = colon == std::string_view::npos ? whole_name : whole_name.substr(colon + 1);
    if (space != std::string_view::npos) out.attributes = tag.substr(space + 1);
    if (out.name.empty()) return false;
    return is_empty || content(out, whole_name, depth);
  }

  bool content(XmlElement& out, std::string_view whole_name, std::size_t depth) {
    while (character_data(out)) {
      if (starts("<!--")) {
        if (!skip_past("-->")) return false;
      } else if (starts("</")) {
        const auto end = text_.find_first_of("> \t\r\n", at_);
        return text_.substr(at_ + 2, end - at_ - 2) == whole_name && skip_past(">");
      } else {
        if (starts("<!") || starts("<?")) return false;
        if (!element(out.children.emplace_back(), depth + 1)) return false;
      }
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::child(std::string_view child_name) const {
  for (const XmlElement& each : children)
    if (each.name == child_name) return &each;
  return nullptr;
}

std::string XmlElement::text_of(std::string_view child_name) const {
  const XmlElement* found = child(child_name);
  return found == nullptr ? std::string{} : found->text;
}

Result<XmlElement> parse_xml(std::string_view text) {
  return Parser(text).document();
}

}  // namespace batuta::stores
