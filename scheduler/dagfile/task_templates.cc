#include "scheduler/dagfile/task_templates.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/builtin_fields.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/template.h"
#include "scheduler/dagfile/template_parse.h"
#include "scheduler/dagfile/template_print.h"

namespace batuta {
namespace {

using nlohmann::json;
using Kind = TemplateExpr::Kind;

constexpr std::size_t max_templates = 256;
constexpr std::size_t max_bytes = std::size_t{32} << 20;  // of all tasks made of templates

bool names_argument(const TemplateExpr& expr) {
  return expr.kind == Kind::name && expr.path.front() == TemplateExpr::Step("arguments");
}

// Nothing in it has to wait for a run.
bool is_constant(const std::vector<TemplatePiece>& pieces) {
  bool constant = true;
  for (const auto& piece : pieces) {
    if (const auto* expr = std::get_if<TemplateExpr>(&piece)) {
      each_expression(*expr, [&](const TemplateExpr& each) {
        constant = constant && each.kind != Kind::name && each.kind != Kind::call;
      });
    }
  }
  return constant;
}

bool has_arguments(const std::vector<TemplatePiece>& pieces) {
  bool found = false;
  for (const auto& piece : pieces) {
    if (const auto* expr = std::get_if<TemplateExpr>(&piece)) {
      each_expression(*expr, [&](const auto& each) { found = found || names_argument(each); });
    }
  }
  return found;
}

const json* step_into(const json* value, const TemplateExpr::Step& step) {
  if (const auto* index = std::get_if<std::int64_t>(&step)) {
    const bool fits =
        value->is_array() && *index >= 0 && static_cast<std::size_t>(*index) < value->size();
    return fits ? &(*value)[static_cast<std::size_t>(*index)] : nullptr;
  }
  const auto found = value->is_object() ? value->find(std::get<std::string>(step)) : value->end();
  return found == value->end() ? nullptr : &*found;
}

// One task's arguments, put into what its template says.
class Filler {
 public:
  Filler(const json& arguments, std::string pointer, Problems& problems)
      : arguments_(arguments), pointer_(std::move(pointer)), problems_(problems) {}

  json fill(const json& value, bool command = false) {
    if (value.is_string()) return fill_text(value.get_ref<const std::string&>(), command);
    if (!value.is_structured()) return value;
    json out = value;
    for (auto& inner : out) inner = fill(inner);
    return out;
  }

 private:
  json fill_text(const std::string& text, bool command) {
    if (text.find("arguments") == std::string::npos) return text;
    auto pieces = parse_template(text);
    if (!pieces) {
      problem(pieces.error().message);
      return text;
    }
    if (!has_arguments(*pieces)) return text;
    if (pieces->size() == 1 && std::holds_alternative<TemplateExpr>(pieces->front())) {
      const auto& expr = std::get<TemplateExpr>(pieces->front());
      const bool whole = names_argument(expr) && expr.filters.empty() && !command;
      const json* value = whole ? find(expr, expr.path.size()) : nullptr;
      if (value) return *value;
    }
    for (auto& piece : *pieces) {
      if (auto* expr = std::get_if<TemplateExpr>(&piece)) replace(*expr);
    }
    if (!command && is_constant(*pieces)) return evaluated(*pieces);
    return printed(*pieces);
  }

  static std::string printed(const std::vector<TemplatePiece>& pieces) {
    std::string out;
    for (const auto& piece : pieces) {
      const auto* plain = std::get_if<std::string>(&piece);
      out += plain ? without_templates(*plain)
                   : "{{ " + print_expression(std::get<TemplateExpr>(piece)) + " }}";
    }
    return out;
  }

  json evaluated(const std::vector<TemplatePiece>& pieces) {
    const auto rendered = render_spec(json_text({{"v", printed(pieces)}}), TemplateScope{}, false);
    if (!rendered) {
      problem(rendered.error().message);
      return "";
    }
    const auto parsed = parse_untrusted(*rendered);
    json value = parsed ? (*parsed)["v"] : json("");
    if (value.is_string()) value = without_templates(value.get_ref<const std::string&>());
    return value;
  }

