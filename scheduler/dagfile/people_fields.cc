#include "scheduler/dagfile/people_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/suggest.h"
#include "scheduler/dagfile/json_position.h"

namespace batuta {

using nlohmann::json;

std::string read_doc(FieldReader& fields) {
  return fields.text("doc_md", 64 << 10).value_or("");
}

std::map<std::string, std::string> read_edge_labels(FieldReader& fields) {
  std::map<std::string, std::string> out;
  const json* labels = fields.object("edge_labels");
  if (!labels) return out;
  for (const auto& [id, label] : labels->items()) {
    if (label.is_string() && label.get_ref<const std::string&>().size() <= 100) {
      out.emplace(id, label.get<std::string>());
    } else {
      fields.problem("edge_labels", "a label is a text of at most 100 bytes");
    }
  }
  return out;
}

void label_edges(const std::map<std::string, std::string>& labels,
                 const std::vector<std::string>& upstream_ids, const std::string& pointer,
                 Problems& problems, Task& task) {
  if (labels.empty()) return;
  task.labels.resize(upstream_ids.size());
  for (const auto& [id, label] : labels) {
    const auto found = std::find(upstream_ids.begin(), upstream_ids.end(), id);
    if (found != upstream_ids.end()) {
      task.labels[static_cast<std::size_t>(found - upstream_ids.begin())] = label;
      continue;
    }
    problems.add(pointer + "/edge_labels/" + pointer_token(id), "the task does not depend on \"" +
                                                                    id.substr(0, 80) + "\"" +
                                                                    did_you_mean(id, upstream_ids));
  }
}

}  // namespace batuta
