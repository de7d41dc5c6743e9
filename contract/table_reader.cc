#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/suggest.h"
#include "contract/reader.h"
#include "contract/types.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

// The lake's own columns, beside those that begin with '_'.
constexpr std::string_view reserved[] = {"execution_id", "ingest_date", "reason",
                                         "run_id",       "valid_from",  "valid_to",
                                         "is_current",   "asked_for",   "copies"};

std::string lower_ascii(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

bool fit_for_a_column(const std::string& name) {
  return !name.empty() && name.size() <= 128 && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 ||
           std::string_view(" ,;{}()=\"'`.\\/").find(c) != std::string_view::npos;
  });
}

class TableReader {
 public:
  TableReader(const Value& contract, std::size_t index, Notes& notes)
      : contract_(contract),
        object_(contract["schema"][index]),
        at_("/schema/" + std::to_string(index)),
        notes_(notes) {}

  Table run() {
    table_.name = text_at(object_, "name");
    table_.description = text_at(object_, "description");
    table_.tags = texts_at(object_, "tags");
    if (!fit_for_a_folder(table_.name))
      notes_.problem(at_ + "/name",
                     "a table's name is 1 to 100 letters, digits, '_' or '-', and begins with a "
                     "letter; physicalName holds the source's");
    const CustomProperties own(object_, at_, {"table"}, notes_);
    if (const auto list = object_.find("properties"); list != object_.end()) columns(*list);
    positions("primaryKey", &Column::key_position);
    positions("partitioned", &Column::partition_position);
    properties(own);
    quality();
    table_.source =
        read_source(contract_, own.text("batuta.server").value_or(""), own.pointer("batuta.server"),
                    table_, text_at(object_, "physicalName"), notes_);
    stream_mode(own.pointer("batuta.mode"));
    computed();
    table_.retention = read_retention(contract_, own, table_, notes_);
    const SourceKind kind = table_.source.kind;
    if (table_.mode == Mode::incremental && table_.deletes != Deletes::keep &&
        kind != SourceKind::none && kind != SourceKind::sqlite && kind != SourceKind::postgres)
      notes_.problem(own.pointer("batuta.deletes"),
                     "the keys that are there can be read beside the increment of a database only; "
                     "of other sources batuta.mode is snapshot");
    return std::move(table_);
  }