  // The value that the first `steps` of the path lead to; null: told.
  const json* find(const TemplateExpr& expr, std::size_t steps) {
    const json* value = &arguments_;
    for (std::size_t i = 1; i < steps && value; ++i) value = step_into(value, expr.path[i]);
    if (value) return value;
    const auto* name = expr.path.size() > 1 ? std::get_if<std::string>(&expr.path[1]) : nullptr;
    std::vector<std::string> names;
    for (const auto& [known, ignored] : arguments_.items()) names.push_back(known);
    problem("the template has no argument \"" + (name ? name->substr(0, 80) : "") + "\"" +
            (name ? did_you_mean(*name, names) : ""));
    return nullptr;
  }

  void replace(TemplateExpr& expr) {
    for (auto& argument : expr.arguments) replace(argument.value);
    for (auto& filter : expr.filters) {
      for (auto& argument : filter.arguments) replace(argument.value);
    }
    if (!names_argument(expr)) return;
    // Up to a text, which may be an expression with steps of its own behind it.
    std::size_t steps = 1;
    const json* value = &arguments_;
    while (steps < expr.path.size() && !value->is_string()) {
      value = find(expr, ++steps);
      if (!value) return;
    }
    TemplateExpr made = expression_of(*value);
    if (value->is_string()) {
      const auto pieces = parse_template(value->get_ref<const std::string&>());
      if (!pieces) return problem(pieces.error().message);
      const bool one = pieces->size() == 1;
      if (one && std::holds_alternative<TemplateExpr>(pieces->front())) {
        made = {};
        made.kind = Kind::group;
        made.arguments.push_back({"", std::get<TemplateExpr>(pieces->front())});
      } else if (one) {
        made.literal = std::get<std::string>(pieces->front());
      } else if (!pieces->empty()) {
        return problem(
            "an argument that stands within a longer text must be a plain text or exactly one "
            "{{ … }}");
      }
    }
    if (steps < expr.path.size()) {
      if (made.kind != Kind::group) return problem("an argument that is a text has no members");
      made.steps.assign(expr.path.begin() + static_cast<std::ptrdiff_t>(steps), expr.path.end());
    }
    made.filters = std::move(expr.filters);
    expr = std::move(made);
  }

  void problem(const std::string& message) { problems_.add(pointer_, message); }

  const json& arguments_;
  std::string pointer_;
  Problems& problems_;
};

struct TaskTemplate {
  json arguments;  // name -> default; null: must be given
  json task;
  std::size_t bytes = 0;
};

class Templates {
 public:
  Templates(const json& given, Problems& problems) : problems_(problems) {
    if (!given.is_object() || given.size() > max_templates) {
      problems.add("/task_templates", "task_templates are an object of at most 256 templates");
      return;
    }
    for (const auto& [name, body] : given.items()) {
      read(name, body, "/task_templates/" + pointer_token(name));
    }
  }

  // `task` is what the file says of it, and becomes the whole.
  void apply(json& task, const std::string& pointer) {
    const json named = task.value("template", json(nullptr));
    const auto* name = named.get_ptr<const std::string*>();
    const auto found = name ? templates_.find(*name) : templates_.end();
    if (found == templates_.end()) {
      std::vector<std::string> names;
      for (const auto& known : templates_) names.push_back(known.first);
      problems_.add(pointer + "/template",
                    name ? "unknown task template \"" + name->substr(0, 80) + "\"" +
                               did_you_mean(*name, names)
                         : "template must be the name of one of \"task_templates\"");
      return;
    }
    const auto arguments = arguments_of(task, found->second, pointer);
    if (!arguments) return;
    bytes_ += found->second.bytes;
    if (bytes_ > max_bytes) {
      problems_.add(pointer, "the tasks made of templates are larger than 32 MiB together");
      return;
    }
    json whole = json::object();
    Filler filler(*arguments, pointer, problems_);
    for (const auto& [field, value] : found->second.task.items()) {
      const bool own = field == "code" || field == "script";  // their braces are their own
      whole[field] = own ? value : filler.fill(value, field == "command");
    }
    for (auto& [field, value] : task.items()) {
      if (field == "template" || field == "arguments") continue;
      const bool by_name = field == "env" || field == "params" || field == "headers";
      if (by_name && value.is_object() && whole[field].is_object()) {
        whole[field].update(value);
      } else {
        whole[field] = value;
      }
    }
    task = std::move(whole);
  }

