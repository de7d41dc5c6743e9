// A copy of a store for another machine: what happened, without what is secret and without what
// would go on there as if it were the original.
#pragma once

#include <string>
#include <vector>

#include "common/time.h"

namespace batuta {

struct ClonedStore {
  std::vector<std::string> without_value;  // variables and connections whose secrets were left out
  std::int64_t live_runs_left_out = 0;
};

// Copies the store `from`, which a scheduler may be writing, to the new file `to`, with a key of
// its own at `to_key`; `from_key` opens what is sealed in the original. Left out are: values of
// variables with sensitive names, passwords and extras of connections and addresses that are
// secret, sealed results (what may be shown of them stays), users and tokens (the first start makes
// an admin), runs that have not ended, alerts and publications that are owed. Every DAG is paused.
// Nothing of what was left out is in the file. StoreError; the files are gone then.
ClonedStore clone_store(const std::string& from, const std::string& from_key, const std::string& to,
                        const std::string& to_key, Time now);

}  // namespace batuta
