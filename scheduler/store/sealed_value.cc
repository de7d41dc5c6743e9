#include "scheduler/store/sealed_value.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

using json = nlohmann::json;

constexpr std::string_view middle = "\",\"shown\":";
constexpr std::string_view purpose = "xcom";
constexpr JsonLimits limits{1 << 20, 64, 2'000'000, 1 << 20};  // sealed by ourselves

std::string bound_to(RunSeq run) {
  return std::to_string(static_cast<std::int64_t>(run));
}

}  // namespace

void seal_result(const SecretKey& key, Finished& report) {
  if (report.shown_json.empty()) return;
  const std::string plain = json_text({{"value", report.result_json}, {"hidden", report.hidden}});
  std::string stored{sealed_head};
  stored += base64url(key.seal(purpose, bound_to(report.key.run), plain));
  stored += middle;
  stored += report.shown_json;
  stored += '}';
  report.result_json = std::move(stored);
  report.shown_json.clear();
  report.hidden.clear();
}

std::optional<OpenedValue> open_value(const SecretKey& key, RunSeq run, std::string_view stored) {
  if (!stored.starts_with(sealed_head)) return std::nullopt;
  stored.remove_prefix(sealed_head.size());
  const auto box = from_base64url(stored.substr(0, stored.find('"')));
  const auto plain = box ? key.open(purpose, bound_to(run), *box) : std::nullopt;
  if (!plain) return std::nullopt;
  const auto parsed = parse_untrusted(*plain, limits);
  if (!parsed) return std::nullopt;
  return OpenedValue{(*parsed)["value"].get<std::string>(),
                     (*parsed)["hidden"].get<std::vector<std::string>>()};
}

bool reseal_value(const SecretKey& from, const SecretKey& to, RunSeq run, std::string& stored) {
  if (!is_sealed(stored)) return false;
  const auto end = stored.find('"', sealed_head.size());
  if (end == std::string::npos) return false;
  const auto box = from_base64url(stored.substr(sealed_head.size(), end - sealed_head.size()));
  const auto plain = box ? from.open(purpose, bound_to(run), *box) : std::nullopt;
  if (!plain) return false;
  stored.replace(sealed_head.size(), end - sealed_head.size(),
                 base64url(to.seal(purpose, bound_to(run), *plain)));
  return true;
}

std::string shown_value(std::string stored) {
  if (!stored.starts_with(sealed_head)) return stored;
  const auto at = stored.find(middle);
  if (at == std::string::npos || !stored.ends_with('}')) return stored;
  return stored.substr(at + middle.size(), stored.size() - at - middle.size() - 1);
}

}  // namespace batuta
