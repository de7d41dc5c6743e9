#include "plugins/lake/layer/raw_landing.h"

#include <chrono>
#include <cstdio>

#include "common/uuid.h"
#include "lakelog/path.h"
#include "lakelog/posix_file.h"
#include "plugins/lake/attempt_session.h"

namespace batuta::lake {
namespace {

constexpr std::size_t max_listed_files = 50;
constexpr std::size_t max_request_bytes = 1u << 20;

void must(const Status& status) {
  if (!status.ok()) throw plugin::RetryableError(status.error().message);
}

std::string today() {
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  return to_iso(now).substr(0, 10);
}

}  // namespace

RawLanding::RawLanding(plugin::Context& context, const std::string& source,
                       const std::string& request_json)
    : context_(context),
      lake_(lake_folder(context)),
      folder_("raw/" + source + "/ingest_date=" + today() + "/run=" + context.execution_id()) {
  must(lakelog::make_folders(lake_ + "/" + folder_));
  Uuid id;
  random_bytes(id.bytes.data(), id.bytes.size());
  attempt_ = to_string(id).substr(0, 8);
  const std::string name = folder_ + "/_request-" + attempt_ + ".json";
  must(lakelog::write_new_file(lake_ + "/" + name, request_json));
  context_.report("files", plugin::quoted(name));
}

std::string RawLanding::add(const std::string& body) {
  char number[16];
  std::snprintf(number, sizeof number, "%04zu", ++count_);
  std::string name = folder_ + "/part-" + attempt_ + "-" + number + ".json";
  must(lakelog::write_new_file(lake_ + "/" + name, body));
  if (first_files_.size() < max_listed_files) first_files_.push_back(name);
  context_.report("files", plugin::quoted(name));
  return name;
}

void RawLanding::sync() const {
  must(lakelog::sync_folder(lake_ + "/" + folder_));
}

std::string request_path_sql(const std::string& path) {
  return "regexp_replace(" + path + R"(, '/part-([0-9a-f]+)-[0-9]+\.json$', '/_request-\1.json'))";
}

std::optional<std::string> read_request(const std::string& lake, const std::string& path) {
  if (!path.starts_with("raw/") || !lakelog::valid_data_path(path)) return std::nullopt;
  auto text = lakelog::read_whole_file(lake + "/" + path, max_request_bytes);
  if (text) return *std::move(text);
  if (text.error().code == Errc::not_found) return std::nullopt;
  throw plugin::RetryableError(text.error().message);
}

}  // namespace batuta::lake
