// {{ … }} in task fields: Airflow's names, Jinja's filters, a fixed grammar, no code. The names,
// calls and filters stand in docs/templates.md.
// A string that is exactly one expression keeps its JSON type; inside a longer string a text stands
// as it is and anything else as JSON. What an expression yields is never read as a template again.
// An undefined name is an error unless `default` follows it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/timetable.h"

namespace batuta {

struct TemplateScope {
  const RunRow* run = nullptr;
  const InstanceHot* hot = nullptr;  // of the instance, both or none
  const InstanceCold* cold = nullptr;
  std::string dag_id;
  std::string task_id;
  std::string timezone = "UTC";         // of the DAG
  const Timetable* schedule = nullptr;  // outlives the rendering
  std::string params_json = "{}";       // conf over DAG params defaults
  // The same, read already; null: `params_json` is read. Outlives the rendering.
  const nlohmann::json* params = nullptr;
  const std::string* conf_json = nullptr;  // in place of the run's, likewise
  const nlohmann::json* item = nullptr;  // what a mapped instance is given; outlives the rendering
  // JSON text of an upstream's XCom; nullopt when there is none.
  std::function<std::optional<std::string>(std::string_view task_id, std::string_view key)> xcom;
  // The same read already and shared by all that ask for it, where that is kept; null: `xcom`
  // tells. Not for what has to be quoted before it is read. An error fails the rendering.
  std::function<Result<std::shared_ptr<const nlohmann::json>>(std::string_view task_id,
                                                              std::string_view key)>
      kept_xcom{};
  // The same of a mapped task, as the text of a list: of the instances that are named, or of all
  // (null), in that order, without those that have none. nullopt: the task is not mapped, and
  // `xcom` tells.
  std::function<Result<std::optional<std::string>>(std::string_view task_id, std::string_view key,
                                                   const std::vector<std::int64_t>* map_indexes)>
      mapped_xcoms;
  std::function<std::optional<std::string>(std::string_view key)> variable;
  // The newest run of the DAG that succeeded and is dated before this one.
  std::function<std::optional<RunRow>()> previous_success;
  // What the run consumed of assets' events: JSON text, an object of lists by URI.
  std::function<std::string()> asset_events{};
};

// A whole list of results is read up to this size.
inline constexpr std::size_t max_xcom_list = std::size_t{16} << 20;

// A spec with its templates parsed, to be rendered for one attempt after the other. Immutable,
// cheap to copy; any thread.
class ParsedSpec {
 public:
  // Parameters as render_spec(); what it renders to has at most `most` bytes. Errc::invalid with a
  // JSON pointer in `where`.
  static Result<ParsedSpec> parse(std::string_view spec_json, bool shell_quote_command,
                                  std::size_t most = std::size_t{1} << 20);

  Result<std::string> render(const TemplateScope& scope) const;
  // All of it is rendered, so that no error is missed; the text of one member comes back, "{}" when
  // there is none.
  Result<std::string> render_member(const TemplateScope& scope, const std::string& member) const;
  Result<nlohmann::json> render_value(const TemplateScope& scope) const;
  // Task ids and keys of the XComs it pulls by literal names. Ascending, each once.
  const std::vector<std::pair<std::string, std::string>>& xcoms() const;
  bool names_previous_success() const;

 private:
  struct Parts;
  explicit ParsedSpec(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<const Parts> parts_;
};

// Renders every string inside `spec_json`. With `shell_quote_command` the value of /params/command
// is a shell command: values are quoted for the place they stand in (bare, in '…' or in "…") unless
// `| raw`; a place where no quoting is safe (a here-document, backquotes, a comment, after a bare
// `$` or `\`) is an error. Output at most 1 MiB. Errc::invalid with a JSON pointer in `where`.
Result<std::string> render_spec(std::string_view spec_json, const TemplateScope& scope,
                                bool shell_quote_command);

// Names of tasks whose XCom the spec pulls (so that they can be fetched before rendering).
// Unreadable templates name nothing. Ascending, each once.
std::vector<std::string> xcom_sources(std::string_view spec_json);

// A param that an expression needs: it has no `default` behind it and is not asked for by
// params.get.
struct ParamUse {
  std::string name;
  std::string pointer;  // of the string
};
// In the order of the spec; each once a string. Unreadable templates need nothing.
std::vector<ParamUse> params_needed(std::string_view spec_json);
// The same of `item`, with `default` or without; the name is empty where all of it is taken.
std::vector<ParamUse> items_needed(std::string_view spec_json);

// Checks grammar, names of roots, filters and calls, and shell places; used when a DAG file is
// parsed. Errc::invalid with a JSON pointer in `where`.
Status check_templates(std::string_view spec_json, bool shell_quote_command);

}  // namespace batuta
