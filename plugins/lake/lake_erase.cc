// lake_erase: takes a person out of the lake, from raw to gold (docs/lake.md). A plan unless
// `apply`. Every step stands by itself and is found done by the next call, so that a call that was
// killed anywhere is simply made again, under the same operation.
//
// The return value: {"operation","subject","applied","complete","done_before","rows","old_files",
//   "raw_records","tables":[{"table","rows","versions","version","old_files","columns"}],
//   "raw":[{"file","records"}],"not_reached":[{"what","why","undone"}],"without_column":[…]}; lists
//   that
// would be too long end with how many more there are, and are whole in the record
// `_erasures/<operation>.json` of what was applied. `complete` false: what is `undone` is still to
// be
//   done, and the operation has not ended.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "common/time.h"
#include "lakelog/branch.h"
#include "lakelog/path.h"
#include "lakelog/table.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/erase.h"
#include "plugins/lake/erase_raw_files.h"
#include "plugins/lake/erase_report.h"
#include "plugins/lake/erase_spellings.h"
#include "plugins/lake/must.h"
#include "plugins/lake/sql_error.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::size_t most_listed = 200;
constexpr std::size_t most_keys = 20, most_values = 100, most_value_bytes = 4096;

std::string lower_text(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string now_text() {
  return to_iso(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()));
}

std::string layer_of(const std::string& table) {
  return table.substr(0, table.find('/'));
}

// "shop/orders" of "silver/shop/orders_hist", by which contracts are named.
std::string described_name(const std::string& table) {
  const auto slash = table.find('/');
  std::string name = slash == table.npos ? table : table.substr(slash + 1);
  for (const char* suffix : {"_hist", "_keys"})
    if (name.ends_with(suffix)) return name.substr(0, name.size() - 5);
  return name;
}

// Upstream first: what is not there any more is not taken in again.
int place_of(const std::string& layer) {
  static constexpr const char* const order[] = {"raw",        "bronze", "dlq",
                                                "quarantine", "silver", "gold"};
  const auto* found = std::find(std::begin(order), std::end(order), layer);
  return static_cast<int>(found - std::begin(order));
}

// What contracts say of a column: {"source","type","mask"}.
struct ColumnFacts {
  std::string source, type, mask;
};

class Eraser {
 public:
  explicit Eraser(plugin::Context& context)
      : context_(context),
        session_(session_options(context)),
        lake_(lake_folder(context)),
        storage_(must(lake_.storage())),
        apply_(context.boolean("apply", false)),
        operation_(context.text("operation")),
        subject_(context.text("subject")),
        domain_(context.text("domain", "")),
        table_(context.text("table", "")),
        who_(context.text("who", "")),
        means_(context.text("means", "")) {
    check_operation();
    read_keys();
    read_facts();
    csv_ = csv_forms(context.json("csv"));
  }

  json run() {
    EraseRecord record(storage_, operation_, json_text(asked()));
    if (apply_ && !record.report_json().empty()) {
      json report = *parse_untrusted(record.report_json());
      report["done_before"] = true;
      // With other keys of pseudonyms or other contracts more may be found.
      if (report.value("means", "") == means_) return report;
    }
    const std::vector<std::string> tables = tables_in_scope();
    check_pseudonyms(tables);
    if (apply_) record.begin(context_.text("by", ""), now_text());
    record_ = &record;
    RawFiles raw(
        context_, session_, lake_, record, apply_,
        [this](const std::string& what, const std::string& why) { miss(what, why); },
        [this](const std::string& what, const std::string& why) { undone(what, why); });
    raw_files(raw);
    for (const std::string& table : tables) one_table(table);
    // What was being written while this looked elsewhere.
    if (apply_)
      for (const std::string& table : tables) again(table);
    raw.check(record.sources());
    branches();
    everywhere();
    const json report = whole_report(raw.found());
    if (apply_ && complete_) record.end(json_text(report), now_text());
    if (apply_ && !complete_) record.keep_report(json_text(report));
    return report;
  }

  static json shortened(json report) {
    for (const char* list : {"tables", "raw", "not_reached", "without_column"}) {
      json& rows = report[list];
      if (rows.size() <= most_listed) continue;
      report[std::string(list) + "_more"] = rows.size() - most_listed;
      rows.erase(rows.begin() + most_listed, rows.end());
    }
    return report;
  }

 private:
  void check_operation() const {
    const bool good = !operation_.empty() && operation_.size() <= 64 &&
                      std::all_of(operation_.begin(), operation_.end(), [](char c) {
                        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                               (c >= '0' && c <= '9') || c == '-' || c == '_';
                      });
    if (!good) throw plugin::FinalError("parameter operation: 1 to 64 of A-Z a-z 0-9 - _");
    if (!domain_.empty() && !table_.empty())
      throw plugin::FinalError("parameter domain or table: one of them");
  }