  static bool fit_for_a_folder(const std::string& name) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return !name.empty() && name.size() <= 100 && letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) {
             return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
           });
  }

 private:
  std::string at_column(std::size_t index) const {
    return at_ + "/properties/" + std::to_string(index);
  }

  void columns(const Value& list) {
    if (list.size() > max_columns)
      return notes_.problem(at_ + "/properties",
                            "more than " + std::to_string(max_columns) + " columns");
    std::map<std::string, std::size_t> seen;
    for (std::size_t i = 0; i < list.size(); ++i) {
      Column column = read_column(list[i], at_column(i));
      const auto [first, fresh] = seen.emplace(lower_ascii(column.name), i);
      if (!fresh)
        notes_.problem(at_column(i) + "/name", "the column \"" + column.name.substr(0, 80) +
                                                   "\" is there already, upper and lower case "
                                                   "being the same");
      table_.columns.push_back(std::move(column));
    }
  }

  void check_name(const Column& column, const std::string& at) {
    if (!fit_for_a_column(column.name)) {
      notes_.problem(at + "/name",
                     "a column's name is 1 to 128 characters without blanks, quotes, dots, slashes "
                     "or any of ,;{}()=; physicalName holds the source's");
    } else if (column.name.front() == '_' ||
               std::find(std::begin(reserved), std::end(reserved), lower_ascii(column.name)) !=
                   std::end(reserved)) {
      notes_.problem(at + "/name", "\"" + column.name +
                                       "\" is a name of the lake's own columns: take another, and "
                                       "keep this one as physicalName");
    }
  }

  Column read_column(const Value& item, const std::string& at) {
    Column column;
    column.name = text_at(item, "name");
    check_name(column, at);
    column.source_name = text_at(item, "physicalName");
    if (column.source_name.empty()) column.source_name = column.name;
    column.logical_type = text_at(item, "logicalType");
    column.physical_type = text_at(item, "physicalType");
    column.required = item.value("required", false);
    column.unique = item.value("unique", false);
    column.description = text_at(item, "description");
    column.business_name = text_at(item, "businessName");
    column.classification = text_at(item, "classification");
    column.tags = texts_at(item, "tags");
    read_options(item, at, column);
    const CustomProperties own(item, at, {"column"}, notes_);
    read_masks(own, column, notes_);
    read_judgement(own, column);
    if (item.contains("encryptedName"))
      notes_.warning(at + "/encryptedName", "is kept, but nothing is encrypted here");
    return column;
  }

  void read_judgement(const CustomProperties& own, Column& column) {
    column.reasons =
        own.names("batuta.reasons", {"missing", "bad", "below_minimum", "above_maximum",
                                     "too_short", "too_long", "mismatch", "not_asked"});
    column.asked = own.text("batuta.asked").value_or("");
    if (!column.asked.empty()) {
      asked_at_ = own.pointer("batuta.asked");
      if (asked_++ > 0) notes_.problem(asked_at_, "one column has batuta.asked, not several");
      if (column.type != "string")
        notes_.problem(asked_at_, "what was asked for are texts: the column must be a string");
    }
    const auto value = own.text("batuta.value");
    if (!value) return;
    column.value = *value;
    const std::string at = own.pointer("batuta.value");
    if (value->find_first_not_of(" \t\r\n") == value->npos)
      notes_.problem(at, "batuta.value must be SQL over the table's columns");
    if (column.mask != Mask::none || !column.asked.empty() || column.source_name != column.name)
      notes_.problem(at,
                     "a computed column is not at the source: it has no physicalName, batuta.mask "
                     "or batuta.asked");
  }

  // Apart from the columns that a source has.
  void computed() {
    for (const Column& column : table_.columns) {
      if (column.value.empty()) continue;
      table_.computed.push_back(column);
      for (const auto& [name, used] : {std::pair("batuta.watermark", table_.watermark),
                                       std::pair("batuta.newest", table_.newest)})
        if (used == column.name)
          notes_.problem(at_, std::string(name) + " cannot be the computed column " + used);
      if (column.key_position > 0)
        notes_.problem(at_, "the primaryKey cannot have the computed column " + column.name +
                                ": make it one of the columns that it is made of");
    }
    std::erase_if(table_.columns, [](const Column& column) { return !column.value.empty(); });
    if (asked_ > 0 && table_.source.kind != SourceKind::rest &&
        table_.source.kind != SourceKind::none)
      notes_.problem(asked_at_, "batuta.asked belongs to a table of an api server");
  }

  void read_options(const Value& item, const std::string& at, Column& column) {
    static const Value none = Value::object();
    const auto given = item.find("logicalTypeOptions");
    const Value& options = given != item.end() && given->is_object() ? *given : none;
    const std::string format = text_at(options, "format");
    const auto type = lake_type(column.logical_type, column.physical_type, format);
    if (type) {
      column.type = *type;
    } else {
      notes_.problem(at + (item.contains("physicalType") ? "/physicalType" : ""),
                     "the column \"" + column.name.substr(0, 80) + "\": " + type.error().message);
    }
    const bool instant = column.type == "date" || column.type == "timestamp";
    if (instant && !format.empty()) {
      const auto readable = strptime_format(format);
      if (readable) {
        column.format = *readable;
      } else {
        notes_.problem(at + "/logicalTypeOptions/format", readable.error().message);
      }
    }
    column.timezone = text_at(options, "defaultTimezone");
    const auto limit = [&](const char* name, std::optional<std::string>& out) {
      if (const auto found = options.find(name); found != options.end()) out = written(*found);
    };
    limit("minimum", column.minimum);
    limit("maximum", column.maximum);
    limit("exclusiveMinimum", column.exclusive_minimum);
    limit("exclusiveMaximum", column.exclusive_maximum);
    const auto length = [&](const char* name, std::optional<std::int64_t>& out) {
      const auto found = options.find(name);
      if (found != options.end() && found->is_number_integer())
        out = found->get_ref<const Value::number_integer_t&>();
    };
    length("minLength", column.min_length);
    length("maxLength", column.max_length);
    column.pattern = text_at(options, "pattern");
  }

  // Positions as they are written; columns without one follow in the contract's order.
  void positions(const char* flag, int Column::*position) {
    const std::string field =
        flag == std::string_view("primaryKey") ? "primaryKeyPosition" : "partitionKeyPosition";
    std::vector<std::pair<std::int64_t, std::size_t>> order;
    std::set<std::int64_t> taken;
    for (std::size_t i = 0; i < table_.columns.size(); ++i) {
      const Value& item = object_["properties"][i];
      if (!item.value(flag, false)) continue;
      const auto given = item.find(field);
      std::int64_t at = given != item.end() && given->is_number_integer()
                            ? given->get_ref<const Value::number_integer_t&>()
                            : -1;
      if (at > 0 && !taken.insert(at).second)
        notes_.problem(at_column(i) + "/" + field, "another column has this position already");
      order.emplace_back(at > 0 ? at : INT64_MAX, i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    int next = 0;
    for (const auto& [at, index] : order) table_.columns[index].*position = ++next;
  }

  bool known_column(const CustomProperties& own, const char* property, const std::string& name) {
    if (table_.column(name) != nullptr) return true;
    std::vector<std::string> names;
    for (const Column& column : table_.columns) names.push_back(column.name);
    notes_.problem(own.pointer(property),
                   "there is no column \"" + name.substr(0, 80) + "\"" + did_you_mean(name, names));
    return false;
  }

  void properties(const CustomProperties& own) {
    if (const auto mode = own.text("batuta.mode")) {
      mode_given_ = true;
      if (*mode == "incremental") {
        table_.mode = Mode::incremental;
      } else if (*mode == "snapshot") {
        table_.mode = Mode::snapshot;
        table_.deletes = Deletes::remove;
      } else if (*mode == "stream") {
        table_.mode = Mode::stream;
      } else if (*mode != "full") {
        notes_.problem(own.pointer("batuta.mode"),
                       "batuta.mode is \"full\" (every run reads all that is there), \"snapshot\" "
                       "(and what is no longer there is gone), \"incremental\" (what is new by "
                       "the column batuta.watermark) or \"stream\" (what a topic has since the "
                       "last run)");
      }
    }
    if (const auto name = own.text("batuta.watermark");
        name && known_column(own, "batuta.watermark", *name)) {
      table_.watermark = *name;
      const std::string& type = table_.column(*name)->type;
      if (type != "timestamp" && type != "date")
        notes_.problem(own.pointer("batuta.watermark"),
                       "a watermark must be a timestamp or a date, not " + type);
    }
    if (const auto text = own.text("batuta.overlap")) {
      const auto span = parse_duration(*text);
      if (span && *span >= Duration::zero()) {
        table_.overlap = *span;
      } else {
        notes_.problem(own.pointer("batuta.overlap"),
                       "batuta.overlap must be a time such as \"15m\" or \"1d\"");
      }
    }
    if (const auto start = own.text("batuta.start")) {
      table_.starts_at_window = *start == "window";
      if (!table_.starts_at_window && *start != "earliest")
        notes_.problem(own.pointer("batuta.start"),
                       "batuta.start of a table is \"earliest\" (its first run reads all that "
                       "there is) or \"window\" (that of the run)");
      if (table_.mode != Mode::incremental)
        notes_.problem(own.pointer("batuta.start"),
                       "batuta.start belongs to batuta.mode incremental");
    }
    if (const auto name = own.text("batuta.newest");
        name && known_column(own, "batuta.newest", *name))
      table_.newest = *name;
    table_.history = own.boolean("batuta.history").value_or(false);
    if (table_.history) history(own.pointer("batuta.history"));
    table_.widen = own.boolean("batuta.widen").value_or(false);
    if (table_.mode == Mode::incremental && table_.watermark.empty())
      notes_.problem(own.pointer("batuta.mode"),
                     "incremental needs batuta.watermark: the column by which new rows are found");
    deletes(own);
    masks(own);
    if (table_.overlap > Duration::zero() && table_.mode != Mode::incremental)
      notes_.problem(own.pointer("batuta.overlap"),
                     "batuta.overlap belongs to batuta.mode incremental");
  }

  // Rows are told apart, put in order and put into partitions by what silver holds.
  void masks(const CustomProperties& own) {
    table_.mask_key = own.text("batuta.maskKey").value_or("");
    bool any = false, keyed = false;
    for (std::size_t i = 0; i < table_.columns.size(); ++i) {
      const Column& column = table_.columns[i];
      if (!column.read_mask.empty() && column.partition_position > 0)
        notes_.problem(at_column(i), "the column \"" + column.name.substr(0, 80) +
                                         "\" is a partition, whose values name the files: it "
                                         "cannot be masked");
      if (column.mask == Mask::none) continue;
      any = true;
      keyed = keyed || column.mask == Mask::pseudonym;
      const auto wrong = [&](const std::string& why) {
        notes_.problem(at_column(i), "the column \"" + column.name.substr(0, 80) + "\" " + why);
      };
      if (column.key_position > 0 && column.mask != Mask::pseudonym)
        wrong("is of the primaryKey: of its masks only pseudonym keeps rows apart");
      if (column.partition_position > 0) wrong("is a partition, which cannot be masked");
      if (column.name == table_.watermark || column.name == table_.newest)
        wrong("puts rows in order (batuta.watermark, batuta.newest), and cannot be masked");
    }
    if (any && table_.keys().empty())
      notes_.problem(at_,
                     "masked columns need a primaryKey: without one a row is known by a hash of "
                     "all that it says, from which it can be guessed");
    if (keyed && table_.mask_key.empty())
      notes_.problem(at_,
                     "pseudonyms need batuta.maskKey: the id of the connection whose password is "
                     "their key");
    if (!keyed && !table_.mask_key.empty())
      notes_.problem(own.pointer("batuta.maskKey"), "no column has batuta.mask pseudonym");
  }

  void deletes(const CustomProperties& own) {
    if (const auto what = own.text("batuta.deletes")) {
      if (*what == "remove") {
        table_.deletes = Deletes::remove;
      } else if (*what == "mark") {
        table_.deletes = Deletes::mark;
      } else {
        notes_.problem(own.pointer("batuta.deletes"),
                       "batuta.deletes is \"remove\" (rows that the source no longer has go) or "
                       "\"mark\" (they get their time in _deleted_at)");
      }
      if (table_.mode == Mode::full || table_.mode == Mode::stream)
        notes_.problem(own.pointer("batuta.deletes"),
                       "batuta.deletes belongs to batuta.mode snapshot, or to incremental of a "
                       "database, whose keys are then read beside the increment");
    }
    if (const auto most = own.integer("batuta.mostDeletes", 0, 100)) {
      table_.most_deletes = *most;
      if (table_.deletes == Deletes::keep)
        notes_.problem(own.pointer("batuta.mostDeletes"),
                       "batuta.mostDeletes belongs to batuta.deletes or to batuta.mode snapshot");
    }
    if (table_.deletes != Deletes::keep && table_.keys().empty())
      notes_.problem(at_, "rows that are gone are found by their primaryKey: the table has none");
  }

  // A topic has no other mode, so that it need not be said.
  void stream_mode(const std::string& at) {
    const bool topic = table_.source.kind == SourceKind::stream;
    if (topic && !mode_given_) table_.mode = Mode::stream;
    if (topic == (table_.mode == Mode::stream) || table_.source.kind == SourceKind::none) return;
    notes_.problem(at, topic ? "a topic is read in batuta.mode stream, the default for it"
                             : "batuta.mode stream needs a server of type kafka, or custom with "
                               "format: stream");
  }

  void history(const std::string& at) {
    if (table_.keys().empty())
      notes_.problem(at, "a history needs a primaryKey: what makes two rows states of one thing");
    for (const Column& column : table_.columns) {
      if (lower_ascii(column.name) == "change_hash")
        notes_.problem(at,
                       "a history has a column change_hash of its own: give that of the table "
                       "another name, and keep this one as physicalName");
    }
  }

  void quality() {
    const std::string domain = text_at(contract_, "domain");
    const auto read = [&](const Value& item, const std::string& at, const Column* column) {
      if (const auto list = item.find("quality"); list != item.end())
        read_quality(*list, at + "/quality", column, domain, table_, notes_);
      if (const auto list = item.find("relationships"); list != item.end())
        read_relationships(*list, at + "/relationships", column, domain, table_, notes_);
    };
    for (std::size_t i = 0; i < table_.columns.size(); ++i) {
      const Column column = table_.columns[i];
      read(object_["properties"][i], at_column(i), &column);
    }
    read(object_, at_, nullptr);
  }

  const Value& contract_;
  const Value& object_;
  const std::string at_;
  Notes& notes_;
  bool mode_given_ = false;
  int asked_ = 0;  // columns with batuta.asked
  std::string asked_at_;
  Table table_;
};

std::vector<std::string> by_position(const std::vector<Column>& columns, int Column::*position) {
  std::map<int, std::string> found;
  for (const Column& column : columns) {
    if (column.*position > 0) found.emplace(column.*position, column.name);
  }
  std::vector<std::string> names;
  for (auto& [at, name] : found) names.push_back(std::move(name));
  return names;
}

}  // namespace

Table read_table(const Value& contract, std::size_t index, Notes& notes) {
  return TableReader(contract, index, notes).run();
}

bool fit_for_a_folder(const std::string& name) {
  return TableReader::fit_for_a_folder(name);
}

const Column* Table::column(std::string_view wanted) const {
  for (const auto* list : {&columns, &computed}) {
    for (const Column& each : *list) {
      if (each.name == wanted) return &each;
    }
  }
  return nullptr;
}

std::vector<std::string> Table::keys() const {
  return by_position(columns, &Column::key_position);
}

std::vector<std::string> Table::partitions() const {
  std::vector<Column> all = columns;
  all.insert(all.end(), computed.begin(), computed.end());
  return by_position(all, &Column::partition_position);
}

}  // namespace batuta::contract
