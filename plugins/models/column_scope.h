// The names that a statement's parts see, and what each comes of: for column_lineage.cc.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace batuta::models {

// In lower case as the engine compares names: letters of ASCII alone.
std::string lowered_name(std::string text);

// What a column, or an expression, comes of.
struct Traced {
  std::set<std::pair<std::string, std::string>> from;  // table, column
  std::string unknown;                                 // why it cannot be told; empty: it can

  // Both; more than a thousand columns are not told.
  void add(const Traced& other);
};
Traced not_traced(std::string why);

struct TracedColumn {
  std::string name;
  Traced of;
};

// A query's result, or a table. `open`: why its columns cannot be listed; empty: these are all.
struct Relation {
  std::vector<TracedColumn> columns;
  std::string open;

  const TracedColumn* column(const std::string& name) const;
  // The first columns get these names, as AS t(a, b) gives them.
  void rename(const std::vector<std::string>& names);
};

// What FROM gives, and that of the queries around it.
class Scope {
 public:
  explicit Scope(const Scope* outer) : outer_(outer) {}

  // `path`: what a column's name may stand behind: a table's name, its schema and catalog before.
  void add(std::vector<std::string> path, Relation relation);
  // JOIN … USING: of the columns of `*` from `before` on those from `middle` on are the right side.
  // `how`: the join's type as the engine calls it.
  void merge(const std::string& key, const std::string& how, std::size_t before,
             std::size_t middle);
  // A side of which no column is seen behind the join.
  struct Mark {
    std::size_t star, named;
    std::map<std::string, Traced> merged;
  };
  Mark mark() const { return {star_.size(), named_.size(), merged_}; }
  void forget_since(const Mark& mark);
  // Names that both sides have.
  std::vector<std::string> common_names(std::size_t before, std::size_t middle) const;
  void add_alias(const std::string& name, const Traced& of);
  std::set<std::string>& locals() { return locals_; }  // parameters of lambdas, in lower case

  // `*`, and table.*; `open` where it cannot be listed.
  Relation star() const { return {star_, open_}; }
  Relation star_of(const std::string& table) const;
  // Of a name with what stands before it: table.column, a column, or its field of a struct.
  Traced column(const std::vector<std::string>& names) const;
  const std::string& open() const { return open_; }

 private:
  struct Named {
    std::vector<std::string> path;
    Relation relation;
  };
  std::optional<Traced> here(const std::vector<std::string>& names) const;

  std::vector<Named> named_;
  std::vector<TracedColumn> star_;
  std::map<std::string, Traced> merged_;   // columns that USING makes one of two
  std::map<std::string, Traced> aliases_;  // of the select list so far
  std::set<std::string> locals_;
  std::string open_;
  const Scope* outer_;
};

}  // namespace batuta::models
