// What the API asks about bundles of DAGs: the seam between HTTP and who keeps them. The real one
// is BundleKeeper (scheduler/serve); tests have a fake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace batuta::http {

// A revision that was switched to.
struct BundleRevision {
  std::string revision;  // commit id, or the hash of what a store has; 40 digits
  std::string subject;   // first line of its message, or how much a store has
  Time switched_at;
  std::string switched_by;  // user; empty: the scheduler itself
};

struct BundleView {
  enum class Kind : std::uint8_t { folder, git, store };
  std::string name;
  Kind kind = Kind::folder;
  std::string place;                 // folder, repository without a password, or URL of a store
  std::string ref;                   // of the repository
  std::string tip;                   // what that, or the store, was when it was last looked at
  std::string problem;               // why it is not what it should be; empty: it is
  std::vector<BundleRevision> kept;  // newest switch first, the first is live
};

// What a switch would change.
struct BundleDiff {
  std::string from, to;                              // commit ids; from is empty for the first
  std::string subject;                               // of `to`
  std::vector<std::string> added, changed, removed;  // DAG ids
  std::vector<std::pair<std::string, std::string>> files;  // A, M, D, T; path in the bundle
  std::vector<std::string> errors;                         // import errors that `to` would have
};

struct BundleAct {
  std::string name;
  std::string revision;  // commit, branch or tag; empty: where the ref is now, or the one before
  bool back = false;     // a rollback: only to what was live before
};

// What is asked of a bundle that is a folder, and that only a repository or store can do.
inline Error bundle_is_folder(const std::string& name) {
  return {Errc::conflict,
          "the bundle " + name +
              " is a folder: what is saved in it is live, so there is nothing to deploy or to roll "
              "back; a bundle of a repository or an object store (\"git\" or \"store\" in "
              "batuta.json) has revisions",
          {}};
}

class Bundles {
 public:
  virtual ~Bundles() = default;
  // The bundles that the settings name. Any thread.
  virtual std::vector<BundleView> list() const = 0;
  // Fetches, checks out and validates what `act` names, and changes nothing. May take a minute; any
  // thread. `done` comes once, on another one: Errc::not_found for a bundle or revision that is
  // not there, conflict for a bundle that has no revisions, unavailable when git or the store
  // fails, or too much is asked at once.
  virtual void compare(BundleAct act, std::function<void(Result<BundleDiff>)> done) = 0;
  // Makes a revision that compare() has looked at live, by one act. Quick; any thread, one at a
  // time.
  virtual Status switch_to(const std::string& name, const BundleDiff& what,
                           const std::string& user) = 0;
};

}  // namespace batuta::http
