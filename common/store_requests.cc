#include "common/store_requests.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/safe_json.h"

namespace batuta {
namespace {

constexpr std::size_t longest_name = 300;
constexpr std::int64_t most_times = std::int64_t{1} << 40;

std::optional<std::string> name_of(const nlohmann::json& one, const char* field) {
  const auto at = one.find(field);
  if (at == one.end() || !at->is_string()) return std::nullopt;
  const auto& text = at->get_ref<const std::string&>();
  const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == 127;
  });
  if (!plain || text.empty() || text.size() > longest_name) return std::nullopt;
  return text;
}

}  // namespace

StoreRequests& store_requests() {
  static StoreRequests all;
  return all;
}

std::string store_request_json(const StoreRequestCount& one) {
  return json_text({{"store", one.of.store.substr(0, longest_name)},
                    {"operation", one.of.operation},
                    {"outcome", one.of.outcome},
                    {"times", one.times}});
}

std::vector<StoreRequestCount> read_store_requests(std::string_view list_json) {
  std::vector<StoreRequestCount> out;
  const auto list = parse_untrusted(list_json);
  if (!list || !list->is_array()) return out;
  for (const auto& one : *list) {
    if (out.size() == StoreRequests::most) break;
    if (!one.is_object()) continue;
    auto store = name_of(one, "store"), operation = name_of(one, "operation"),
         outcome = name_of(one, "outcome");
    const auto at = one.find("times");
    const std::int64_t times = at == one.end() ? 0 : json_int(*at).value_or(0);
    if (!store || !operation || !outcome || times < 1 || times > most_times) continue;
    out.push_back({{*std::move(store), *std::move(operation), *std::move(outcome)}, times});
  }
  return out;
}

void count_told_requests(std::string_view extra_json) {
  if (extra_json.find("\"" + std::string(told_store_requests) + "\"") == extra_json.npos) return;
  constexpr JsonLimits limits{64 << 20, 70, 4'000'000, 64 << 20};
  const auto told = parse_untrusted(extra_json, limits);
  if (!told || !told->is_object()) return;
  const auto list = told->find(told_store_requests);
  if (list == told->end()) return;
  for (StoreRequestCount& one : read_store_requests(json_text(*list)))
    store_requests().add(std::move(one.of), one.times);
}

}  // namespace batuta
