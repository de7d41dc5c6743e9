// Storage in an object store, whichever it is: requests that are tried again, doubt that is
// resolved, lists read to their end, files that are staged here and put there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/http_client.h"
#include "lakelog/storage.h"
#include "stores/dialect.h"

namespace batuta::stores {

// How often a request that got no answer, or 408, 429, 500, 502, 503 or 504, is tried again. Every
// request here may be: puts carry whole objects, and a conditional one a mark of its own.
struct Retries {
  int tries = 6;
  Duration first_pause = std::chrono::milliseconds(200);  // doubles, half of it by chance
  Duration longest_pause = std::chrono::seconds(10);      // also of what Retry-After asks for
};

// Where time and network come from; a test has its own.
struct Surroundings {
  HttpCall http;
  std::function<Time()> now;
  std::function<void(Duration)> pause;
  std::shared_ptr<HttpConnections> connections;  // may be null
};
Surroundings real_surroundings();

inline constexpr std::uint64_t max_object_bytes = 5'000'000'000;  // what one put may carry anywhere
inline constexpr std::uint64_t max_read_bytes = 1 << 30;  // of one read(); else Errc::too_large
inline constexpr std::size_t max_listed = 5'000'000;      // of one list(); else Errc::too_large

// Any thread. Errors name the object's URL, what the store said and its request id, never a secret.
class ObjectStorage final : public lakelog::Storage {
 public:
  ObjectStorage(Location location, std::string staging, std::unique_ptr<Dialect> dialect,
                Surroundings surroundings, Retries retries = {});

  Result<lakelog::Listing> list(const std::string& prefix,
                                const lakelog::ListOptions& options = {}) const override;
  Result<std::string> read(const std::string& key, lakelog::ByteRange range = {}) const override;
  Result<lakelog::Put> put_if_absent(const std::string& key, std::string_view bytes) override;
  Status put(const std::string& key, std::string_view bytes) override;
  Status remove(const std::string& key) override;
  Result<lakelog::ObjectInfo> stat(const std::string& key) const override;
  Result<std::string> stage(const std::string& prefix) override;
  // Puts what is staged, one file after another, and deletes it here; called again after a failure
  // it goes on with the rest.
  Status sync(const std::vector<std::string>& keys) override;

  // Proves the promise of put_if_absent by an object of its own that stays there: Errc::invalid,
  // with a sentence, from a store that ignores the condition.
  Status probe();

 private:
  struct Ask;
  struct Outcome;
  Outcome ask(const Ask& what) const;
  Result<HttpAnswer> once(const Ask& what) const;
  Error refused(const Ask& what, const HttpAnswer& answer) const;
  Status put_file(const std::string& key, const std::string& path);
  Result<lakelog::Put> resolve(const std::string& key, const std::string& mark,
                               const Error& error) const;
  Status take_page(Page page, const std::string& prefix, const lakelog::ListOptions& options,
                   lakelog::Listing& listing) const;
  std::string whole_key(const std::string& key) const;

  const Location location_;
  const std::string staging_;
  const std::unique_ptr<Dialect> dialect_;
  const Surroundings surroundings_;
  const Retries retries_;
};

// The storage that `url` names, probed unless the options say otherwise. Errc::invalid for a URL or
// options that cannot be, and for a store that ignores conditional puts; Errc::unavailable.
Result<std::unique_ptr<lakelog::Storage>> open_store(
    const std::string& url, const Options& options,
    Surroundings surroundings = real_surroundings());

}  // namespace batuta::stores
