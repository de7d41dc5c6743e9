// The contracts that tasks name, by the table that they describe. Private to the room.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "contract/contract.h"
#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/store/history.h"

namespace batuta::http {

struct TableContract {
  std::string name;  // "brokerage/clients"
  contract::Contract contract;
  contract::Table table;  // its table
  // Of its service levels: how old the table's newest version may be.
  std::optional<Duration> fresh_within;
};

// Of one name, as several DAGs or bundles may have it, each with a text of its own. nullptr: it
// names masks, and cannot be read.
using MaskingContracts = std::vector<std::shared_ptr<const TableContract>>;

// The DAG files as they are now; parsed when first asked for, and kept as long as the same text
// stands in them. Any thread; parsing may take some milliseconds.
class LakeContracts {
 public:
  // nullptr: no task names a contract of this domain and table, or it cannot be read any more. A
  // history ("clients_hist") without one of its own has that of the table it is of, without what
  // that promises of the table alone: service levels and quality.
  std::shared_ptr<const TableContract> find(const std::shared_ptr<const DagBagSnapshot>& bag,
                                            const std::string& domain, const std::string& table);

  // Of all contracts that tasks name: "domain/table", in order.
  std::vector<std::string> names(const std::shared_ptr<const DagBagSnapshot>& bag);

  // Whether a task of this plugin names the contract `name`, for what it writes.
  bool made_by(const std::shared_ptr<const DagBagSnapshot>& bag, const std::string& name,
               const std::string& plugin);

  // Those that hide values from readers, by "domain/table": of the DAG files, and of DAGs whose
  // file is gone or broken as the store has them, for their tables are still there. Blocks on the
  // store when the DAG files are others than last time.
  std::map<std::string, MaskingContracts> masking(const std::shared_ptr<const DagBagSnapshot>& bag,
                                                  History& history);

 private:
  struct Found {
    std::string yaml;
    std::set<std::string> plugins;  // of the tasks that name it
    bool parsed = false;
    std::shared_ptr<const TableContract> contract, of_history;
    std::set<std::string> masking;  // each text of it that names masks
    MaskingContracts masks;         // the same, read when first asked for
  };
  // With mutex_ held; nullptr: none of this name.
  const Found* parsed_of(const std::string& name);
  void index(const std::shared_ptr<const DagBagSnapshot>& bag);
  void index_former(const std::shared_ptr<const DagBagSnapshot>& bag, History& history);

  std::mutex mutex_;
  // All guarded by mutex_.
  std::shared_ptr<const DagBagSnapshot> bag_;         // what was looked through
  std::map<std::string, Found, std::less<>> found_;   // by "domain/table"
  std::shared_ptr<const DagBagSnapshot> former_of_;   // beside which the next was looked through
  std::map<std::string, Found, std::less<>> former_;  // of DAGs that the bag has not
};

}  // namespace batuta::http
