#include <sodium.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/uuid.h"
#include "scheduler/api/codecs.h"

namespace batuta::http {

using nlohmann::json;

json iso_or_null(const OptTime& t) {
  return t ? json(to_iso(*t)) : json(nullptr);
}

json text_or_null(std::string_view text) {
  return text.empty() ? json(nullptr) : json(text);
}

json stored_json(std::string_view text) {
  if (text.empty()) return nullptr;
  JsonLimits limits;
  limits.bytes = 4 << 20;
  limits.string_bytes = 1 << 20;
  auto value = parse_untrusted(text, limits);
  return value ? std::move(*value) : json(nullptr);
}

json time_delta(Duration d) {
  const auto days = std::chrono::floor<std::chrono::days>(d);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(d - days);
  return {{"__type", "TimeDelta"},
          {"days", days.count()},
          {"seconds", seconds.count()},
          {"microseconds", (d - days - seconds).count()}};
}

json seconds_between(const OptTime& from, const OptTime& to) {
  if (!from || !to) return nullptr;
  return std::chrono::duration<double>(*to - *from).count();
}

std::string stable_uuid(std::string_view seed) {
  Uuid id;
  crypto_generichash(id.bytes.data(), id.bytes.size(),
                     reinterpret_cast<const unsigned char*>(seed.data()), seed.size(), nullptr, 0);
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x80);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);
  return to_string(id);
}

json collection(std::string_view plural, json items, std::int64_t total) {
  json out = json::object();
  out[std::string(plural)] = std::move(items);
  out["total_entries"] = total;
  return out;
}

json page_of(std::string_view plural, const Page& page, std::size_t total,
             const std::function<json(std::size_t)>& row) {
  json items = json::array();
  const auto size = static_cast<std::int64_t>(total);
  for (auto i = page.offset; i < std::min(size, page.offset + page.limit); ++i) {
    items.push_back(row(static_cast<std::size_t>(i)));
  }
  return collection(plural, std::move(items), size);
}

}  // namespace batuta::http
