#include <thread>

#include "stores/object_storage.h"

namespace batuta::stores {

Surroundings real_surroundings() {
  return {http_call, [] { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); },
          [](Duration pause) { std::this_thread::sleep_for(pause); },
          std::make_shared<HttpConnections>()};
}

Result<std::unique_ptr<lakelog::Storage>> open_store(const std::string& url, const Options& options,
                                                     Surroundings surroundings) {
  auto location = parse_location(url);
  if (!location) return location.error();
  if (!options.staging.empty() && !options.staging.starts_with('/'))
    return {Errc::invalid, "the staging folder must be absolute, not \"" + options.staging + "\"",
            "staging"};
  auto dialect = location->kind == Kind::azblob
                     ? azure_dialect(*location, options, surroundings.http)
                     : s3_dialect(*location, options);
  if (!dialect) {
    Error error = dialect.error();
    error.message = "cannot open " + location->text() + ": " + error.message;
    return error;
  }
  auto storage = std::make_unique<ObjectStorage>(*location, options.staging, std::move(*dialect),
                                                 std::move(surroundings));
  if (options.probe) {
    if (auto proven = storage->probe(); !proven) return proven.error();
  }
  return std::unique_ptr<lakelog::Storage>(std::move(storage));
}

}  // namespace batuta::stores
