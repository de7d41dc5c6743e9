#include "scheduler/cli/model_files.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "common/sql_text.h"
#include "common/suggest.h"
#include "contract/yaml.h"
#include "scheduler/cli/imported.h"
#include "scheduler/dagfile/changed_call.h"

namespace batuta::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view header_begin = "/* model";

bool word_begin(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool word_part(char c) {
  return word_begin(c) || std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// Names and dots of a statement; literals and comments are stepped over, all else is a break.
struct Token {
  enum class Kind { name, dot, other } kind = Kind::other;
  std::string text;
};

class Tokens {
 public:
  explicit Tokens(std::string_view sql) : sql_(sql) {}

  std::vector<Token> all() {
    while (at_ < sql_.size()) step();
    return std::move(tokens_);
  }

 private:
  bool here(std::string_view text) const { return sql_.substr(at_, text.size()) == text; }

  void step() {
    const char c = sql_[at_];
    if (here("--")) {
      at_ = std::min(sql_.find('\n', at_), sql_.size());
    } else if (here("/*")) {
      comment();
    } else if (c == '\'') {
      (void)quoted('\'');
      tokens_.push_back({});
    } else if (c == '"' || c == '`') {  // as Spark quotes names
      tokens_.push_back({Token::Kind::name, quoted(c)});
    } else if (word_begin(c)) {
      const std::size_t begin = at_;
      while (at_ < sql_.size() && word_part(sql_[at_])) ++at_;
      tokens_.push_back({Token::Kind::name, std::string(sql_.substr(begin, at_ - begin))});
    } else {
      if (c == '.') tokens_.push_back({Token::Kind::dot, "."});
      if (c != '.' && std::isspace(static_cast<unsigned char>(c)) == 0) tokens_.push_back({});
      ++at_;
    }
  }

  void comment() {
    int depth = 0;
    for (; at_ < sql_.size(); ++at_) {
      if (here("/*")) {
        ++depth;
        ++at_;
      } else if (here("*/")) {
        ++at_;
        if (--depth == 0) break;
      }
    }
    at_ = std::min(at_ + 1, sql_.size());
  }

  std::string quoted(char quote) {
    std::string text;
    for (++at_; at_ < sql_.size(); ++at_) {
      if (sql_[at_] == quote) {
        if (at_ + 1 >= sql_.size() || sql_[at_ + 1] != quote) break;
        ++at_;  // doubled: one of it
      }
      text += sql_[at_];
    }
    at_ = std::min(at_ + 1, sql_.size());
    return text;
  }

  std::string_view sql_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

bool is_path(const std::string& name) {
  return std::count(name.begin(), name.end(), '/') == 2 && name.front() != '/' &&
         name.back() != '/';
}

const std::vector<std::string>& header_fields() {
  static const std::vector<std::string> names = {
      "table",     "mode",        "keys",       "partition_by", "delete_when",
      "quality",   "description", "retries",    "retry_delay",  "execution_timeout",
      "pool",      "owner",       "doc_md",     "display_name", "params",
      "history",   "incremental", "cluster_by", "always",       "engine",
      "spark_sql", "connection",  "conf",       "jars",         "packages",
      "contract"};
  return names;
}

Error at_model(const ModelFile& model, const std::string& what) {
  return {Errc::invalid, model.path + ": " + what, {}};
}

using ByTable = std::map<std::string, const ModelFile*>;

// The model that makes this table: its own, or its history. Null: none of these.
const ModelFile* maker_of(const ByTable& models, const std::string& table) {
  if (const auto found = models.find(table); found != models.end()) return found->second;
  if (!table.ends_with(history_ending)) return nullptr;
  const auto found = models.find(table.substr(0, table.size() - history_ending.size()));
  if (found == models.end()) return nullptr;
  const auto fields = parse_untrusted(found->second->fields_json);
  return fields && fields->value("history", json()) == true ? found->second : nullptr;
}

// Depth first, in the order of the names, so that one folder makes one DAG.
class Ordered {
 public:
  explicit Ordered(const ByTable& models) : models_(models) {}

  Status run() {
    for (const auto& [table, model] : models_)
      if (auto visited = visit(table); !visited) return visited;
    return success();
  }
  const std::vector<const ModelFile*>& order() const { return order_; }

 private:
  Status visit(const std::string& table) {
    if (done_.count(table) != 0) return success();
    const auto open = std::find(way_.begin(), way_.end(), table);
    if (open != way_.end()) {
      std::string circle;
      for (auto at = open; at != way_.end(); ++at) circle += *at + " reads ";
      return {Errc::invalid, "models read each other in a circle: " + circle + table, {}};
    }
    way_.push_back(table);
    const ModelFile& model = *models_.at(table);
    for (const std::string& name : model.names) {
      const ModelFile* maker = maker_of(models_, name);
      if (maker == nullptr || maker == &model) continue;
      if (auto visited = visit(maker->table); !visited) return visited;
    }
    way_.pop_back();
    done_.insert(table);
    order_.push_back(&model);
    return success();
  }

  const ByTable& models_;
  std::vector<std::string> way_;
  std::set<std::string> done_;
  std::vector<const ModelFile*> order_;
};

// The params that the DAG declares for its models: each of them may say which, and all the same.
Status take_params(const ModelFile& model, const json& fields, json& params) {
  const auto given = fields.find("params");
  if (given == fields.end()) return success();
  if (!given->is_object()) return at_model(model, "its params are values by name");
  for (const auto& [name, value] : given->items()) {
    if (params.contains(name) && params[name] != value)
      return at_model(model,
                      "the param " + name.substr(0, 80) + " is declared otherwise by another");
    params[name] = value;
  }
  return success();
}

// The last part of the table's name; where two share it, domain and table.
std::map<std::string, std::string> task_ids(const std::vector<const ModelFile*>& models) {
  std::map<std::string, int> uses;
  const auto last = [](const std::string& table) { return table.substr(table.rfind('/') + 1); };
  for (const ModelFile* model : models) ++uses[last(model->table)];
  std::map<std::string, std::string> ids;
  for (const ModelFile* model : models) {
    std::string id = last(model->table);
    if (uses[id] > 1) {
      id = model->table;
      std::replace(id.begin(), id.end(), '/', '_');
    }
    ids[model->table] = id;
  }
  return ids;
}

}  // namespace

Result<ModelFile> read_model(const std::string& path, const std::string& text) {
  ModelFile model;
  model.path = path;
  model.sql = text;
  ordered_json fields = ordered_json::object();
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin != std::string::npos && text.compare(begin, header_begin.size(), header_begin) == 0) {
    const auto from = begin + header_begin.size();
    const auto end = text.find("*/", from);
    if (end == std::string::npos) return at_model(model, "its header does not end with */");
    const std::string yaml = text.substr(from, end - from);
    model.sql = text.substr(end + 2);
    if (yaml.find_first_not_of(" \t\r\n") != std::string::npos) {
      auto parsed = contract::parse_yaml(yaml);
      if (!parsed)
        return Error{Errc::malformed, path + ": its header: " + parsed.error().message, {}};
      if (!parsed->is_object())
        return at_model(model, "its header holds fields, such as \"mode: merge\"");
      fields = *std::move(parsed);
    }
  }
  for (const auto& [name, value] : fields.items()) {
    const auto& known = header_fields();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return at_model(model, "its header has no field \"" + name.substr(0, 80) + "\"" +
                               did_you_mean(name, known));
  }
  const auto table = fields.find("table");
  if (table != fields.end()) {
    if (!table->is_string()) return at_model(model, "its table is no text");
    model.table = table->get<std::string>();
    fields.erase("table");
  } else {
    model.table = path.ends_with(".sql") ? path.substr(0, path.size() - 4) : path;
    if (!is_path(model.table))
      return at_model(model,
                      "the file does not lie at <layer>/<domain>/<table>.sql, so its header "
                      "must name its table");
  }
  if (const auto second = fields.find("spark_sql"); second != fields.end()) {
    if (second->is_string()) model.spark_path = second->get<std::string>();
    if (model.spark_path.empty() || !model.spark_path.ends_with(spark_ending))
      return at_model(model,
                      "its spark_sql is the path of a file below the folder of models that ends "
                      "with .spark.sql, such as gold/shop/daily.spark.sql");
  }
  model.fields_json = fields.dump();
  model.names = tables_named(model.sql);
  return model;
}

std::vector<std::string> tables_named(std::string_view sql) {
  const std::vector<Token> tokens = Tokens(sql).all();
  const auto kind = [&](std::size_t i) {
    return i < tokens.size() ? tokens[i].kind : Token::Kind::other;
  };
  std::set<std::string> found;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (kind(i) != Token::Kind::name || (i > 0 && kind(i - 1) == Token::Kind::dot)) continue;
    const bool three = kind(i + 1) == Token::Kind::dot && kind(i + 2) == Token::Kind::name &&
                       kind(i + 3) == Token::Kind::dot && kind(i + 4) == Token::Kind::name;
    if (three) {
      found.insert(tokens[i].text + "/" + tokens[i + 2].text + "/" + tokens[i + 4].text);
    } else if (!tokens[i].text.empty() && is_path(tokens[i].text)) {
      found.insert(tokens[i].text);
    }
  }
  return {found.begin(), found.end()};
}

