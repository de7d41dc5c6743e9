#include "scheduler/serve/lake_place.h"

#include <cstdlib>

#include "common/lake_secret.h"
#include "common/log.h"
#include "scheduler/store/store.h"

namespace batuta {

Result<std::shared_ptr<const stores::StoreAccess>> lake_store(const Settings& settings) {
  using Known = std::shared_ptr<const stores::StoreAccess>;
  if (settings.lake_url.empty()) return Known();
  auto access = stores::store_access(settings.lake_url, [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  });
  if (!access) return {access.error().code, "lake.url: " + access.error().message};
  access->cache_bytes = settings.lake_cache;
  return Known(std::make_shared<stores::StoreAccess>(*std::move(access)));
}

Secret lake_secret(const stores::StoreAccess& access) {
  return {lake_store_secret, access.to_json(), access.secrets()};
}

LakePlace::LakePlace(const Home& home, bool alone) : lake_(home.path("lake")) {
  if (alone) return;
  const auto access = lake_store(home.settings());
  if (!access) throw StoreError(access.error().message, false);
  if (!*access) return;
  // Without a folder: a server reads logs alone, and the cache is its slots' and their user's.
  lake_ = stores::Lake(**access, "", true);
  secrets_.push_back(lake_secret(**access));
  const auto opened = lake_.storage();
  if (opened) return;
  const std::string why = "lake.url: " + opened.error().message;
  if (opened.error().code == Errc::invalid) throw StoreError(why, false);
  log::warn(why + "; publications wait for it");
}

}  // namespace batuta
