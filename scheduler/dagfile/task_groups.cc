#include "scheduler/dagfile/task_groups.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "common/ids.h"
#include "common/suggest.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/mapping.h"
#include "scheduler/dagfile/people_fields.h"
#include "scheduler/dagfile/run_fields.h"
#include "scheduler/dagfile/template.h"

namespace batuta {
namespace {

using nlohmann::json;

std::vector<std::string> ids_of(const std::vector<GroupDraft>& groups) {
  std::vector<std::string> ids;
  ids.reserve(groups.size());
  for (const auto& draft : groups) ids.push_back(draft.group.id);
  return ids;
}

// Outer groups are found; false when they stand in each other, or too deep.
bool find_parents(std::vector<GroupDraft>& groups, Problems& problems) {
  for (auto& draft : groups) {
    if (draft.group.parent.empty()) continue;
    draft.parent = find_group(groups, draft.group.parent);
    if (draft.parent) continue;
    problems.add(draft.pointer + "/parent", "unknown task group \"" + draft.group.parent + "\"" +
                                                did_you_mean(draft.group.parent, ids_of(groups)));
    return false;
  }
  for (const auto& draft : groups) {
    std::size_t depth = 1;
    for (auto at = draft.parent; at; at = groups[*at].parent) {
      if (++depth <= max_group_depth) continue;
      problems.add(draft.pointer + "/parent", "task groups stand in each other at most " +
                                                  std::to_string(max_group_depth) +
                                                  " deep, and never in themselves");
      return false;
    }
  }
  return true;
}

void read_mapping_of(const json& written, GroupDraft& draft, Problems& problems) {
  if (!has_mapping(written)) return;
  json object = written;
  object.erase("type");  // a group has none, and says so itself
  Task mapped;
  read_mapping(object, draft.pointer, problems, mapped);
  draft.expand_json = std::move(mapped.expand_json);
  draft.map_index_template = std::move(mapped.map_index_template);
  draft.max_map_length = mapped.max_map_length;
}

void take_mapping(const GroupDraft& draft, Task& defaults, Problems& problems) {
  if (draft.expand_json.empty()) return;
  if (!defaults.mapped_group.empty()) {
    return problems.add(draft.pointer,
                        "a mapped group cannot stand in another one, and \"" +
                            defaults.mapped_group +
                            "\" is mapped: map that over the product of both, by more names in "
                            "its \"expand\"");
  }
  defaults.mapped_group = draft.group.id;
  defaults.expand_json = draft.expand_json;
  defaults.map_index_template = draft.map_index_template;
  defaults.max_map_length = draft.max_map_length;
}

// Outer groups' first, so that the inner ones' win.
void read_defaults(std::vector<GroupDraft>& groups, const std::vector<json>& written,
                   std::size_t at, const Task& of_dag, std::vector<bool>& done,
                   Problems& problems) {
  if (done[at]) return;
  done[at] = true;
  GroupDraft& draft = groups[at];
  if (draft.parent) read_defaults(groups, written, *draft.parent, of_dag, done, problems);
  draft.defaults = draft.parent ? groups[*draft.parent].defaults : of_dag;
  take_mapping(draft, draft.defaults, problems);
  if (written[at].is_null()) return;
  FieldReader fields(written[at], draft.pointer + "/default_args", problems);
  read_run_fields(fields, draft.defaults);
  read_attempt_bounds(fields, draft.defaults);
  fields.refuse_unknown("default_args");
}

}  // namespace

std::optional<std::size_t> find_group(const std::vector<GroupDraft>& groups, std::string_view id) {
  const auto at = std::lower_bound(
      groups.begin(), groups.end(), id,
      [](const GroupDraft& a, std::string_view wanted) { return a.group.id < wanted; });
  if (at == groups.end() || at->group.id != id) return std::nullopt;
  return static_cast<std::size_t>(at - groups.begin());
}

std::vector<GroupDraft> read_task_groups(FieldReader& dag, const Task& defaults,
                                         Problems& problems) {
  std::vector<GroupDraft> groups;
  const json* given = dag.object("task_groups");
  if (!given) return groups;
  if (given->size() > max_task_groups) {
    dag.problem("task_groups",
                "a DAG may have at most " + std::to_string(max_task_groups) + " task groups");
    return groups;
  }
  std::vector<json> defaults_written;
  for (const auto& [id, written] : given->items()) {  // ascending
    GroupDraft draft;
    draft.group.id = id;
    draft.pointer = dag.pointer_to("task_groups") + "/" + pointer_token(id);
    if (!valid_id(id)) problems.add(draft.pointer, "a group's id is " + std::string(id_rule));
    if (!written.is_object()) {
      problems.add(draft.pointer, "a task group is an object, {} at the least, not " +
                                      std::string(json_kind(written)));
      continue;
    }
    FieldReader fields(written, draft.pointer, problems);
    draft.group.parent = fields.id("parent").value_or("");
    draft.group.display_name = fields.text("display_name", 250).value_or("");
    draft.group.doc_md = read_doc(fields);
    read_mapping_of(written, draft, problems);
    for (const char* name : mapping_fields) fields.allow(name);
    draft.depends_on =
        fields.texts("depends_on", max_tasks_per_dag).value_or(std::vector<std::string>{});
    const json* args = fields.object("default_args");
    defaults_written.push_back(args ? *args : json());
    fields.refuse_unknown("a task group");
    groups.push_back(std::move(draft));
  }
  if (!find_parents(groups, problems)) {
    for (auto& draft : groups) draft.parent.reset();
    return groups;
  }
  std::vector<bool> done(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    read_defaults(groups, defaults_written, i, defaults, done, problems);
  }
  return groups;
}

namespace {

// A task, or a group behind all tasks.
using Node = std::size_t;

struct Edge {
  Node from = 0;
  Node to = 0;
  std::size_t depth = 0;  // of the innermost group that both stand in; 0: none
  std::string pointer;
};

class Connector {
 public:
  Connector(std::vector<TaskDraft>& drafts, const std::vector<GroupDraft>& groups,
            Problems& problems)
      : drafts_(drafts),
        groups_(groups),
        problems_(problems),
        members_(groups.size()),
        first_(groups.size()),
        last_(groups.size()),
        downstream_(drafts.size()) {
    for (TaskIndex i = 0; i < drafts.size(); ++i) name_task(i);
    names_.reserve(by_name_.size());
    for (const auto& entry : by_name_) names_.push_back(entry.first);
    std::sort(names_.begin(), names_.end());
  }

