#include "scheduler/store/erasure_marks.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/store/crypto.h"

namespace batuta {

Result<ErasureMarks> erasure_marks(const std::string& home,
                                   const std::vector<std::pair<std::string, std::string>>& keys,
                                   const std::string& means, const std::string& subject) {
  using nlohmann::json;
  const auto key = SecretKey::read(home + "/secret.key");
  ErasureMarks out;
  out.subject = subject;
  if (!key && subject.empty())
    return {Errc::invalid,
            "what shall the record call the person? Give it a subject, such as the request's "
            "number (" +
                key.error().message + ")"};
  if (!key) return out;
  std::string text;
  json values = json::array();
  for (const auto& [column, value] : keys) {
    text += json_text(json::array({column, value}));
    values.push_back(json::array({column, value}));
  }
  if (subject.empty()) out.subject = "person-" + hex_of(key->mac("lake erase", text)).substr(0, 16);
  out.who = hex_of(key->mac("lake erase who", json_text(values))).substr(0, 32);
  out.means = hex_of(key->mac("lake erase means", means)).substr(0, 32);
  return out;
}

}  // namespace batuta