  void read_keys() {
    const auto given = parse_untrusted(context_.json("keys"));
    const char* const wrong =
        R"(parameter keys: a list of 1 to 20 objects {"column": "cpf", "value": "123"})";
    if (!given || !given->is_array() || given->empty() || given->size() > most_keys)
      throw plugin::FinalError(wrong);
    for (const json& one : *given) {
      ErasedKey key;
      if (!one.is_object() || !one.value("column", json()).is_string() ||
          !one.value("value", json()).is_string())
        throw plugin::FinalError(wrong);
      key.column = one["column"].get<std::string>();
      key.values = {one["value"].get<std::string>()};
      const json pseudonyms = one.value("pseudonyms", json::array());
      for (const json& text : pseudonyms) {
        if (!text.is_string()) throw plugin::FinalError(wrong);
        key.values.push_back(text.get<std::string>());
      }
      if (key.column.empty() || key.values.size() > most_values ||
          std::any_of(key.values.begin(), key.values.end(), [](const std::string& value) {
            return value.find_first_not_of(" \t\r\n") == value.npos ||
                   value.size() > most_value_bytes;
          }))
        throw plugin::FinalError(
            "parameter keys: a value is 1 to 4096 bytes and not blank: who has no value is nobody");
      keys_.push_back(std::move(key));
    }
  }

  void read_facts() {
    const std::string text = context_.json("contracts");
    const auto given = parse_untrusted(text.empty() ? "{}" : text);
    if (!given || !given->is_object()) throw plugin::FinalError("parameter contracts: an object");
    for (const auto& [table, columns] : given->items()) {
      if (!columns.is_object())
        throw plugin::FinalError("parameter contracts: an object of objects");
      for (const auto& [column, facts] : columns.items()) {
        const auto field = [&of = facts](const char* name) {
          const json value = of.is_object() ? of.value(name, json()) : json();
          return value.is_string() ? value.get<std::string>() : std::string();
        };
        facts_[table][lower_text(column)] = {field("source"), field("type"), field("mask")};
      }
    }
  }

  json asked() const {
    json columns = json::array();
    for (const ErasedKey& key : keys_) columns.push_back(key.column);
    json out = {
        {"subject", subject_}, {"columns", columns}, {"domain", domain_}, {"table", table_}};
    if (!who_.empty()) out["who"] = who_;
    return out;
  }

  // Of "silver/shop/orders": by the domain, or by what contracts call the table.
  bool in_scope(const std::string& table) const {
    const auto slash = table.find('/');
    const std::string rest = slash == table.npos ? std::string() : table.substr(slash + 1);
    if (!domain_.empty()) return rest.starts_with(domain_ + "/");
    if (table_.empty()) return true;
    return table == table_ || rest == table_ || described_name(table) == table_;
  }

