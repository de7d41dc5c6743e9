#include "scheduler/store/backend.h"

#include <string_view>

#include "scheduler/store/sqlite_history.h"
#include "scheduler/store/sqlite_registry.h"
#include "scheduler/store/sqlite_store.h"
#include "scheduler/store/sqlite_upkeep.h"

namespace batuta {
namespace {

constexpr std::string_view sqlite_scheme = "sqlite:";

std::string path_of(const std::string& url) {
  const bool known = url.starts_with(sqlite_scheme) && url.size() > sqlite_scheme.size();
  if (!known) {
    throw StoreError("\"" + url + "\" is no address of a store; write sqlite:<path of the file>",
                     false);
  }
  return url.substr(sqlite_scheme.size());
}

class SqliteBackend : public Backend {
 public:
  SqliteBackend(const std::string& path, const BackendOptions& options)
      : store_(path, options.codec, options.now),
        registry_(store_.database(), options.key_file),
        upkeep_(store_.database()),
        history_(path) {}

  Store& store() override { return store_; }
  History& history() override { return history_; }
  Registry& registry() override { return registry_; }
  Upkeep& upkeep() override { return upkeep_; }

 private:
  SqliteStore store_;
  SqliteRegistry registry_;
  SqliteUpkeep upkeep_;
  SqliteHistory history_;
};

}  // namespace

std::unique_ptr<Backend> open_backend(const std::string& url, const BackendOptions& options) {
  return std::make_unique<SqliteBackend>(path_of(url), options);
}

std::unique_ptr<History> open_history(const std::string& url) {
  return std::make_unique<SqliteHistory>(path_of(url));
}

Status backup_store(const std::string& url, const std::string& to) {
  return backup_database(path_of(url), to);
}

std::vector<std::string> check_store(const std::string& url) {
  return quick_check(path_of(url));
}

}  // namespace batuta
