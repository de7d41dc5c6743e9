#include "scheduler/cli/row_printer.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/suggest.h"
#include "scheduler/cli/client.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

// Two columns of one name would be one member of a JSON object: the later ones get a number, as the
// engine names them in a table.
std::vector<std::string> distinct_names(const std::vector<std::string>& names) {
  std::set<std::string> taken(names.begin(), names.end()), used;
  std::vector<std::string> out;
  for (const std::string& name : names) {
    std::string chosen = name;
    for (int i = 1; !used.insert(chosen).second; ++i) {
      const std::string candidate = name + "_" + std::to_string(i);
      if (taken.insert(candidate).second) chosen = candidate;
    }
    out.push_back(std::move(chosen));
  }
  return out;
}

// Which of the names --columns asks for, by position; all of them without it.
std::vector<std::size_t> chosen_of(const Look& look, const std::vector<std::string>& names) {
  std::vector<std::size_t> chosen;
  for (const std::string& name : look.columns) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) {
      throw Failure("--columns: there is no \"" + name + "\"" + one_of(names), 2);
    }
    chosen.push_back(static_cast<std::size_t>(at - names.begin()));
  }
  for (std::size_t i = 0; look.columns.empty() && i < names.size(); ++i) chosen.push_back(i);
  return chosen;
}

}  // namespace

RowPrinter::RowPrinter(Session& session, const std::vector<std::string>& names)
    : look_(session.format()),
      names_(names),
      members_(distinct_names(names)),
      rows_(std::make_unique<json>(json::array())) {
  chosen_ = chosen_of(look_, members_);
}

RowPrinter::~RowPrinter() = default;

// Lists of names and values would be shorter; objects are what jq users expect.
void RowPrinter::row(const json& values) {
  ++count_;
  if (!look_.data()) {
    json object = json::object();
    for (const std::size_t i : chosen_) object[std::to_string(i)] = values.at(i);
    rows_->push_back(std::move(object));
    return;
  }
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const std::size_t i : chosen_) object[members_[i]] = values.at(i);
  const bool wide = look_.format == Format::json;
  std::string text = object.dump(wide ? 2 : -1, ' ', false, json::error_handler_t::replace);
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 3)
    text.insert(at + 1, "  ");
  print_item(look_.format, text, count_ == 1);
}

void RowPrinter::finish() {
  if (look_.data()) return end_items(look_.format, count_ == 0);
  std::vector<Column> shown;
  for (const std::size_t i : chosen_) shown.push_back({names_[i], std::to_string(i)});
  print_rows(look_.format, *rows_, shown);
}

void say_cut(Session& session, const char* what, std::size_t shown) {
  std::fprintf(session.output == "table" ? stdout : stderr,
               "(there are more %s than these %zu: raise --limit)\n", what, shown);
}

}  // namespace batuta::cli
