// Names of container images, as the registry protocol has them, and which of them may be run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta::plugin {

// Whole: "python" is docker.io/library/python with the tag latest.
struct ImageName {
  std::string host;    // "docker.io", "registry.example.org:5000"
  std::string path;    // "library/python"
  std::string tag;     // empty: a digest says it
  std::string digest;  // "sha256:…", or empty

  std::string repository() const { return host + "/" + path; }
  // As an engine takes it; the digest decides where there are both.
  std::string text() const;
};

// Errc::invalid, with a sentence, for what is none.
Result<ImageName> image_name(std::string_view text);

// `patterns` are names in which * stands for any characters: "registry.example.org/etl/*",
// "python:3.12*", "*". One without a tag allows each; one with a tag no digest, which would say
// otherwise. An empty list allows every image.
bool image_allowed(const ImageName& image, const std::vector<std::string>& patterns);

}  // namespace batuta::plugin