  std::vector<std::string> tables_in_scope() {
    const auto found = must(lakelog::list_tables(*storage_));
    for (const std::string& reason : found.unreadable) miss("a folder of the lake", reason);
    if (found.cut) miss("tables beyond the first 10000", "the lake has more than are looked at");
    std::vector<std::string> out;
    for (const std::string& name : found.names)
      if (in_scope(name)) out.push_back(name);
    std::stable_sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
      return place_of(layer_of(a)) < place_of(layer_of(b));
    });
    if (out.empty() && (!domain_.empty() || !table_.empty()) && raw_folders().empty())
      throw plugin::FinalError("the lake has no table of " + (table_.empty() ? domain_ : table_));
    return out;
  }

  const ColumnFacts* facts_of(const std::string& table, const std::string& column) const {
    const auto found = facts_.find(described_name(table));
    if (found == facts_.end()) return nullptr;
    const auto one = found->second.find(lower_text(column));
    return one == found->second.end() ? nullptr : &one->second;
  }

  // The keys as the table has them. What silver holds no trace of is told.
  std::vector<ErasedKey> keys_of(const std::string& table) {
    const std::string layer = layer_of(table);
    const bool as_sent = layer == "bronze" || layer == "dlq" || layer == "raw";
    std::vector<ErasedKey> out;
    for (ErasedKey key : keys_) {
      key.names = {key.column};
      const ColumnFacts* facts = facts_of(table, key.column);
      if (facts != nullptr) {
        key.type = facts->type;
        const std::string source = facts->source.substr(facts->source.find_last_of('/') + 1);
        if (!source.empty() && source != key.column) key.names.push_back(source);
        const bool lossy =
            !facts->mask.empty() && facts->mask != "none" && facts->mask != "pseudonym";
        if (lossy && !as_sent) {
          miss(table, "its " + key.column + " is masked (" + facts->mask +
                          "), so that no row can be told by it: name the person by another column "
                          "too");
          continue;
        }
      }
      out.push_back(std::move(key));
    }
    return out;
  }

  // Rows under a pseudonym that nobody looks for would stay unseen: once bronze has gone nobody can
  // tell of which text it is.
  void check_pseudonyms(const std::vector<std::string>& tables) {
    for (const std::string& table : tables)
      for (const ErasedKey& key : keys_) {
        const ColumnFacts* facts = facts_of(table, key.column);
        if (facts == nullptr || facts->mask != "pseudonym") continue;
        const std::string why = unsought(table, key, *facts);
        if (why.empty()) continue;
        if (apply_) throw plugin::FinalError(table + ": " + why + ". Nothing was changed");
        undone(table, why);
      }
  }

  std::string unsought(const std::string& table, const ErasedKey& key, const ColumnFacts& facts) {
    const std::string layer = layer_of(table);
    const bool keyless = key.values.size() == 1;
    if (keyless && (layer == "silver" || layer == "gold" || layer == "quarantine"))
      return "its " + key.column + " is a pseudonym and the key of it was not given: --mask-key";
    if (keyless || layer != "bronze") return {};
    std::vector<std::string> given;
    for (const ErasedKey& one : keys_)
      if (lower_text(one.column) == lower_text(key.column)) given.push_back(one.values.front());
    const auto others = other_spellings(session_, lake_, table, key.column, facts.type, given);
    if (others == 0) return {};
    return "of the person's " + key.column + " silver may have pseudonyms of " +
           std::to_string(others) +
           " more texts: give each with a --key of its own, as it was sent, and as silver's type "
           "writes it (007 and 7)";
  }

  EraseOptions options_of(const std::string& table, const lakelog::Snapshot& snapshot) {
    EraseOptions options;
    options.keys = keys_of(table);
    options.apply = apply_;
    options.data_change = layer_of(table) != "bronze";
    options.operation = operation_;
    options.info_json = json_text({{"dag_id", context_.dag_id()},
                                   {"run_id", context_.run_id()},
                                   {"task_id", context_.task_id()},
                                   {"execution_id", context_.execution_id()},
                                   {"erasure", operation_}});
    options.cancelled = [this] { return context_.cancelled(); };
    std::set<std::string> names;
    for (const auto& column : snapshot.metadata.columns) names.insert(column.name);
    options.letters = table.starts_with("dlq/") && names.contains("value") &&
                      names.contains("key") && names.contains("headers") &&
                      names.contains("encoding");
    return options;
  }

  // The disk's trouble is the attempt's; a table's own is told, and the others go on.
  template <class Work>
  void told(const std::string& table, const Work& work) {
    try {
      work();
    } catch (const plugin::FinalError& error) {
      undone(table, error.what());
    } catch (const SqlError& error) {
      undone(table, without_values(error.what()));
    }
  }

  void one_table(const std::string& name) {
    context_.check_cancelled();
    told(name, [&] {
      const DeltaTable table = DeltaTable::open(session_, lake_, name);
      const EraseOptions options = options_of(name, table.snapshot());
      if (searched_columns(table.snapshot().metadata.columns, options).empty()) {
        without_.push_back(name);
        return;
      }
      note_sources(name, options);
      const ErasedTable done = erase(session_, lake_, name, options);
      keep(name, done);
      if (apply_ && done.rows > 0)
        context_.info(name + ": " + std::to_string(done.rows) + " rows erased");
    });
  }

  // Which raw files bronze's rows came from, before they are gone.
  void note_sources(const std::string& name, EraseOptions options) {
    if (layer_of(name) != "bronze") return;
    options.apply = false;
    record_->note_sources(erase(session_, lake_, name, options).raw_files, apply_);
  }

  void again(const std::string& name) {
    if (!found_.contains(name)) return;
    context_.check_cancelled();
    told(name, [&] {
      const DeltaTable table = DeltaTable::open(session_, lake_, name);
      keep(name, erase(session_, lake_, name, options_of(name, table.snapshot())));
    });
  }

  void keep(const std::string& name, const ErasedTable& done) {
    found_[name] = {
        {"table", name},           {"rows", done.rows},           {"versions", done.versions},
        {"version", done.version}, {"old_files", done.old_files}, {"columns", done.columns}};
    for (const std::string& file : done.unread)
      undone(name + "/" + file,
             "the engine cannot read it: an attempt may be writing it, so call again; if it stays, "
             "it is a broken file that batuta lake vacuum takes away");
    if (done.encoded_letters > 0)
      miss(name, std::to_string(done.encoded_letters) +
                     " letters are bytes in base64, in which nothing is found: look at them with "
                     "batuta dlq");
  }

  // ---- raw

  struct RawFolder {
    std::string prefix, table;  // "raw/shop/orders/", "raw/shop/orders"
  };

  std::vector<RawFolder> raw_folders() {
    std::vector<RawFolder> out;
    for (const std::string& domain : must(storage_->list("raw/")).prefixes)
      for (const std::string& table : must(storage_->list(domain)).prefixes) {
        const std::string name = table.substr(0, table.size() - 1);
        if (in_scope(name)) out.push_back({table, name});
      }
    return out;
  }

  void raw_files(RawFiles& raw) {
    for (const RawFolder& folder : raw_folders()) {
      const auto csv = csv_.find(described_name(folder.table));
      raw.below(folder.prefix, keys_of(folder.table), csv == csv_.end() ? CsvForm{} : csv->second);
    }
  }

  // ---- what is left

  void miss(const std::string& what, const std::string& why) {
    if (missed_.insert({what, why}).second) not_reached_.push_back({{"what", what}, {"why", why}});
  }

  // What another call may reach, or this one with what it was not given: the operation goes on.
  void undone(const std::string& what, const std::string& why) {
    complete_ = false;
    if (missed_.insert({what, why}).second)
      not_reached_.push_back({{"what", what}, {"why", why}, {"undone", true}});
  }

  void branches() {
    // What was written on one while it was dropped is nobody's, and may have the person.
    if (apply_) (void)must(lakelog::remove_left_over(*storage_));
    for (const auto& branch : must(lakelog::list_branches(*storage_)))
      miss("branch " + branch.name,
           "what was written on it is not looked at, and files that it stands on go: drop it with "
           "batuta lake branch drop " +
               branch.name);
  }

  void everywhere() {
    for (const auto& [what, why] : never_reached(lake_.is_folder())) miss(what, why);
  }

  json whole_report(const std::map<std::string, std::int64_t>& files) {
    std::int64_t rows = 0, old_files = 0, raw_records = 0;
    json tables = json::array();
    for (const auto& [name, told] : found_) {
      const std::int64_t table_rows = told["rows"], gone = told["old_files"];
      rows += table_rows;
      old_files += gone;
      if (table_rows > 0 || gone > 0) tables.push_back(told);
    }
    json raw = json::array();
    for (const auto& [file, records] : files) {
      raw_records += records;
      raw.push_back({{"file", file}, {"records", records}});
    }
    return {{"operation", operation_},
            {"subject", subject_},
            {"applied", apply_},
            {"complete", complete_},
            {"means", means_},
            {"done_before", false},
            {"rows", rows},
            {"old_files", old_files},
            {"raw_records", raw_records},
            {"tables", tables},
            {"raw", raw},
            {"looked_at", found_.size()},
            {"not_reached", not_reached_},
            {"without_column", without_}};
  }

  plugin::Context& context_;
  Session session_;
  const Lake lake_;
  const std::shared_ptr<lakelog::Storage> storage_;
  const bool apply_;
  const std::string operation_, subject_, domain_, table_, who_, means_;
  std::vector<ErasedKey> keys_;
  std::map<std::string, std::map<std::string, ColumnFacts>> facts_;  // by contract, by column
  std::map<std::string, CsvForm> csv_;                               // by contract
  EraseRecord* record_ = nullptr;
  bool complete_ = true;               // nothing is left that this operation could still do
  std::map<std::string, json> found_;  // by table
  json not_reached_ = json::array(), without_ = json::array();
  std::set<std::pair<std::string, std::string>> missed_;
};

}  // namespace

