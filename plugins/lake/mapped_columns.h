// How a column of a table comes out of its files: by its own name, or by the one that column
// mapping has for it, nested fields included.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lakelog/column_mapping.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

// What files call nested fields, by id; of one that they have not, a name that no field has.
using FieldNames = std::map<std::int64_t, std::string>;

struct FileColumn {
  std::string name;        // in the files
  std::string type;        // of the engine, with the files' names of nested fields
  std::string expression;  // of the column that people see, over r."name"
};

// Nested fields that `fields` does not tell of have the names of the mapping. Throws
// plugin::FinalError for a type that is unknown.
FileColumn file_column_of(const lakelog::Column& column, const lakelog::ColumnMapping& mapping,
                          const FieldNames& fields);

// Files that call nested fields alike.
struct FileGroup {
  FieldNames fields;  // empty: by the names of the mapping
  std::vector<lakelog::AddFile> files;
};

// One group of all files, but where nested columns are mapped by id: then the files' own schemas
// are read (their footers), for a file may call a field anything. Throws plugin::FinalError, naming
// table and version, where a file has a struct, but none of the fields that the table has in it.
std::vector<FileGroup> alike_files(Session& session, const DeltaTable& table,
                                   const std::vector<lakelog::Column>& columns,
                                   const lakelog::ColumnMapping& mapping,
                                   const std::vector<lakelog::AddFile>& files);

}  // namespace batuta::lake