  void run() {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (!groups_[i].expand_json.empty() && members_[i].size() > max_mapped_group_tasks) {
        problems_.add(groups_[i].pointer,
                      "a mapped group has at most " + std::to_string(max_mapped_group_tasks) +
                          " tasks; this one has " + std::to_string(members_[i].size()));
      }
      if (members_[i].empty()) {
        problems_.add(groups_[i].pointer, "no task stands in the group \"" + groups_[i].group.id +
                                              "\": name it as a task's \"group\", or leave it out");
      }
    }
    std::vector<Edge> edges = read_edges();
    if (!problems_.none()) return;
    // What stands in a group is linked before the group itself is.
    std::stable_sort(edges.begin(), edges.end(),
                     [](const Edge& a, const Edge& b) { return a.depth > b.depth; });
    for (const Edge& edge : edges) {
      if (!link(edge)) return;
    }
    wait_for_the_rest();
    for (auto& draft : drafts_) finish(draft);
  }

 private:
  void name_task(TaskIndex i) {
    const auto& id = drafts_[i].task.id;
    if (id.empty()) return;
    const auto [first, added] = by_name_.emplace(id, i);
    if (!added) {
      problems_.add(drafts_[i].pointer + "/task_id",
                    "task_id \"" + id + "\" is already used by " + drafts_[first->second].pointer);
    }
    if (const auto group = find_group(groups_, id)) {
      problems_.add(drafts_[i].pointer + "/task_id", "\"" + id + "\" is a task group already");
    }
    for (auto at = find_group(groups_, drafts_[i].task.group); at; at = groups_[*at].parent) {
      members_[*at].push_back(i);
    }
  }

  std::optional<std::size_t> container(Node node) const {
    return node < drafts_.size() ? find_group(groups_, drafts_[node].task.group)
                                 : groups_[node - drafts_.size()].parent;
  }

