#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/safe_json.h"
#include "scheduler/dagfile/template.h"
#include "scheduler/dagfile/template_parse.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {
namespace {

enum class Place { bare, in_quotes, in_apostrophes };

// What sh makes of a value's text in its place; nullopt where that is more than one text: a word's
// end, a quote's, or something to be expanded. Knows nothing of how the text came about.
std::optional<std::string> as_sh_reads_it(std::string_view text, Place place) {
  const Place outside = place;
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool escape = c == '\\' && i + 1 < text.size();
    switch (place) {
      case Place::in_apostrophes:
        if (c == '\'') {
          place = Place::bare;
        } else {
          value += c;
        }
        break;
      case Place::bare:
        if (c == '\'') {
          place = Place::in_apostrophes;
        } else if (escape && text[i + 1] != '\n') {
          value += text[++i];
        } else {
          return std::nullopt;
        }
        break;
      case Place::in_quotes:
        if (escape && std::string_view("$`\"\\").find(text[i + 1]) != std::string_view::npos) {
          value += text[++i];
        } else if (c == '$' || c == '`' || c == '"' || c == '\\') {
          return std::nullopt;
        } else {
          value += c;
        }
    }
  }
  return place == outside ? std::optional(value) : std::nullopt;
}

// Whatever the value, in every place it stays the one value it is.
void stays_one_value(const std::string& value) {
  struct Around {
    const char* before;
    const char* after;
    Place place;
  };
  constexpr Around arounds[] = {
      {"echo ", " end", Place::bare},
      {"echo \"a", "b\" end", Place::in_quotes},
      {"echo 'a", "b' end", Place::in_apostrophes},
      {"echo \"$(echo ", ")\"", Place::bare},
      {"echo \"$(echo \"", "\")\"", Place::in_quotes},
  };
  TemplateScope scope;
  scope.variable = [&value](std::string_view) { return value; };
  for (const Around& around : arounds) {
    const std::string before = around.before, after = around.after;
    const std::string spec =
        json_text({{"params", {{"command", before + "{{ var.value.v }}" + after}}}});
    const auto rendered = render_spec(spec, scope, true);
    if (!rendered) continue;  // too large, or a NUL
    const std::string command =
        (*parse_untrusted(*rendered))["params"]["command"].get<std::string>();
    BATUTA_CHECK(command.starts_with(before) && command.ends_with(after), command);
    const auto read =
        as_sh_reads_it(std::string_view(command).substr(
                           before.size(), command.size() - before.size() - after.size()),
                       around.place);
    BATUTA_CHECK(read == value, command);
  }
}

}  // namespace

void template_text(std::string_view bytes) {
  static_cast<void>(parse_template(bytes));
  const std::string spec = json_text({{"params", {{"command", std::string(bytes)}}}});
  if (!parse_untrusted(spec)) return;  // too large
  const std::string value(bytes);
  if (*parse_untrusted(json_text(value)) == value) stays_one_value(value);  // else it is not UTF-8
  const bool plain = check_templates(spec, false).ok();
  const bool quoted = check_templates(spec, true).ok();
  // A shell command has more places where no value may stand, never fewer.
  BATUTA_CHECK(plain || !quoted, "what cannot be rendered plainly cannot be quoted either");
  TemplateScope scope;
  RunRow run;
  InstanceHot hot;
  InstanceCold cold;
  scope.run = &run;
  scope.hot = &hot;
  scope.cold = &cold;
  scope.xcom = [](std::string_view, std::string_view) { return std::string("\"; rm -rf /\""); };
  scope.variable = [](std::string_view) { return std::string("$(id) `id` ' \" \\"); };
  for (const bool shell : {false, true}) {
    const auto rendered = render_spec(spec, scope, shell);
    if (rendered) BATUTA_CHECK(parse_untrusted(*rendered).ok(), "what is rendered is JSON");
  }
  xcom_sources(spec);
  params_needed(spec);
}

}  // namespace batuta::fuzz
