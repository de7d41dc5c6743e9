// The XML in which object stores answer: elements and text, nothing else of it is needed.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta::stores {

struct XmlElement {
  std::string name;        // without its namespace prefix
  std::string attributes;  // as they stand there
  std::string text;        // of the element itself, entities undone; of its children nothing
  std::vector<XmlElement> children;

  // The first child of that name; nullptr: there is none.
  const XmlElement* child(std::string_view child_name) const;
  // Its text, or empty.
  std::string text_of(std::string_view child_name) const;
};

// The document's root. At most 16 deep and 1,000,000 elements; no document type. Errc::malformed.
Result<XmlElement> parse_xml(std::string_view text);

}  // namespace batuta::stores
