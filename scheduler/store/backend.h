// A store by its address: the one place that knows which kinds there are.
//   sqlite:<path>   one file on this host
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scheduler/store/clone.h"
#include "scheduler/store/history.h"
#include "scheduler/store/registry.h"
#include "scheduler/store/rotate_key.h"
#include "scheduler/store/store.h"
#include "scheduler/store/upkeep.h"

namespace batuta {

// The four sides of one store; each header says from which thread.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store& store() = 0;
  virtual History& history() = 0;
  virtual Registry& registry() = 0;
  virtual Upkeep& upkeep() = 0;
  // At the end, from any thread: reads of the history that are under way end with a StoreError, and
  // none begins.
  virtual void end_reads() = 0;
};

struct BackendOptions {
  std::string key_file;  // seals secrets; made with the store
  DagCodec codec;
  Time now;                // stamps what is made
  bool make_anew = false;  // an empty store for a home that was in use and has lost its own
};

// Opens, or makes, and migrates. StoreError, and nothing touched: a store of a newer program; one
// that is damaged, as far as a look of a second can tell; none where the key file says that there
// was one, unless it is to be made anew; one where it is; an address that names no kind of store.
std::unique_ptr<Backend> open_backend(const std::string& url, const BackendOptions& options);

// ---- without a running scheduler, on a store that exists; StoreError

std::unique_ptr<History> open_history(const std::string& url);
// As Upkeep's.
Status backup_store(const std::string& url, const std::string& to);
std::vector<std::string> check_store(const std::string& url);
// As clone_store() of clone.h, into the file `to`.
ClonedStore clone_backend(const std::string& url, const std::string& key, const std::string& to,
                          const std::string& to_key, Time now);
// As rotate_key() of rotate_key.h.
RotatedKey rotate_store_key(const std::string& url, const std::string& key, Time now);
// As restore_database() of sqlite_upkeep.h.
Result<std::string> restore_store(const std::string& from, const std::string& url, Time now);

}  // namespace batuta
