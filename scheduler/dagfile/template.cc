#include "scheduler/dagfile/template.h"

#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/shell_quote.h"
#include "scheduler/dagfile/template_eval.h"
#include "scheduler/dagfile/template_filters.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_output = 1 << 20;
constexpr std::size_t max_expressions = 10'000;
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

class Renderer {
 public:
  Renderer(const TemplateScope& scope, bool shell) : evaluator_(scope), shell_(shell) {}

  Status operator()(json& value, const std::string& pointer) {
    const auto& text = value.get_ref<const std::string&>();
    if (!may_have_template(text)) return charge(text.size(), pointer);
    auto pieces = parse_template(text);
    if (!pieces) return at(pieces.error(), pointer);
    const bool command = shell_ && pointer == command_pointer;
    if (!command && pieces->size() == 1 && std::holds_alternative<TemplateExpr>(pieces->front())) {
      auto result = evaluate(std::get<TemplateExpr>(pieces->front()), pointer);
      if (!result) return result.error();
      value = std::move(*result);
      return charge(json_text(value).size(), pointer);
    }
    auto rendered = join(*pieces, command, pointer);
    if (!rendered) return rendered.error();
    value = std::move(*rendered);
    return success();
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
    if (++expressions_ > max_expressions) {
      return {Errc::invalid, "more than 10,000 templates in one task", pointer};
    }
    auto value = evaluator_.evaluate(expr);
    if (!value) return at(value.error(), pointer);
    return value;
  }

  Status charge(std::size_t bytes, const std::string& pointer) {
    output_ += bytes;
    if (output_ <= max_output) return success();
    return {Errc::invalid, "rendered parameters are larger than 1 MiB", pointer};
  }

  TemplateEvaluator evaluator_;
  bool shell_;
  std::size_t expressions_ = 0;
  std::size_t output_ = 0;
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
  if (auto task = xcom_task(expr); !task.empty()) out.insert(std::move(task));
  for (const auto& argument : expr.arguments) collect_sources(argument.value, out);
}

}  // namespace

Result<std::string> render_spec(std::string_view spec_json, const TemplateScope& scope,
                                bool shell_quote_command) {
  auto spec = parse_untrusted(spec_json, spec_limits());
  if (!spec) return spec.error();
  Renderer renderer(scope, shell_quote_command);
  if (auto status = for_each_string(*spec, "", renderer); !status) return status.error();
  return json_text(*spec);
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