Result<std::string> dag_of_models(const std::vector<ModelFile>& models, const ModelDag& dag) {
  ByTable by_table;
  for (const ModelFile& model : models) {
    const auto [first, fresh] = by_table.emplace(model.table, &model);
    if (!fresh)
      return at_model(model, "makes " + model.table + ", as " + first->second->path + " does");
  }
  if (by_table.empty()) return {Errc::invalid, "there are no models (*.sql)", {}};
  Ordered ordered(by_table);
  if (auto done = ordered.run(); !done) return done.error();
  const auto ids = task_ids(ordered.order());
  ordered_json tasks = ordered_json::array();
  json params = json::object();
  for (const ModelFile* model : ordered.order()) {
    ordered_json task = {{"task_id", ids.at(model->table)},
                         {"type", "aggregate"},
                         {"sql", {{"$file", dag.prefix + model->path}}},
                         {"table", model->table}};
    const auto fields = parse_untrusted(model->fields_json);
    for (const std::string& name : header_fields())
      if (name != "params" && fields && fields->contains(name)) task[name] = (*fields)[name];
    if (!model->spark_path.empty()) task["spark_sql"] = {{"$file", dag.prefix + model->spark_path}};
    if (auto taken = take_params(*model, fields ? *fields : json::object(), params); !taken)
      return taken.error();
    std::set<std::string> makers;
    for (const std::string& name : model->names)
      if (const ModelFile* maker = maker_of(by_table, name); maker != nullptr && maker != model)
        makers.insert(maker->table);
    ordered_json before = ordered_json::array();
    for (const std::string& table : makers) before.push_back(ids.at(table));
    if (!before.empty()) task["depends_on"] = std::move(before);
    tasks.push_back(std::move(task));
  }
  ordered_json out = {
      {"dag_id", dag.dag_id},
      {"schedule", dag.schedule.empty() ? ordered_json() : ordered_json(dag.schedule)}};
  if (!params.empty()) out["params"] = params;
  out["tasks"] = std::move(tasks);
  return out.dump(2) + "\n";
}

Result<BoundModel> bound_model(const std::string& sql, const ordered_json& values) {
  const auto found = sql_templates(sql);
  if (!found) return found.error();
  BoundModel bound{found->text, {}, {}};
  json parameters = json::object(), changed = json::object();
  for (const auto& [name, text] : found->parameters) {
    std::string inner = text.substr(2, text.size() - 4);
    inner.erase(0, inner.find_first_not_of(" \t\r\n"));
    inner.erase(inner.find_last_not_of(" \t\r\n") + 1);
    const auto value = values.is_object() ? values.find(inner) : values.end();
    if (const auto call = changed_call(inner)) {
      if (!*call) return call->error();
      changed[name] = {{"table", (*call)->table}, {"column", (*call)->column}};
      parameters[name] = value == values.end() ? json() : json(*value);
      continue;
    }
    if (value == values.end())
      return Error{Errc::invalid,
                   "the template {{ " + inner +
                       " }} has no value: give it in "
                       "\"values\" as \"" +
                       inner + "\"",
                   {}};
    parameters[name] = json(*value);
  }
  bound.parameters_json = json_text(parameters);
  bound.changed_json = json_text(changed);
  return bound;
}

}  // namespace batuta::cli
