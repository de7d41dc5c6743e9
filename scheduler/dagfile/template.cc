#include "scheduler/dagfile/template.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/shell_quote.h"
#include "scheduler/dagfile/template_eval.h"
#include "scheduler/dagfile/template_filters.h"

namespace batuta {

// One string with templates in it, and where in the spec it stands.
struct TemplateSlot {
  std::string pointer;
  std::vector<TemplatePiece> pieces;
  bool command = false;  // a shell command: values are quoted for their place
};

namespace {

using nlohmann::json;

constexpr std::size_t max_evaluated = 10'000;
constexpr std::string_view command_pointer = "/params/command";

// A spec may be as large as the file it came from.
JsonLimits spec_limits() {
  JsonLimits limits;
  limits.bytes = std::size_t{8} << 20;
  limits.string_bytes = limits.bytes;
  limits.tokens = 2'000'000;
  return limits;
}

bool may_have_template(const std::string& text) {
  return text.find("{{") != std::string::npos || text.find("{%") != std::string::npos;
}

Error at(Error error, const std::string& pointer) {
  error.where = pointer;
  return error;
}

// Calls `visit(string value, pointer)` for every string of `value`; stops at the first error. Depth
// is bounded by parse_untrusted.
template <class Visit>
Status for_each_string(json& value, const std::string& pointer, Visit& visit) {
  if (value.is_string()) return visit(value, pointer);
  if (value.is_object()) {
    for (auto& [name, member] : value.items()) {
      auto status = for_each_string(member, pointer + "/" + pointer_token(name), visit);
      if (!status) return status;
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      auto status = for_each_string(value[i], pointer + "/" + std::to_string(i), visit);
      if (!status) return status;
    }
  }
  return success();
}

Status too_large(const std::string& pointer, std::size_t most) {
  return {Errc::invalid,
          "rendered parameters are larger than " + std::to_string(most >> 20) + " MiB", pointer};
}

class Renderer {
 public:
  // `plain`: bytes of the strings without templates.
  Renderer(const TemplateScope& scope, std::size_t plain, std::size_t most)
      : evaluator_(scope), output_(plain), most_(most) {}

  Result<json> operator()(const TemplateSlot& slot) {
    const auto& pieces = slot.pieces;
    if (!slot.command && pieces.size() == 1 &&
        std::holds_alternative<TemplateExpr>(pieces.front())) {
      auto result = evaluate(std::get<TemplateExpr>(pieces.front()), slot.pointer);
      if (!result) return result.error();
      const auto status = charge(json_text(*result).size(), slot.pointer);
      return status ? std::move(result) : Result<json>(status.error());
    }
    auto rendered = join(pieces, slot.command, slot.pointer);
    if (!rendered) return rendered.error();
    return json(std::move(*rendered));
  }

 private:
  Result<std::string> join(const std::vector<TemplatePiece>& pieces, bool command,
                           const std::string& pointer) {
    std::string out;
    ShellText shell;
    for (const auto& piece : pieces) {
      std::string next;
      if (const auto* text = std::get_if<std::string>(&piece)) {
        next = *text;
        if (command) shell.feed(next);
      } else {
        const auto& expr = std::get<TemplateExpr>(piece);
        auto value = evaluate(expr, pointer);
        if (!value) return value.error();
        next = value_text(*value);
        if (command && expr.raw()) {
          shell.feed(next);
        } else if (command) {
          auto quoted = shell.quote(next);
          if (!quoted) return at(quoted.error(), pointer);
          next = std::move(*quoted);
        }
      }
      if (auto status = charge(next.size(), pointer); !status) return status.error();
      out += next;
    }
    return out;
  }

  Result<json> evaluate(const TemplateExpr& expr, const std::string& pointer) {
    if (++expressions_ > max_evaluated) {
      return {Errc::invalid, "more than 10,000 templates in one task", pointer};
    }
    auto value = evaluator_.evaluate(expr);
    if (value) return value;
    Error error = at(value.error(), pointer);
    error.code = Errc::invalid;
    return error;
  }

  Status charge(std::size_t bytes, const std::string& pointer) {
    output_ += bytes;
    return output_ <= most_ ? success() : too_large(pointer, most_);
  }

