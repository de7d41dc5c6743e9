#include "scheduler/dagfile/dag_codec.h"

#include <sodium.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_builder.h"

namespace batuta {

using nlohmann::json;

std::string canonical_text(const json& definition) {
  json kept = definition;
  kept.erase("$schema");
  return json_text(kept);  // nlohmann's objects are sorted maps
}

std::string version_of(std::string_view canonical_json) {
  unsigned char hash[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(hash, reinterpret_cast<const unsigned char*>(canonical_json.data()),
                     canonical_json.size());
  std::string hex;
  for (const unsigned char byte : hash) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

std::shared_ptr<const Dag> dag_from_canonical(const std::string& version,
                                              std::string_view canonical_json, std::string file,
                                              std::string source_text) {
  // Inlined files may make it larger than the file it came from.
  JsonLimits limits;
  limits.bytes = std::size_t{64} << 20;
  limits.string_bytes = limits.bytes;
  limits.tokens = 4'000'000;
  const auto definition = parse_untrusted(canonical_json, limits);
  if (!definition) return nullptr;
  Problems problems;
  auto dag = build_dag(*definition, problems);
  if (!dag) return nullptr;
  dag->version = version;
  dag->canonical_json = canonical_json;
  dag->file = std::move(file);
  dag->source_text = std::move(source_text);
  auto finished = finish_dag(std::move(*dag));
  return finished ? *finished : nullptr;
}

}  // namespace batuta