 private:
  void read(const std::string& name, const json& body, const std::string& pointer) {
    if (!body.is_object()) {
      return problems_.add(pointer, "a task template is an object: the fields of a task");
    }
    TaskTemplate read{json::object(), body, json_text(body).size()};
    if (const auto arguments = body.find("arguments"); arguments != body.end()) {
      if (!arguments->is_object()) {
        return problems_.add(pointer + "/arguments",
                             "arguments are an object: a default for each name, null where the "
                             "task must give it");
      }
      read.arguments = *arguments;
      read.task.erase("arguments");
    }
    for (const char* field : {"task_id", "template"}) {
      if (!body.contains(field)) continue;
      problems_.add(pointer + "/" + field,
                    "a task template has no " + std::string(field) + ": that is the task's");
    }
    const auto mapped = body.find("expand");
    if (mapped != body.end() && mapped->is_object() && mapped->size() > 1) {
      problems_.add(pointer + "/expand",
                    "the order of several lists is the task's to say: write expand there");
    }
    templates_.emplace(name, std::move(read));
  }

  std::optional<json> arguments_of(const json& task, const TaskTemplate& of,
                                   const std::string& pointer) {
    json out = of.arguments;
    const json given = task.value("arguments", json::object());
    bool fits = given.is_object();
    if (!fits) problems_.add(pointer + "/arguments", "arguments are an object of values by name");
    for (const auto& [name, value] : given.items()) {
      if (!fits) break;
      if (out.contains(name)) {
        out[name] = value;
        continue;
      }
      std::vector<std::string> names;
      for (const auto& [known, ignored] : of.arguments.items()) names.push_back(known);
      problems_.add(pointer + "/arguments/" + pointer_token(name),
                    "the template has no argument \"" + name.substr(0, 80) + "\"" +
                        did_you_mean(name, names));
      fits = false;
    }
    for (const auto& [name, value] : out.items()) {
      if (!fits || !value.is_null() || (given.contains(name))) continue;
      problems_.add(pointer, "the template needs the argument \"" + name.substr(0, 80) + "\"");
      fits = false;
    }
    return fits ? std::optional(std::move(out)) : std::nullopt;
  }

  Problems& problems_;
  std::map<std::string, TaskTemplate> templates_;
  std::size_t bytes_ = 0;
};

}  // namespace

void put_in_task_templates(json& definition, Problems& problems) {
  if (!definition.is_object()) return;
  const auto given = definition.find("task_templates");
  const json none = json::object();
  Templates templates(given == definition.end() ? none : *given, problems);
  if (!problems.none()) return;
  const auto tasks = definition.find("tasks");
  const auto uses_one = [](const json& task) {
    return task.is_object() && task.contains("template");
  };
  if (tasks != definition.end() && tasks->is_array() &&
      std::any_of(tasks->begin(), tasks->end(), uses_one)) {
    json whole = *tasks;
    for (std::size_t i = 0; i < whole.size() && !problems.full(); ++i) {
      if (uses_one(whole[i])) templates.apply(whole[i], "/tasks/" + std::to_string(i));
    }
    if (!problems.none()) return;
    *tasks = std::move(whole);
  }
  definition.erase("task_templates");
}

}  // namespace batuta
