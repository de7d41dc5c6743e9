// lake_erase: takes a person out of the lake, from raw to gold (docs/lake.md). A plan unless
// `apply`. Every step stands by itself and is found done by the next call, so that a call that was
// killed anywhere is simply made again, under the same operation.
//
// The return value: {"operation","subject","applied","complete","done_before","rows","old_files",
//   "raw_records","tables":[{"table","rows","versions","version","old_files","columns"}],
//   "raw":[{"file","records"}],"not_reached":[{"what","why","undone"}],"without_column":[…]}; lists
//   that would be too long end with how many more there are, and are whole in the record
//   `_erasures/<operation>.json` of what was applied. `complete` false: what is `undone` is still
//   to be done, and the operation has not ended.
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
#include "plugins/lake/erase_order.h"
#include "plugins/lake/erase_raw_files.h"
#include "plugins/lake/erase_report.h"
#include "plugins/lake/erase_spellings.h"
#include "plugins/lake/must.h"
#include "plugins/lake/pseudonym.h"
#include "plugins/lake/sql_error.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::size_t most_listed = 200;

std::string now_text() {
  return to_iso(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()));
}

// Upstream first: what is not there any more is not taken in again. Letters before bronze, which
// tells under which texts they have the person.
int place_of(const std::string& layer) {
  static constexpr const char* const order[] = {"raw",        "dlq",    "bronze",
                                                "quarantine", "silver", "gold"};
  const auto* found = std::find(std::begin(order), std::end(order), layer);
  return static_cast<int>(found - std::begin(order));
}

class Eraser {
 public:
  explicit Eraser(plugin::Context& context)
      : context_(context),
        session_(session_options(context)),
        lake_(lake_folder(context)),
        storage_(must(lake_.storage())),
        order_(context),
        apply_(order_.apply),
        csv_(csv_forms(context.json("csv"))) {
    for (std::size_t i = 0; i < order_.mask_keys.size(); ++i) {
      mask_keys_.push_back("erase_key_" + std::to_string(i));
      set_pseudonym_key(session_, mask_keys_.back(), order_.mask_keys[i]);
    }
  }