struct LakeErase {
  static constexpr auto name = "lake_erase";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "transform";
  static constexpr auto summary = "Takes a person out of the lake, from raw to gold";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_ANY, "keys",
                       R"(who: [{"column": "cpf", "value": "…", "pseudonyms": ["…"]}])"),
      plugin::required(BATUTA_PARAM_STRING, "operation", "its id: done once"),
      plugin::required(BATUTA_PARAM_STRING, "subject", "what the record calls the person"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "apply", "acts; otherwise only tells", "false"),
      plugin::optional(BATUTA_PARAM_STRING, "domain", "tables of this domain only"),
      plugin::optional(BATUTA_PARAM_STRING, "table", "this table only, as domain/table"),
      plugin::optional(BATUTA_PARAM_STRING, "by", "who wants it"),
      plugin::optional(
          BATUTA_PARAM_OBJECT, "contracts",
          "what contracts say of the columns: {table: {column: {source, type, mask}}}"),
      plugin::optional(BATUTA_PARAM_OBJECT, "csv",
                       "and of CSV files: {table: {delimiter, quote, encoding}}"),
      plugin::optional(BATUTA_PARAM_STRING, "who",
                       "tells persons apart, and is no value: an operation is for one"),
      plugin::optional(BATUTA_PARAM_STRING, "means",
                       "tells apart what was given to find them: what has ended with other means "
                       "goes on")};

  void execute(plugin::Context& context) {
    context.return_json(json_text(Eraser::shortened(Eraser(context).run())));
  }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakeErase)