  TemplateEvaluator evaluator_;
  std::size_t expressions_ = 0;
  std::size_t output_;
  std::size_t most_;
};

Status check_text(const std::string& text, bool command) {
  const auto pieces = parse_template(text);
  if (!pieces) return pieces.error();
  ShellText shell;
  for (const auto& piece : *pieces) {
    if (const auto* plain = std::get_if<std::string>(&piece)) {
      if (command) shell.feed(*plain);
      continue;
    }
    const auto& expr = std::get<TemplateExpr>(piece);
    if (auto status = check_expression(expr); !status) return status;
    if (!command || expr.raw()) continue;
    if (auto quoted = shell.quote("x"); !quoted) return quoted.error();
  }
  return success();
}

void collect_sources(const TemplateExpr& expr, std::set<std::string>& out) {
  each_expression(expr, [&](const TemplateExpr& each) {
    if (auto task = xcom_task(each); !task.empty()) out.insert(std::move(task));
  });
}

void collect_xcoms(const TemplateExpr& expr, std::set<std::pair<std::string, std::string>>& out) {
  each_expression(expr, [&](const TemplateExpr& each) {
    std::string task = xcom_task(each);
    std::string key = task.empty() ? std::string() : xcom_key(each);
    if (!key.empty()) out.emplace(std::move(task), std::move(key));
  });
}

// Forgiven is what `default` stands in for, in parentheses too.
void collect_params(const TemplateExpr& expr, std::set<std::string>& out, bool forgiven = false) {
  forgiven =
      forgiven || std::any_of(expr.filters.begin(), expr.filters.end(), [](const auto& filter) {
        return filter.name == "default" || filter.name == "d";
      });
  const bool of_params = expr.kind == TemplateExpr::Kind::name && expr.path.size() > 1 &&
                         expr.path[0] == TemplateExpr::Step("params");
  if (of_params && !forgiven) {
    if (const auto* name = std::get_if<std::string>(&expr.path[1])) out.insert(*name);
  }
  const bool group = expr.kind == TemplateExpr::Kind::group;
  for (const auto& argument : expr.arguments) {
    collect_params(argument.value, out, group && forgiven);
  }
  for (const auto& filter : expr.filters) {
    for (const auto& argument : filter.arguments) collect_params(argument.value, out);
  }
}

void collect_items(const TemplateExpr& expr, std::set<std::string>& out) {
  each_expression(expr, [&](const TemplateExpr& each) {
    if (each.kind != TemplateExpr::Kind::name || each.path[0] != TemplateExpr::Step("item")) return;
    const auto* name = each.path.size() > 1 ? std::get_if<std::string>(&each.path[1]) : nullptr;
    out.insert(name ? *name : std::string());
  });
}

}  // namespace

struct ParsedSpec::Parts {
  json spec;
  std::vector<TemplateSlot> slots;
  std::vector<json::json_pointer> places;  // of the slots
  std::size_t plain = 0;
  std::size_t most = 0;
  std::vector<std::pair<std::string, std::string>> xcoms;
  bool previous_success = false;
};

Result<ParsedSpec> ParsedSpec::parse(std::string_view spec_json, bool shell_quote_command,
                                     std::size_t most) {
  auto spec = parse_untrusted(spec_json, spec_limits());
  if (!spec) return spec.error();
  auto parts = std::make_shared<Parts>();
  parts->most = most;
  std::set<std::pair<std::string, std::string>> xcoms;
  const auto visit = [&](json& value, const std::string& pointer) -> Status {
    const auto& text = value.get_ref<const std::string&>();
    if (!may_have_template(text)) {
      parts->plain += text.size();
      return parts->plain <= most ? success() : too_large(pointer, most);
    }
    auto pieces = parse_template(text);
    if (!pieces) return at(pieces.error(), pointer);
    for (const auto& piece : *pieces) {
      const auto* expr = std::get_if<TemplateExpr>(&piece);
      if (!expr) continue;
      collect_xcoms(*expr, xcoms);
      each_expression(*expr, [&](const TemplateExpr& each) {
        const auto* root =
            each.path.empty() ? nullptr : std::get_if<std::string>(&each.path.front());
        parts->previous_success = parts->previous_success || (root && root->ends_with("_success"));
      });
    }
    const bool command = shell_quote_command && pointer == command_pointer;
    parts->slots.push_back({pointer, std::move(*pieces), command});
    parts->places.emplace_back(pointer);
    return success();
  };
  if (auto status = for_each_string(*spec, "", visit); !status) return status.error();
  parts->spec = std::move(*spec);
  parts->xcoms.assign(xcoms.begin(), xcoms.end());
  return ParsedSpec(std::move(parts));
}

Result<json> ParsedSpec::render_value(const TemplateScope& scope) const {
  json out = parts_->spec;
  Renderer renderer(scope, parts_->plain, parts_->most);
  for (std::size_t i = 0; i < parts_->slots.size(); ++i) {
    auto value = renderer(parts_->slots[i]);
    if (!value) return value.error();
    out.at(parts_->places[i]) = std::move(*value);
  }
  return out;
}

Result<std::string> ParsedSpec::render(const TemplateScope& scope) const {
  const auto out = render_value(scope);
  if (!out) return out.error();
  return json_text(*out);
}

Result<std::string> ParsedSpec::render_member(const TemplateScope& scope,
                                              const std::string& member) const {
  const auto out = render_value(scope);
  if (!out) return out.error();
  const auto found = out->find(member);
  return found == out->end() ? std::string("{}") : json_text(*found);
}

const std::vector<std::pair<std::string, std::string>>& ParsedSpec::xcoms() const {
  return parts_->xcoms;
}

bool ParsedSpec::names_previous_success() const {
  return parts_->previous_success;
}

Result<std::string> render_spec(std::string_view spec_json, const TemplateScope& scope,
                                bool shell_quote_command) {
  const auto spec = ParsedSpec::parse(spec_json, shell_quote_command);
  if (!spec) return spec.error();
  return spec->render(scope);
}

std::vector<std::string> xcom_sources(std::string_view spec_json) {
  std::set<std::string> out;
  auto spec = parse_untrusted(spec_json, spec_limits());
  if (!spec) return {};
  const auto visit = [&](json& value, const std::string&) -> Status {
    const auto& text = value.get_ref<const std::string&>();
    const auto pieces = may_have_template(text)
                            ? parse_template(text)
                            : Result<std::vector<TemplatePiece>>(std::vector<TemplatePiece>{});
    if (!pieces) return success();
    for (const auto& piece : *pieces) {
      if (const auto* expr = std::get_if<TemplateExpr>(&piece)) collect_sources(*expr, out);
    }
    return success();
  };
  if (auto status = for_each_string(*spec, "", visit); !status) return {};
  return {out.begin(), out.end()};
}

namespace {

// What `collect(expression, names)` finds in each string of the spec.
template <class Collect>
std::vector<ParamUse> names_needed(std::string_view spec_json, Collect collect) {
  std::vector<ParamUse> out;
  auto spec = parse_untrusted(spec_json, spec_limits());
  if (!spec) return out;
  const auto visit = [&](json& value, const std::string& pointer) -> Status {
    const auto& text = value.get_ref<const std::string&>();
    if (!may_have_template(text)) return success();
    const auto pieces = parse_template(text);
    if (!pieces) return success();
    std::set<std::string> names;
    for (const auto& piece : *pieces) {
      if (const auto* expr = std::get_if<TemplateExpr>(&piece)) collect(*expr, names);
    }
    for (const auto& name : names) out.push_back({name, pointer});
    return success();
  };
  if (auto status = for_each_string(*spec, "", visit); !status) return {};
  return out;
}

}  // namespace

std::vector<ParamUse> params_needed(std::string_view spec_json) {
  return names_needed(spec_json, [](const TemplateExpr& expr, std::set<std::string>& names) {
    collect_params(expr, names);
  });
}

std::vector<ParamUse> items_needed(std::string_view spec_json) {
  return names_needed(spec_json, collect_items);
}

Status check_templates(std::string_view spec_json, bool shell_quote_command) {
  auto spec = parse_untrusted(spec_json, spec_limits());
  if (!spec) return spec.error();
  const auto visit = [&](json& value, const std::string& pointer) -> Status {
    const auto& text = value.get_ref<const std::string&>();
    if (!may_have_template(text)) return success();
    auto status = check_text(text, shell_quote_command && pointer == command_pointer);
    return status ? success() : Status(at(status.error(), pointer));
  };
  return for_each_string(*spec, "", visit);
}

}  // namespace batuta
