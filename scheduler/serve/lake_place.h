// Where an installation's lake lies, as its settings and the environment say.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/message.h"
#include "scheduler/serve/home.h"
#include "stores/lake.h"

namespace batuta {

// Null: the folder "lake" of the home, or what it leads to. What opens the store is read from the
// environment by the names of docs/stores.md, its secret from where lake.secret says, which blocks.
// Errc::invalid, naming lake.url or the variable; the errors of look_up_secret().
Result<std::shared_ptr<const stores::StoreAccess>> lake_store(const Settings& settings);

// Makes `link`, the folder "lake" of a home, lead to `folder` (lake.url file:), where it does not
// yet. Errc::invalid, with what to do: `folder` is not there (a disk that is not mounted must not
// be taken for an empty lake), `link` holds something or leads elsewhere.
Status lead_to_folder(const std::string& link, const std::string& folder);

// What a slot is given to open it.
Secret lake_secret(const stores::StoreAccess& access);

// Of a server. Any thread.
class LakePlace {
 public:
  // `alone`: whatever the settings say it is the folder, for what is tried out stays in its home.
  // A store is opened: one that can hold no lake is an error, as settings are that cannot be, and
  // throws StoreError; one that does not answer is a warning, for it may tomorrow. Blocks.
  LakePlace(const Home& home, bool alone);

  const stores::Lake& at() const { return lake_; }
  // What a slot gets to open it; of a folder nothing.
  const std::vector<Secret>& secrets() const { return secrets_; }

 private:
  stores::Lake lake_;
  std::vector<Secret> secrets_;
};

}  // namespace batuta