  json run() {
    EraseRecord record(storage_, order_.operation, order_.asked_json());
    if (apply_ && !record.report_json().empty()) {
      json report = *parse_untrusted(record.report_json());
      report["done_before"] = true;
      // With other keys of pseudonyms or other contracts more may be found.
      if (report.value("means", "") == order_.means) return report;
    }
    const std::vector<std::string> tables = tables_in_scope();
    check_pseudonyms(tables);
    record_ = &record;
    find_texts();
    if (apply_) record.begin(order_.by, now_text());
    tell_other_keys(tables);
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
    for (const auto& [what, why] : never_reached(lake_.is_folder())) miss(what, why);
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
  std::vector<std::string> tables_in_scope() {
    const auto found = must(lakelog::list_tables(*storage_));
    for (const std::string& reason : found.unreadable) miss("a folder of the lake", reason);
    if (found.cut) miss("tables beyond the first 10000", "the lake has more than are looked at");
    std::vector<std::string> out;
    for (const std::string& name : found.names)
      if (order_.in_scope(name)) out.push_back(name);
    std::stable_sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
      return place_of(layer_of(a)) < place_of(layer_of(b));
    });
    if (out.empty() && (!order_.domain.empty() || !order_.table.empty()) && raw_folders().empty())
      throw plugin::FinalError("the lake has no table of " +
                               (order_.table.empty() ? order_.domain : order_.table));
    return out;
  }

  static TextType type_of(const ColumnFacts& facts) {
    return {facts.type, facts.format, facts.timezone};
  }

  // Values that were given for this column, by whichever of the keys.
  std::vector<std::string> given_of(const std::string& column) const {
    std::vector<std::string> out;
    for (const ErasedKey& one : order_.keys)
      if (lower_text(one.column) == lower_text(column)) out.push_back(one.values.front());
    return out;
  }

  std::set<std::string> pseudonyms_of(const std::vector<std::string>& texts) {
    std::set<std::string> out;
    for (const std::string& key : mask_keys_) {
      const auto found = session_.query("SELECT DISTINCT " + pseudonym_sql("t", key) +
                                            " FROM (SELECT unnest(CAST($1 AS VARCHAR[])) AS t)",
                                        {texts});
      for (const auto& row : found.rows) out.insert(row.at(0).text());
    }
    return out;
  }

  // Under which texts bronze has the person, before anything goes: silver has the pseudonyms of
  // those, letters and raw files the texts.
  void find_texts() {
    for (const ErasedKey& key : order_.keys) {
      const std::string column = lower_text(key.column);
      record_->note_pseudonyms(column, pseudonyms_of(given_of(column)));
      for (const auto& [contract, columns] : order_.facts) {
        const auto facts = columns.find(column);
        if (facts == columns.end()) continue;
        const std::string bronze = "bronze/" + contract;
        told(bronze, [&, &of = facts->second, &name = contract] {
          PersonTexts& texts = texts_[{name, column}];
          texts = person_texts(session_, lake_, bronze, column, type_of(of), given_of(column));
          if (of.mask != "pseudonym") return;
          record_->note_pseudonyms(column, pseudonyms_of(texts.typed));
          record_->note_pseudonyms(name + " " + column, pseudonyms_of(texts.sent));
        });
      }
    }
  }

  // Rows that nobody can tell whose they are, by the keys that were given.
  void tell_other_keys(const std::vector<std::string>& tables) {
    if (mask_keys_.empty()) return;
    for (const std::string& name : tables)
      for (const ErasedKey& key : order_.keys) {
        const ColumnFacts* facts = order_.facts_of(name, key.column);
        if (layer_of(name) != "silver" || facts == nullptr || facts->mask != "pseudonym") continue;
        told(name, [&, facts] {
          const auto rows =
              rows_of_other_keys(session_, lake_, name, "bronze/" + described_name(name),
                                 key.column, type_of(*facts), mask_keys_);
          if (rows == 0) return;
          miss(name, (rows < 0 ? std::string("bronze has no " + key.column +
                                             ", so that rows under an older key")
                               : std::to_string(rows) + " rows have a pseudonym in " + key.column +
                                     " that no text in bronze has by the keys that were given: "
                                     "they are under an older key, which is to be given too, or of "
                                     "texts that bronze has no more. They") +
                         " were looked at by what was given alone");
        });
      }
  }

  // The keys as the table has them. What silver holds no trace of is told.
  std::vector<ErasedKey> keys_of(const std::string& table) {
    const std::string layer = layer_of(table);
    const bool as_sent = layer == "bronze" || layer == "dlq" || layer == "raw";
    std::vector<ErasedKey> out;
    for (ErasedKey key : order_.keys) {
      key.names = {key.column};
      const std::string column = lower_text(key.column);
      const ColumnFacts* facts = order_.facts_of(table, key.column);
      add_values(key, record_->pseudonyms(column));
      if (facts != nullptr) {
        add_values(key, record_->pseudonyms(described_name(table) + " " + column));
        const PersonTexts& texts = texts_[{described_name(table), column}];
        add_values(key, texts.sent);
        add_values(key, texts.typed);
        key.type = facts->type;
        key.format = facts->format;
        key.timezone = facts->timezone;
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

  template <class Values>
  static void add_values(ErasedKey& key, const Values& values) {
    for (const std::string& value : values)
      if (std::find(key.values.begin(), key.values.end(), value) == key.values.end())
        key.values.push_back(value);
  }

  // Rows under a pseudonym that nobody looks for would stay unseen: once bronze has gone nobody can
  // tell of which text it is.
  void check_pseudonyms(const std::vector<std::string>& tables) {
    for (const std::string& table : tables)
      for (const ErasedKey& key : order_.keys) {
        const ColumnFacts* facts = order_.facts_of(table, key.column);
        if (facts == nullptr || facts->mask != "pseudonym") continue;
        const std::string why = unsought(table, key, *facts);
        if (why.empty()) continue;
        if (apply_) throw plugin::FinalError(table + ": " + why + ". Nothing was changed");
        undone(table, why);
      }
  }

  std::string unsought(const std::string& table, const ErasedKey& key, const ColumnFacts& facts) {
    if (!mask_keys_.empty()) return {};  // all texts are found
    const std::string layer = layer_of(table);
    const bool keyless = key.values.size() == 1;
    if (keyless && (layer == "silver" || layer == "gold" || layer == "quarantine"))
      return "its " + key.column + " is a pseudonym and the key of it was not given: --mask-key";
    if (keyless || layer != "bronze") return {};
    const auto others =
        other_spellings(session_, lake_, table, key.column, type_of(facts), given_of(key.column));
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
    options.operation = order_.operation;
    options.info_json = json_text({{"dag_id", context_.dag_id()},
                                   {"run_id", context_.run_id()},
                                   {"task_id", context_.task_id()},
                                   {"execution_id", context_.execution_id()},
                                   {"erasure", order_.operation}});
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

  // Those in scope, of the lake or below a branch's own root.
  std::vector<RawFolder> raw_folders(const std::string& root = {}) {
    auto out = raw_folders_below(*storage_, root);
    std::erase_if(out, [&](const RawFolder& each) { return !order_.in_scope(each.table); });
    return out;
  }

  void raw_files(RawFiles& raw, const std::string& root = {}) {
    for (const RawFolder& folder : raw_folders(root)) {
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
    for (const auto& branch : must(lakelog::list_branches(*storage_))) {
      const std::string why = why_drop(branch);
      if (!why.empty())
        undone("branch " + branch.name, why + ": drop it with batuta lake branch drop " +
                                            branch.name + ", and call this again");
    }
  }

  // A branch is not written anew: where it has the person it has to go. Empty: it may stay.
  std::string why_drop(const lakelog::Branch& branch) {
    if (!branch.readable) return "its marker cannot be read, nor what was written on it";
    if (branch.dropping) return "its drop has not ended, and its files may be there yet";
    bool raw_has = false;
    RawFiles raw(
        context_, session_, lake_, *record_, false,
        [this](const std::string& what, const std::string& why) { miss(what, why); },
        [&](const std::string&, const std::string&) { raw_has = true; });
    raw_files(raw, lakelog::branch_key(branch.ref(), ""));
    if (raw_has || !raw.found().empty())
      return "raw files on it have the person, or cannot be searched";
    const Lake there = lake_.on_branch(branch.ref());
    for (const auto& left : must(lakelog::branch_tables(*storage_, branch))) {
      if (!order_.in_scope(left.table)) continue;
      try {
        const DeltaTable table = DeltaTable::open(session_, there, left.table);
        EraseOptions options = options_of(left.table, table.snapshot());
        options.apply = false;
        if (searched_columns(table.snapshot().metadata.columns, options).empty()) continue;
        const ErasedTable found = erase(session_, there, left.table, options);
        // Before the lake's old files go they count for the branch as well.
        if (found.rows > 0 || (apply_ && found.old_files > 0) || !found.unread.empty())
          return left.table + " has the person there, or files that nobody can read";
      } catch (const plugin::RetryableError&) {
        throw;
      } catch (const std::exception&) {
        return left.table + " cannot be read there any more, for files that it stood on are gone";
      }
    }
    return {};
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
    return {{"operation", order_.operation},
            {"subject", order_.subject},
            {"applied", apply_},
            {"complete", complete_},
            {"means", order_.means},
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
  const EraseOrder order_;
  const bool apply_;
  std::map<std::string, CsvForm> csv_;                                // by contract
  std::vector<std::string> mask_keys_;                                // names in the session
  std::map<std::pair<std::string, std::string>, PersonTexts> texts_;  // by contract and column
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
      plugin::optional(BATUTA_PARAM_ARRAY, "mask_keys",
                       "keys of pseudonyms, older ones too: all texts of the person are found"),
      plugin::optional(BATUTA_PARAM_OBJECT, "contracts",
                       "what contracts say of the columns: {table: {column: {source, type, mask, "
                       "format, timezone}}}"),
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
