#include "stores/lake.h"

#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "common/safe_json.h"
#include "lakelog/branch.h"
#include "stores/file_cache.h"

namespace batuta::stores {
namespace {

using nlohmann::json;

constexpr const char* secret_variables[] = {"AWS_SECRET_ACCESS_KEY",   "AWS_SESSION_TOKEN",
                                            "GS_SECRET_ACCESS_KEY",    "AZURE_STORAGE_KEY",
                                            "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_SECRET"};

}  // namespace

// One thread that does what others hand it, one after another, while they wait.
class OwnThread {
 public:
  OwnThread() : thread_([this] { work(); }) {}
  ~OwnThread() {
    {
      std::lock_guard guard(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  OwnThread(const OwnThread&) = delete;
  OwnThread& operator=(const OwnThread&) = delete;

  template <class Work>
  auto run(const Work& work) {
    using Value = decltype(work());
    std::optional<Value> value;
    std::exception_ptr failure;
    bool done = false;
    const std::function<void()> task = [&] {
      try {
        value.emplace(work());
      } catch (...) {
        failure = std::current_exception();
      }
      std::lock_guard guard(mutex_);
      done = true;
      changed_.notify_all();  // under the lock: whoever waits may be gone right after it
    };
    std::unique_lock lock(mutex_);
    tasks_.push_back(&task);
    changed_.notify_all();
    changed_.wait(lock, [&] { return done; });
    if (failure) std::rethrow_exception(failure);
    return *std::move(value);
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const auto* task = tasks_.front();
      tasks_.pop_front();
      lock.unlock();
      (*task)();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<const std::function<void()>*> tasks_;
  bool ending_ = false;
  std::thread thread_;
};

// Asks the storage on another thread.
class ElsewhereStorage final : public lakelog::Storage {
 public:
  ElsewhereStorage(std::shared_ptr<lakelog::Storage> asked, OwnThread& thread)
      : asked_(std::move(asked)), thread_(thread) {}

  Result<lakelog::Listing> list(const std::string& prefix,
                                const lakelog::ListOptions& options) const override {
    return thread_.run([&] { return asked_->list(prefix, options); });
  }
  Result<std::string> read(const std::string& key, lakelog::ByteRange range) const override {
    return thread_.run([&] { return asked_->read(key, range); });
  }
  Result<lakelog::Put> put_if_absent(const std::string& key, std::string_view bytes) override {
    return thread_.run([&] { return asked_->put_if_absent(key, bytes); });
  }
  Status put(const std::string& key, std::string_view bytes) override {
    return thread_.run([&] { return asked_->put(key, bytes); });
  }
  Status remove(const std::string& key) override {
    return thread_.run([&] { return asked_->remove(key); });
  }
  Result<lakelog::ObjectInfo> stat(const std::string& key) const override {
    return thread_.run([&] { return asked_->stat(key); });
  }
  Result<std::string> stage(const std::string& prefix) override {
    return thread_.run([&] { return asked_->stage(prefix); });
  }
  Status sync(const std::vector<std::string>& keys) override {
    return thread_.run([&] { return asked_->sync(keys); });
  }

 private:
  const std::shared_ptr<lakelog::Storage> asked_;
  OwnThread& thread_;
};

namespace {

std::string without_scheme(std::string folder) {
  constexpr std::string_view scheme = "file://";
  if (folder.starts_with(scheme)) folder = folder.substr(scheme.size());
  return folder;
}

}  // namespace

std::string StoreAccess::to_json() const {
  return json_text({{"url", url}, {"variables", variables}, {"cache_bytes", cache_bytes}});
}

Result<StoreAccess> StoreAccess::from_json(const std::string& text) {
  const auto given = parse_untrusted(text);
  if (!given || !given->is_object())
    return {Errc::invalid, "what opens the lake's store cannot be read"};
  StoreAccess access;
  access.url = given->value("url", "");
  access.cache_bytes = given->value("cache_bytes", access.cache_bytes);
  const auto variables = given->find("variables");
  if (variables != given->end() && variables->is_object())
    for (const auto& [name, value] : variables->items())
      if (value.is_string()) access.variables[name] = value.get<std::string>();
  return access;
}

std::vector<std::string> StoreAccess::secrets() const {
  std::vector<std::string> out;
  for (const char* name : secret_variables)
    if (const auto found = variables.find(name); found != variables.end())
      out.push_back(found->second);
  return out;
}

Result<StoreAccess> store_access(const std::string& url,
                                 const std::function<std::string(const std::string&)>& variable) {
  const auto location = parse_location(url);
  if (!location) return location.error();
  StoreAccess access;
  access.url = location->text();
  const auto options = options_from(location->kind, [&](const std::string& name) {
    std::string value = variable(name);
    if (!value.empty()) access.variables[name] = value;
    return value;
  });
  if (!options) {
    Error error = options.error();
    if (!error.where.empty()) error.message = error.where + " " + error.message;
    return error;
  }
  return access;
}

std::string folder_of(const std::string& url) {
  constexpr std::string_view scheme = "file://";
  if (!url.starts_with(scheme)) return {};
  std::string path = url.substr(scheme.size());
  while (path.ends_with('/')) path.pop_back();
  const bool plain = path.starts_with('/') && path.find("/./") == path.npos &&
                     path.find("/../") == path.npos && !path.ends_with("/.") &&
                     !path.ends_with("/..") && path.find("//") == path.npos;
  return plain ? path : std::string();
}

Result<std::string> plain_url(const std::string& url) {
  if (std::string folder = folder_of(url); !folder.empty()) return "file://" + folder;
  const auto location = parse_location(url);
  if (!location) return location.error();
  return location->text();
}

struct Lake::Store {
  StoreAccess access;
  std::string cache_folder;  // empty: nothing is read by an engine or staged
  bool probe = false;
  std::function<Surroundings()> surroundings;

  std::mutex mutex;  // guards what follows
  std::unique_ptr<FileCache> cache;
  std::shared_ptr<lakelog::Storage> storage;
  std::unique_ptr<OwnThread> thread;
  std::shared_ptr<lakelog::Storage> elsewhere;  // asks `storage` on `thread`

  Status open();
};

Status Lake::Store::open() {
  if (storage) return success();
  if (!cache_folder.empty() && !cache) {
    auto opened = FileCache::open(cache_folder, access.url, access.cache_bytes);
    if (!opened) return opened.error();
    cache = *std::move(opened);
  }
  const auto location = parse_location(access.url);
  if (!location) return location.error();
  auto options = options_from(location->kind, [this](const std::string& name) {
    const auto found = access.variables.find(name);
    return found == access.variables.end() ? std::string() : found->second;
  });
  if (!options) return options.error();
  options->probe = probe;
  if (cache) options->staging = cache->staging();
  auto opened = open_store(access.url, *options, surroundings());
  if (!opened) return opened.error();
  storage = *std::move(opened);
  return success();
}

Lake::Lake(std::string folder) : folder_(without_scheme(std::move(folder))) {}

Lake::Lake(StoreAccess access, std::string folder, bool probe,
           std::function<Surroundings()> surroundings)
    : folder_(std::move(folder)), store_(std::make_shared<Store>()) {
  store_->access = std::move(access);
  if (!folder_.empty()) store_->cache_folder = folder_ + "/_store";
  store_->probe = probe;
  store_->surroundings = std::move(surroundings);
}

Lake::Lake(const char* folder) : Lake(std::string(folder)) {}

Lake Lake::on_branch(const std::string& ref) const {
  Lake lake = *this;
  lake.branch_ = ref;
  return lake;
}

bool Lake::is_folder() const {
  return store_ == nullptr;
}

const std::string& Lake::folder() const {
  return folder_;
}

const std::string& Lake::url() const {
  return store_ ? store_->access.url : folder_;
}

Result<std::shared_ptr<lakelog::Storage>> Lake::storage() const {
  if (!store_) {
    auto opened = lakelog::open_storage(folder_);
    if (!opened) return opened.error();
    std::shared_ptr<lakelog::Storage> lake = *std::move(opened);
    return branch_.empty() ? lake : lakelog::branch_storage(std::move(lake), branch_);
  }
  std::lock_guard guard(store_->mutex);
  if (auto opened = store_->open(); !opened) return opened.error();
  lakelog::Storage* asked = store_->elsewhere ? store_->elsewhere.get() : store_->storage.get();
  std::shared_ptr<lakelog::Storage> lake(store_, asked);
  return branch_.empty() ? lake : lakelog::branch_storage(std::move(lake), branch_);
}

Result<std::string> Lake::local_file(const std::string& key, std::int64_t size) const {
  if (!store_ && !branch_.empty()) {
    std::string own = folder_ + "/" + lakelog::branch_key(branch_, key);
    if (::access(own.c_str(), F_OK) == 0) return own;
  }
  if (!store_) return folder_ + "/" + key;
  OwnThread* thread = nullptr;
  {
    std::lock_guard guard(store_->mutex);
    if (auto opened = store_->open(); !opened) return opened.error();
    thread = store_->thread.get();
  }
  if (!store_->cache)
    return {Errc::invalid, store_->access.url + " was opened without a folder for its files"};
  const auto get = [&]() -> Result<std::string> {
    FileCache& cache = *store_->cache;
    // A data file has its name once, on a branch or in the lake: which of both is asked once.
    const bool known = size >= 0 && cache.has(key, size);
    if (!branch_.empty() && !known) {
      auto own = cache.get(*store_->storage, lakelog::branch_key(branch_, key), size);
      if (own || own.error().code != Errc::not_found) return own;
    }
    return cache.get(*store_->storage, key, size);
  };
  return thread == nullptr ? get() : thread->run(get);
}

std::shared_ptr<const void> Lake::kept() const {
  return store_;
}

Status Lake::ask_elsewhere() const {
  if (!store_) return success();
  std::lock_guard guard(store_->mutex);
  if (auto opened = store_->open(); !opened) return opened;
  if (store_->thread) return success();
  store_->thread = std::make_unique<OwnThread>();
  store_->elsewhere = std::make_shared<ElsewhereStorage>(store_->storage, *store_->thread);
  return success();
}

}  // namespace batuta::stores
