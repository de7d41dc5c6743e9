#include "contract/diff.h"

#include <algorithm>

#include "contract/types.h"

namespace batuta::contract {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

std::vector<Column> all_columns(const Table& table) {
  std::vector<Column> all = table.columns;
  all.insert(all.end(), table.computed.begin(), table.computed.end());
  return all;
}

class Differ {
 public:
  explicit Differ(std::vector<Change>& out) : out_(out) {}

  void table(const Table& before, const Table& after) {
    where_ = "table " + after.name;
    if (before.name != after.name)
      change(false, "was called " + before.name + ": a table of another name is a new one");
    if (before.keys() != after.keys())
      change(false, "the primary key becomes (" + joined(after.keys()) + ") from (" +
                        joined(before.keys()) +
                        "): rows that stand were made one by the old key; "
                        "give the table another name, or drop it and load it anew");
    if (before.partitions() != after.partitions())
      change(false, "the partitions become (" + joined(after.partitions()) + ") from (" +
                        joined(before.partitions()) +
                        "): files that stand lie in the old ones; "
                        "give the table another name, or drop it and load it anew");
    if (before.mode != after.mode)
      change(true, "the mode becomes " + std::string(to_string(after.mode)) + " from " +
                       std::string(to_string(before.mode)));
    if (before.mask_key != after.mask_key)
      change(false,
             "the key of pseudonyms is another: rows that stand no longer match those that "
             "come; remove silver, and the next run makes it anew from bronze");
    if (before.deletes != after.deletes)
      change(before.deletes != Deletes::mark,
             "rows that the source no longer has: " + std::string(to_string(after.deletes)) +
                 ", from " + std::string(to_string(before.deletes)) +
                 (before.deletes == Deletes::mark
                      ? "; the table has a column _deleted_at and cannot lose it: keep mark"
                      : ""));
    told(before.watermark, after.watermark, "the watermark");
    told(before.newest, after.newest, "what decides between rows of one key");
    if (before.overlap != after.overlap) change(true, "the overlap is another");
    if (before.starts_at_window != after.starts_at_window)
      change(true, "its first run begins elsewhere");
    if (before.history != after.history)
      change(true, after.history ? "history is kept from now on" : "history is no longer kept");
    if (!(before.source == after.source))
      change(true, "the source is another or is read otherwise");
    told(before.description, after.description, "the description");
    if (before.widen != after.widen)
      change(true, after.widen ? "wider types are taken on in place from now on"
                               : "no wider types are taken on in place any more");
    widen_ = after.widen;
    for (const Column& column : all_columns(after)) {
      const Column* old = before.column(column.name);
      where_ = "table " + after.name + ", column " + column.name;
      if (old == nullptr) {
        added(column);
      } else {
        this->column(*old, column);
      }
    }
    for (const Column& column : all_columns(before)) {
      if (after.column(column.name) != nullptr) continue;
      where_ = "table " + after.name + ", column " + column.name;
      change(false, "is gone: whoever reads the table may need it; keep it in the contract");
    }
    content(before, after);
    quality(before, after);
    retention(before, after);
  }

 private:
  void change(bool compatible, std::string message) {
    out_.push_back({where_, std::move(message), compatible});
  }
  void told(const std::string& before, const std::string& after, const std::string& what) {
    if (before == after) return;
    change(true, what + (after.empty() ? " is gone" : before.empty() ? " is new" : " is another"));
  }

  void added(const Column& column) {
    if (column.required || column.key_position > 0) {
      change(false,
             "is new and required, but the rows that stand have no value for it; let it be "
             "absent (required: false)");
    } else {
      change(true, "is new, " + column.type);
    }
  }

  void column(const Column& before, const Column& after) {
    if (before.type != after.type) type(before, after);
    if (before.mask != after.mask || before.mask_size != after.mask_size)
      change(false,
             "its mask is another, and rows that stand have the old one: remove silver and its "
             "history, and the next run makes them anew from bronze");
    if (before.read_mask != after.read_mask)
      change(true, after.read_mask.empty()
                       ? "is shown to every reader from now on"
                       : "is shown as \"" + after.read_mask +
                             "\" to readers without the right, in every version");
    if (before.required != after.required)
      change(!after.required, after.required
                                  ? "becomes required, but rows that stand may have no value for "
                                    "it; a quality rule (nullValues) judges new rows alone"
                                  : "may be absent from now on");
    if (before.value != after.value)
      change(true, before.value.empty() ? "is computed from now on"
                   : after.value.empty()
                       ? "comes from the source from now on"
                       : "is computed otherwise, of rows that come from now on; remove silver, "
                         "and the next run makes it anew from bronze");
    if (before.asked != after.asked || before.reasons != after.reasons)
      change(true, "what its rejected rows are told is another, from now on");
    if (before.unique != after.unique)
      change(true, after.unique ? "must be unique from now on" : "need not be unique any more");
    told(before.source_name, after.source_name, "its name at the source");
    told(before.format, after.format, "its format at the source");
    told(before.timezone, after.timezone, "its time zone at the source");
    told(before.description, after.description, "the description");
    told(before.classification, after.classification, "the classification");
    if (before.tags != after.tags) change(true, "its tags are others");
    if (before.minimum != after.minimum || before.maximum != after.maximum ||
        before.exclusive_minimum != after.exclusive_minimum ||
        before.exclusive_maximum != after.exclusive_maximum ||
        before.min_length != after.min_length || before.max_length != after.max_length ||
        before.pattern != after.pattern)
      change(true, "its limits are others: they judge rows from now on");
  }

