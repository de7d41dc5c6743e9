#include "scheduler/serve/lake_place.h"

#include <cstdlib>
#include <filesystem>

#include "common/lake_secret.h"
#include "common/log.h"
#include "scheduler/serve/secret_lookup.h"
#include "scheduler/store/secret_reference.h"
#include "scheduler/store/store.h"

namespace batuta {

namespace {

std::string store_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

// The variable in whose place the setting lake.secret stands.
std::string secret_variable(const std::string& url) {
  if (url.starts_with("s3:")) return "AWS_SECRET_ACCESS_KEY";
  if (url.starts_with("gs:")) return "GS_SECRET_ACCESS_KEY";
  return store_variable("AZURE_CLIENT_ID").empty() ? "AZURE_STORAGE_KEY" : "AZURE_CLIENT_SECRET";
}

// Empty: the settings name none.
Result<std::string> store_secret(const Settings& settings) {
  if (settings.lake_secret_at.empty()) return std::string();
  const auto at = read_secret_reference(std::string_view(settings.lake_secret_at));
  if (!at || !*at) return {Errc::invalid, "lake.secret: it is no reference to a secret"};
  auto value =
      look_up_secret(**at, sources_for(**at), SecretLookup::Options{}.limit, [] { return false; });
  if (!value) return {value.error().code, "lake.secret: " + value.error().message};
  return value;
}

}  // namespace

Result<std::shared_ptr<const stores::StoreAccess>> lake_store(const Settings& settings) {
  using Known = std::shared_ptr<const stores::StoreAccess>;
  if (settings.lake_url.empty() || !stores::folder_of(settings.lake_url).empty()) return Known();
  const auto secret = store_secret(settings);
  if (!secret) return secret.error();
  const std::string in_its_place = secret->empty() ? "" : secret_variable(settings.lake_url);
  auto access = stores::store_access(settings.lake_url, [&](const std::string& name) {
    return name == in_its_place ? *secret : store_variable(name);
  });
  if (!access) return {access.error().code, "lake.url: " + access.error().message};
  access->cache_bytes = settings.lake_cache;
  return Known(std::make_shared<stores::StoreAccess>(*std::move(access)));
}

Status lead_to_folder(const std::string& link, const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code failed;
  const auto refused = [&](const std::string& why) {
    return Status(Errc::invalid, "lake.url: " + why);
  };
  if (!fs::is_directory(folder, failed))
    return refused("there is no folder " + folder + ": make it, or mount its disk");
  if (fs::equivalent(link, folder, failed)) return success();
  if (fs::is_symlink(link, failed))
    return refused(link + " leads to " + fs::read_symlink(link, failed).string() +
                   ", where the tables are: move them to " + folder + " and remove the link");
  if (fs::exists(link, failed) && !fs::is_empty(link, failed))
    return refused(link + " holds tables: move what is in it to " + folder + " first");
  fs::remove(link, failed);
  fs::create_directory_symlink(folder, link, failed);
  if (!failed || fs::equivalent(link, folder, failed)) return success();
  return refused("cannot make " + link + " lead to " + folder);
}

Secret lake_secret(const stores::StoreAccess& access) {
  return {lake_store_secret, access.to_json(), access.secrets()};
}

LakePlace::LakePlace(const Home& home, bool alone) : lake_(home.path("lake")) {
  if (alone) return;
  if (const std::string folder = stores::folder_of(home.settings().lake_url); !folder.empty()) {
    if (const Status led = lead_to_folder(home.path("lake"), folder); !led)
      throw StoreError(led.error().message, false);
    return;
  }
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
