// How a column of a table comes out of its files: by its own name, or by the one that column
// mapping has for it, nested fields included.
#pragma once

#include <string>

#include "lakelog/column_mapping.h"

namespace batuta::lake {

struct FileColumn {
  std::string name;        // in the files
  std::string type;        // of the engine, with the files' names of nested fields
  std::string expression;  // of the column that people see, over r."name"
};

// Throws plugin::FinalError for a type that is unknown.
FileColumn file_column_of(const lakelog::Column& column, const lakelog::ColumnMapping& mapping);

}  // namespace batuta::lake