  void type(const Column& before, const Column& after) {
    // A masked column is a text of its own, which another type may write otherwise.
    const bool wider = widens(before.type, after.type) && after.mask == Mask::none;
    std::string what = "the type becomes " + after.type + " from " + before.type + ", which ";
    if (!wider) {
      what +=
          "does not hold every value that stands; keep the type, or add a column of another name";
    } else if (widen_) {
      what +=
          "the table takes on in place: from then on it asks its readers for the Delta feature "
          "typeWidening";
    } else {
      what +=
          "a table that stands takes on in place with batuta.widen: true alone, for not every "
          "reader knows the Delta feature typeWidening; or remove silver, and the next run makes "
          "it anew from bronze";
    }
    change(wider && widen_, what);
  }

  // Without a key a row is told from others by a hash of its columns, as the source calls them and
  // in their order; of JSON by the whole record, whatever the contract names of it.
  void content(const Table& before, const Table& after) {
    const SourceKind kind = after.source.kind;
    if (!before.keys().empty() || !after.keys().empty() || kind == SourceKind::json ||
        kind == SourceKind::json_lines || kind == SourceKind::rest || kind == SourceKind::stream)
      return;
    const bool same = std::equal(
        before.columns.begin(), before.columns.end(), after.columns.begin(), after.columns.end(),
        [](const Column& a, const Column& b) { return a.source_name == b.source_name; });
    if (same) return;
    where_ = "table " + after.name;
    change(false,
           "it has no primary key, so that a row is known by all its columns, and these are "
           "others or in another order: each row would be there twice; give it a primary key and "
           "another name, or drop silver and bronze and load it anew");
  }

  void quality(const Table& before, const Table& after) {
    where_ = "table " + after.name + ", quality";
    if (before.row_rules != after.row_rules)
      change(true, "the rules of rows are others: they judge rows from now on");
    for (const QualityCheck& check : after.quality) {
      const auto old = named(before, check.name);
      if (old == nullptr) {
        change(true, check.name + " is new");
      } else if (!(*old == check)) {
        change(true, check.name + " is another");
      }
    }
    for (const QualityCheck& check : before.quality) {
      if (named(after, check.name) == nullptr) change(true, check.name + " is gone");
    }
  }
  void retention(const Table& before, const Table& after) {
    if (before.retention == after.retention) return;
    where_ = "table " + after.name;
    change(true, after.retention.layers.empty()
                     ? "its rows no longer go by their age"
                     : "other rows go by their age: the next maintenance removes them");
  }
  static const QualityCheck* named(const Table& table, const std::string& name) {
    const auto found = std::find_if(table.quality.begin(), table.quality.end(),
                                    [&](const QualityCheck& each) { return each.name == name; });
    return found == table.quality.end() ? nullptr : &*found;
  }

  std::vector<Change>& out_;
  std::string where_;
  bool widen_ = false;  // of the contract that comes
};

}  // namespace

std::vector<Change> diff(const Table& before, const Table& after) {
  std::vector<Change> out;
  Differ(out).table(before, after);
  return out;
}

std::vector<Change> diff(const Contract& before, const Contract& after) {
  std::vector<Change> out;
  const auto note = [&](bool compatible, std::string message) {
    out.push_back({"contract", std::move(message), compatible});
  };
  if (before.id != after.id) note(false, "the id is another: it is another contract");
  if (before.domain != after.domain)
    note(false, "the domain becomes " + after.domain + " from " + before.domain +
                    ": the tables would lie elsewhere; give it another id, and load it anew");
  if (before.status != after.status)
    note(true, "the status becomes " + after.status + " from " + before.status);
  if (before.owners != after.owners) note(true, "the owners become " + joined(after.owners));
  if (before.description != after.description) note(true, "the description is another");
  if (before.service_levels != after.service_levels) note(true, "the service levels are others");
  if (before.tags != after.tags) note(true, "the tags are others");
  for (const Table& table : after.tables) {
    const Table* old = before.table(table.name);
    // A contract of one table means that one, whatever it is called.
    if (old == nullptr && before.tables.size() == 1 && after.tables.size() == 1)
      old = &before.tables.front();
    if (old == nullptr || table.name.empty()) {
      out.push_back({"table " + table.name, "is new", true});
    } else {
      const auto found = diff(*old, table);
      out.insert(out.end(), found.begin(), found.end());
    }
  }
  for (const Table& table : before.tables) {
    const bool renamed = before.tables.size() == 1 && after.tables.size() == 1;
    if (!renamed && after.table(table.name) == nullptr)
      out.push_back({"table " + table.name,
                     "is gone: whoever reads it may need it; keep it in the contract", false});
  }
  if (!out.empty() && before.version == after.version)
    out.insert(out.begin(), {"contract",
                             "the version is still " + after.version +
                                 ", although what it says is not the same: raise it",
                             true});
  return out;
}

}  // namespace batuta::contract
