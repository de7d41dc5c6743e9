#include "plugins/models/column_scope.h"

#include <algorithm>

namespace batuta::models {
namespace {

constexpr std::size_t most_origins = 1000;  // of one column

// Whether the first `count` names are the end of the path.
bool ends_like(const std::vector<std::string>& path, const std::vector<std::string>& names,
               std::size_t count) {
  if (count > path.size()) return false;
  for (std::size_t i = 0; i < count; ++i)
    if (lowered_name(path[path.size() - count + i]) != lowered_name(names[i])) return false;
  return true;
}

}  // namespace

std::string lowered_name(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

void Traced::add(const Traced& other) {
  if (unknown.empty()) unknown = other.unknown;
  from.insert(other.from.begin(), other.from.end());
  if (from.size() > most_origins && unknown.empty())
    unknown = "it comes of more than " + std::to_string(most_origins) + " columns";
  if (!unknown.empty()) from.clear();
}

Traced not_traced(std::string why) {
  return {{}, std::move(why)};
}

const TracedColumn* Relation::column(const std::string& name) const {
  for (const TracedColumn& each : columns)
    if (lowered_name(each.name) == lowered_name(name)) return &each;
  return nullptr;
}

void Relation::rename(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size() && i < columns.size(); ++i) columns[i].name = names[i];
}

void Scope::add(std::vector<std::string> path, Relation relation) {
  if (open_.empty()) open_ = relation.open;
  star_.insert(star_.end(), relation.columns.begin(), relation.columns.end());
  named_.push_back({std::move(path), std::move(relation)});
}

void Scope::forget_since(const Mark& mark) {
  star_.resize(mark.star);
  named_.resize(mark.named);
  merged_ = mark.merged;
}

std::vector<std::string> Scope::common_names(std::size_t before, std::size_t middle) const {
  std::vector<std::string> names;
  for (std::size_t i = before; i < middle; ++i)
    for (std::size_t j = middle; j < star_.size(); ++j)
      if (lowered_name(star_[i].name) == lowered_name(star_[j].name))
        names.push_back(star_[i].name);
  return names;
}

void Scope::merge(const std::string& key, const std::string& how, std::size_t before,
                  std::size_t middle) {
  const std::string name = lowered_name(key);
  const auto column_in = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      if (lowered_name(star_[i].name) == name) return i;
    return end;
  };
  const std::size_t left = column_in(before, middle), right = column_in(middle, star_.size());
  if (left == middle || right == star_.size()) {
    merged_[name] = not_traced("USING (" + key + ") is not followed");
    if (open_.empty()) open_ = merged_[name].unknown;
    return;
  }
  const bool outer = how == "OUTER" || how == "FULL";
  Traced of = how == "RIGHT" ? star_[right].of : star_[left].of;
  if (outer) of.add(star_[right].of);
  star_[left].of = of;
  star_.erase(star_.begin() + static_cast<std::ptrdiff_t>(right));
  merged_[name] = std::move(of);
}

void Scope::add_alias(const std::string& name, const Traced& of) {
  if (!name.empty()) aliases_.emplace(lowered_name(name), of);
}

Relation Scope::star_of(const std::string& table) const {
  for (const Named& named : named_)
    if (lowered_name(named.path.back()) == lowered_name(table)) return named.relation;
  return {{}, table + ".* names nothing that is followed"};
}

Traced Scope::column(const std::vector<std::string>& names) const {
  if (names.empty()) return not_traced("a column without a name is not followed");
  std::string shown;
  for (const std::string& name : names) shown += (shown.empty() ? "" : ".") + name;
  const auto alias = aliases_.find(lowered_name(names.front()));
  for (const Scope* at = this; at != nullptr; at = at->outer_) {
    if (at->locals_.count(lowered_name(names.front())) != 0) return {};
    const auto found = at->here(names);
    if (!found) continue;
    if (at != this && alias != aliases_.end())
      return not_traced(shown + " is a name of the SELECT and a column of the query around it");
    return *found;
  }
  // One of the select list, where no table has such a column.
  return alias != aliases_.end() ? alias->second
                                 : not_traced("the column " + shown + " is not found");
}

std::optional<Traced> Scope::here(const std::vector<std::string>& names) const {
  // table.column, as long a path as is given; what stands behind is a field of a struct.
  for (std::size_t split = names.size() - 1; split > 0; --split)
    for (const Named& named : named_) {
      if (!ends_like(named.path, names, split)) continue;
      if (const TracedColumn* found = named.relation.column(names[split])) return found->of;
      if (!named.relation.open.empty()) return not_traced(named.relation.open);
    }
  const std::string name = lowered_name(names.front());
  if (const auto merged = merged_.find(name); merged != merged_.end()) return merged->second;
  for (const Named& named : named_)
    if (!named.relation.open.empty()) return not_traced(named.relation.open);
  const TracedColumn* found = nullptr;
  for (const Named& named : named_) {
    const TracedColumn* one = named.relation.column(name);
    if (one != nullptr && found != nullptr)
      return not_traced("the column " + names.front() + " is of two tables");
    if (one != nullptr) found = one;
  }
  if (found != nullptr) return found->of;
  // A table's name alone is all of its row.
  for (const Named& named : named_) {
    if (names.size() != 1 || lowered_name(named.path.back()) != name) continue;
    Traced row;
    for (const TracedColumn& each : named.relation.columns) row.add(each.of);
    return row;
  }
  return std::nullopt;
}

}  // namespace batuta::models
