#include "plugins/builtin/image_name.h"

#include <algorithm>
#include <utility>

namespace batuta::plugin {
namespace {

constexpr std::size_t longest = 512;

bool allowed_in_name(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._-/:@").find(static_cast<char>(c)) != std::string_view::npos;
}

// Cuts the text; defaults only where a name, not a pattern, needs them.
ImageName parts_of(std::string_view text) {
  ImageName out;
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    out.digest = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const auto slash = text.rfind('/');
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    out.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  const auto first = text.substr(0, text.find('/'));
  const bool has_host = first.size() < text.size() &&
                        (first.find_first_of(".:") != std::string_view::npos ||
                         first == "localhost" || first.find('*') != std::string_view::npos);
  if (has_host) {
    out.host = first;
    out.path = text.substr(first.size() + 1);
  } else {
    out.host = "docker.io";
    out.path = (text.find('/') == std::string_view::npos ? "library/" : "") + std::string(text);
  }
  if (out.host == "docker.io" && out.path.find('/') == std::string::npos)
    out.path = "library/" + out.path;
  return out;
}

// In time linear in the text for each star.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, after_star = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool allows(std::string_view pattern, const ImageName& image) {
  if (pattern == "*") return true;
  const ImageName wanted = parts_of(pattern);
  if (!matches(wanted.repository(), image.repository())) return false;
  if (!wanted.digest.empty()) return matches(wanted.digest, image.digest);
  return wanted.tag.empty() || (image.digest.empty() && matches(wanted.tag, image.tag));
}

}  // namespace

std::string ImageName::text() const {
  return repository() + (digest.empty() ? ":" + tag : "@" + digest);
}

Result<ImageName> image_name(std::string_view text) {
  const auto refuse = [&](const std::string& why) {
    return Error{Errc::invalid,
                 "\"" + std::string(text.substr(0, 80)) + "\" is not the name of an image: " + why,
                 {}};
  };
  if (text.empty() || text.size() > longest) return refuse("1 to 512 characters");
  if (!std::all_of(text.begin(), text.end(), allowed_in_name)) {
    return refuse("letters, digits and . _ - / : @, such as registry.example.org/etl/load:1.4");
  }
  ImageName out = parts_of(text);
  const bool hollow = out.host.empty() || out.path.ends_with('/') || out.path.empty() ||
                      out.path.find("//") != std::string::npos || out.path.starts_with('/') ||
                      out.path.find_first_of(":@") != std::string::npos || text.ends_with(':') ||
                      ("/" + out.path + "/").find("/../") != std::string::npos;
  if (hollow) return refuse("such as registry.example.org/etl/load:1.4");
  const bool has_digest = text.find('@') != std::string_view::npos;
  if (has_digest && (out.digest.find(':') == std::string::npos ||
                     out.digest.find_first_of("/@") != std::string::npos)) {
    return refuse("a digest is sha256:… behind the @");
  }
  if (out.tag.empty() && !has_digest) out.tag = "latest";
  return out;
}

bool image_allowed(const ImageName& image, const std::vector<std::string>& patterns) {
  return patterns.empty() ||
         std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return allows(pattern, image); });
}

}  // namespace batuta::plugin