  // The groups that a node stands in, outermost first; a group stands in itself.
  std::vector<std::size_t> path(Node node) const {
    std::vector<std::size_t> out;
    if (node >= drafts_.size()) out.push_back(node - drafts_.size());
    for (auto at = container(node); at; at = groups_[*at].parent) out.push_back(*at);
    std::reverse(out.begin(), out.end());
    return out;
  }

  void add_edge(std::vector<Edge>& edges, const std::string& name, Node to, std::string pointer) {
    Node from = 0;
    if (const auto task = by_name_.find(name); task != by_name_.end()) {
      from = task->second;
    } else if (const auto group = find_group(groups_, name)) {
      from = drafts_.size() + *group;
    } else {
      std::vector<std::string> known = names_;
      for (auto& id : ids_of(groups_)) known.push_back(std::move(id));
      return problems_.add(std::move(pointer), "unknown task \"" + name.substr(0, 80) + "\"" +
                                                   did_you_mean(name, known));
    }
    const auto a = path(from), b = path(to);
    std::size_t depth = 0;
    while (depth < a.size() && depth < b.size() && a[depth] == b[depth]) ++depth;
    const bool within = (from >= drafts_.size() && depth == a.size()) ||
                        (to >= drafts_.size() && depth == b.size());
    if (within) {
      return problems_.add(std::move(pointer),
                           "a task group neither waits for what stands in it nor is waited for "
                           "there: name a task, not \"" +
                               name.substr(0, 80) + "\"");
    }
    if (from < drafts_.size() && drafts_[from].task.is_on_exit &&
        (to >= drafts_.size() || !drafts_[to].task.is_on_exit)) {
      return problems_.add(std::move(pointer),
                           "\"" + name +
                               "\" runs when all the rest has ended (\"on_exit\"): only "
                               "tasks of \"on_exit\" may depend on it");
    }
    edges.push_back({from, to, depth, std::move(pointer)});
  }

  std::vector<Edge> read_edges() {
    std::vector<Edge> edges;
    for (TaskIndex i = 0; i < drafts_.size() && !problems_.full(); ++i) {
      const TaskDraft& draft = drafts_[i];
      for (std::size_t n = 0; n < draft.depends_on.size() && !problems_.full(); ++n) {
        add_edge(edges, draft.depends_on[n], i, draft.pointer + "/depends_on/" + std::to_string(n));
      }
      for (std::size_t n = 0; n < draft.setups.size(); ++n) {
        const std::string pointer = draft.pointer + "/teardown/" + std::to_string(n);
        const auto setup = by_name_.find(draft.setups[n]);
        if (setup != by_name_.end() && !drafts_[setup->second].task.is_setup) {
          problems_.add(pointer,
                        "\"" + draft.setups[n] + "\" is no setup: give it \"setup\": true");
        }
        add_edge(edges, draft.setups[n], i, pointer);
      }
      // What a task is mapped over is there once its upstreams have ended: who makes it is one.
      for (const auto& source : xcom_sources(draft.task.expand_json)) {
        if (!draft.task.mapped_group.empty()) break;  // its group waits for them
        const auto found = by_name_.find(source);
        if (found == by_name_.end()) continue;  // told with the templates
        edges.push_back({found->second, i, 0, draft.pointer});
        edges.back().depth = common_depth(found->second, i);
      }
    }
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      for (std::size_t n = 0; n < groups_[g].depends_on.size() && !problems_.full(); ++n) {
        add_edge(edges, groups_[g].depends_on[n], drafts_.size() + g,
                 groups_[g].pointer + "/depends_on/" + std::to_string(n));
      }
      for (const auto& source : xcom_sources(groups_[g].expand_json)) {
        if (!by_name_.contains(source)) continue;  // told with the templates
        add_edge(edges, source, drafts_.size() + g, groups_[g].pointer);
      }
    }
    return edges;
  }

  std::size_t common_depth(Node one, Node other) const {
    const auto a = path(one), b = path(other);
    std::size_t depth = 0;
    while (depth < a.size() && depth < b.size() && a[depth] == b[depth]) ++depth;
    return depth;
  }

  bool stands_in(TaskIndex task, std::size_t group) const {
    return std::binary_search(members_[group].begin(), members_[group].end(), task);
  }

