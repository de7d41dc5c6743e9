// A table that the platform keeps of itself, mngt/platform/…: small, and committed by who writes it
// under Delta's conflict rules, as maintenance commits are.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/layer/table_shape.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

class OwnTable {
 public:
  // Opens it. `info_json`: an object that says who writes, for the table's history. `session` must
  // outlive this. Throws as DeltaTable::open().
  OwnTable(Session& session, const Lake& lake, TableShape shape, std::string info_json);

  const DeltaTable& table() const { return table_; }
  const TableShape& shape() const { return shape_; }
  // Reads the log again.
  void reopen();
  // Makes the temporary view over these of its files; without any it is empty.
  void view(const std::string& name, const std::vector<lakelog::AddFile>& files);
  // The live files whose partition is `value`; and the partitions that there are, ascending.
  std::vector<lakelog::AddFile> files_of(const std::string& value) const;
  std::vector<std::string> partitions() const;

  // Makes an empty temporary table with the table's columns.
  void make_rows(const std::string& name);
  // Puts one version: without `removes` the rows of the relation are appended, whatever others did
  // since; with them they take the place of these files, and nothing may have changed since the
  // table was read. False: something has; read it again. Throws plugin::RetryableError when the
  // disk refuses, plugin::FinalError when the table cannot be written.
  bool put(const std::string& relation, const std::vector<lakelog::AddFile>& removes, bool append);
  // Takes files away for good; false as put().
  bool drop(const std::vector<lakelog::AddFile>& files);

 private:
  bool commit(lakelog::Commit commit, bool append, const char* operation);

  Session& session_;
  const Lake lake_;
  const TableShape shape_;
  const std::string info_json_;
  DeltaTable table_;
};

}  // namespace batuta::lake
