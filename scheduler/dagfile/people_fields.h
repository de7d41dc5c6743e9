// What a DAG file says to people: Markdown, names, labels of edges.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// "doc_md", of a task or of a DAG.
std::string read_doc(FieldReader& fields);
// "edge_labels": what the edge from an upstream is called, by its id.
std::map<std::string, std::string> read_edge_labels(FieldReader& fields);
// Puts them beside the task's upstreams, which are known by now. Ids of no upstream are problems.
void label_edges(const std::map<std::string, std::string>& labels,
                 const std::vector<std::string>& upstream_ids, const std::string& pointer,
                 Problems& problems, Task& task);

}  // namespace batuta