  // As Airflow's get_roots and get_leaves: where a teardown ends a group, the group is over when
  // what it takes away is.
  const std::vector<TaskIndex>& first_tasks(std::size_t group) {
    auto& kept = first_[group];
    if (!kept.empty()) return kept;
    for (const TaskIndex i : members_[group]) {
      const auto& up = drafts_[i].task.upstream;
      const bool later =
          std::any_of(up.begin(), up.end(), [&](TaskIndex t) { return stands_in(t, group); });
      if (!later) kept.push_back(i);
    }
    return kept;
  }

  const std::vector<TaskIndex>& last_tasks(std::size_t group) {
    auto& kept = last_[group];
    if (!kept.empty()) return kept;
    const auto collect = [&](bool teardowns) {
      for (const TaskIndex i : members_[group]) {
        if (drafts_[i].task.is_teardown && !teardowns) continue;
        const bool followed =
            std::any_of(downstream_[i].begin(), downstream_[i].end(), [&](TaskIndex t) {
              return stands_in(t, group) && (teardowns || !drafts_[t].task.is_teardown);
            });
        if (!followed) kept.push_back(i);
      }
    };
    collect(false);
    if (kept.empty()) collect(true);
    return kept;
  }

  bool link(const Edge& edge) {
    const std::size_t count = drafts_.size();
    const std::vector<TaskIndex> from = edge.from < count
                                            ? std::vector{static_cast<TaskIndex>(edge.from)}
                                            : last_tasks(edge.from - count);
    const std::vector<TaskIndex> to = edge.to < count ? std::vector{static_cast<TaskIndex>(edge.to)}
                                                      : first_tasks(edge.to - count);
    edges_made_ += from.size() * to.size();
    if (edges_made_ > max_edges_per_dag) {
      problems_.add(edge.pointer, "the DAG has more than " + std::to_string(max_edges_per_dag) +
                                      " edges by this one: put an empty task between its groups");
      return false;
    }
    for (const TaskIndex up : from) {
      for (const TaskIndex down : to) {
        drafts_[down].task.upstream.push_back(up);
        downstream_[up].push_back(down);
      }
    }
    return true;
  }

  void wait_for_the_rest() {
    std::vector<TaskIndex> open;
    for (TaskIndex i = 0; i < drafts_.size(); ++i) {
      const bool followed =
          std::any_of(downstream_[i].begin(), downstream_[i].end(),
                      [&](TaskIndex down) { return !drafts_[down].task.is_on_exit; });
      if (!drafts_[i].task.is_on_exit && !followed) open.push_back(i);
    }
    for (auto& draft : drafts_) {
      auto& upstream = draft.task.upstream;
      if (draft.task.is_on_exit) upstream.insert(upstream.end(), open.begin(), open.end());
    }
  }

  void finish(TaskDraft& draft) {
    auto& upstream = draft.task.upstream;
    std::sort(upstream.begin(), upstream.end());
    upstream.erase(std::unique(upstream.begin(), upstream.end()), upstream.end());
    if (draft.edge_labels.empty()) return;
    std::map<std::string, std::string> labels;
    for (const auto& [name, label] : draft.edge_labels) {
      const auto group = find_group(groups_, name);
      const auto& named = draft.depends_on;
      if (!group || std::find(named.begin(), named.end(), name) == named.end()) {
        labels.emplace(name, label);
        continue;
      }
      for (const TaskIndex i : last_tasks(*group)) labels.emplace(drafts_[i].task.id, label);
    }
    std::vector<std::string> above;
    for (const TaskIndex i : upstream) above.push_back(drafts_[i].task.id);
    label_edges(labels, above, draft.pointer, problems_, draft.task);
  }

  std::vector<TaskDraft>& drafts_;
  const std::vector<GroupDraft>& groups_;
  Problems& problems_;
  std::unordered_map<std::string, TaskIndex> by_name_;
  std::vector<std::string> names_;
  std::vector<std::vector<TaskIndex>> members_;  // by group, at any depth, ascending
  std::vector<std::vector<TaskIndex>> first_, last_;
  std::vector<std::vector<TaskIndex>> downstream_;
  std::size_t edges_made_ = 0;
};

}  // namespace

void connect_tasks(std::vector<TaskDraft>& drafts, const std::vector<GroupDraft>& groups,
                   Problems& problems) {
  Connector(drafts, groups, problems).run();
}

}  // namespace batuta
