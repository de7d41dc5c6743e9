// One DAG file: text -> Dag, or errors with file, line, column and JSON pointer.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/message.h"
#include "common/result.h"
#include "scheduler/core/dag.h"

namespace batuta {

struct DagFileProblem {
  std::string file;
  int line = 0;  // 1-based; 0 = the whole file
  int column = 0;
  std::string pointer;       // "/tasks/1/retries"
  std::string message;       // what is wrong and how to mend it
  std::string text() const;  // "file:line:column pointer: message"
};

struct DagFileResult {
  std::shared_ptr<const Dag> dag;  // null when there are problems
  std::vector<DagFileProblem> problems;
  std::vector<std::string> unknown_plugins;  // one text each, with a suggestion; a warning only
  std::vector<DagFileProblem> warnings;      // of a DAG that is valid, but may not do what it says
  std::vector<std::string> files;            // files it names, relative to the folder
  std::vector<std::string> contracts;        // likewise, relative to the folder of contracts
};

inline constexpr std::size_t max_dag_file_bytes = std::size_t{4} << 20;

// A plugin parameter written as {"$file": "queries/rows.sql"} stands for that file's text, and so
// does a shell task's "script", both read from `folder` (never outside it but for "models/…", see
// read_named()). A task's "contract" is a file below `contracts`; empty: the folder contracts/
// beside `folder`. Pure otherwise. Limits:
// 4 MiB a file, 1 MiB a named file, 20,000 tasks, depth 64. At most 20 problems, in file order
// where they have a place.
DagFileResult parse_dag_file(std::string_view text, const std::string& file,
                             const std::string& folder, const std::vector<PluginInfo>& catalogue,
                             const std::string& contracts = {});

// conf against the DAG's params (JSON Schema draft 7 subset: type, enum, minimum, maximum,
// minLength, maxLength, items, required, properties, …; no patterns). Unknown keys pass; `start`
// and `end` must be ISO times when present, end after start. Returns conf with defaults filled in.
// Errc::malformed when conf is not JSON, Errc::invalid with `where` = "/name" otherwise.
Result<std::string> validate_conf(const Dag& dag, std::string_view conf_json);

}  // namespace batuta
