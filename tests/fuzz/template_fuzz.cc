#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/template.h"
#include "scheduler/dagfile/template_parse.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {

void template_text(std::string_view bytes) {
  static_cast<void>(parse_template(bytes));
  const std::string spec = json_text({{"params", {{"command", std::string(bytes)}}}});
  if (!parse_untrusted(spec)) return;  // not UTF-8
  const bool plain = check_templates(spec, false).ok();
  const bool quoted = check_templates(spec, true).ok();
  // A shell command has more places where no value may stand, never fewer.
  BATUTA_CHECK(plain || !quoted, "what cannot be rendered plainly cannot be quoted either");
  TemplateScope scope;
  RunRow run;
  TaskInstanceRow row;
  scope.run = &run;
  scope.row = &row;
  scope.xcom = [](std::string_view, std::string_view) { return std::string("\"; rm -rf /\""); };
  scope.variable = [](std::string_view) { return std::string("$(id) `id` ' \" \\"); };
  for (const bool shell : {false, true}) {
    const auto rendered = render_spec(spec, scope, shell);
    if (rendered) BATUTA_CHECK(parse_untrusted(*rendered).ok(), "what is rendered is JSON");
  }
  xcom_sources(spec);
}

}  // namespace batuta::fuzz
