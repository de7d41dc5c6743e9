#include "scheduler/store/secret_reference.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_reference_words = 32;
constexpr std::size_t max_reference_bytes = 4096;

struct ReferenceKind {
  SecretReference::Kind kind;
  const char* name;
  const char* wants;
};
constexpr ReferenceKind reference_kinds[] = {
    {SecretReference::Kind::env, "$env", "the name of a variable of the server's environment"},
    {SecretReference::Kind::file, "$file", "the absolute path of a file, without \"..\""},
    {SecretReference::Kind::command, "$command",
     "a list of an absolute path of a program and its arguments, at most 32 words"},
    {SecretReference::Kind::vault, "$vault",
     "a list of a path of the vault's API, such as \"secret/data/warehouse\", and the name of a "
     "field, or of the path alone for all fields as JSON"},
    {SecretReference::Kind::aws, "$aws",
     "a list of the name of a secret in AWS Secrets Manager and of a field of its JSON, or of the "
     "name alone for all of its text"},
};

const ReferenceKind& kind_of(SecretReference::Kind kind) {
  return *std::find_if(std::begin(reference_kinds), std::end(reference_kinds),
                       [&](const ReferenceKind& each) { return each.kind == kind; });
}

bool is_plain_path(const std::string& path) {
  return path.starts_with('/') && !path.ends_with('/') &&
         std::filesystem::path(path).lexically_normal() == path;
}

bool is_list(SecretReference::Kind kind) {
  return kind == SecretReference::Kind::command || kind == SecretReference::Kind::vault ||
         kind == SecretReference::Kind::aws;
}

// As it stands behind /v1/: no segment is empty or leads elsewhere.
bool is_vault_path(std::string_view path) {
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    return false;
  if (path.find('/') == std::string_view::npos) return false;  // a mount has no secret
  while (true) {
    const auto slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

// What a secret may be called there.
bool is_aws_name(std::string_view name) {
  return !name.empty() && name.size() <= 512 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 ||
                  std::string_view("/_+=.@-").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

bool reference_fits(const SecretReference& reference) {
  std::size_t bytes = 0;
  for (const std::string& word : reference.words) {
    if (word.find('\0') != std::string::npos) return false;
    bytes += word.size();
  }
  if (bytes > max_reference_bytes || reference.words.empty()) return false;
  const std::string& first = reference.words.front();
  if (reference.kind == SecretReference::Kind::vault ||
      reference.kind == SecretReference::Kind::aws) {
    const bool of_vault = reference.kind == SecretReference::Kind::vault;
    return reference.words.size() <= 2 && !reference.words.back().empty() &&
           (of_vault ? is_vault_path(first) : is_aws_name(first));
  }
  if (reference.kind != SecretReference::Kind::env) return is_plain_path(first);
  return !first.empty() && first.find('=') == std::string::npos;
}

bool read_words(const json& value, SecretReference& reference) {
  if (!is_list(reference.kind)) {
    if (!value.is_string()) return false;
    reference.words.push_back(value);
    return true;
  }
  if (!value.is_array() || value.size() > max_reference_words) return false;
  for (const json& word : value) {
    if (!word.is_string()) return false;
    reference.words.push_back(word);
  }
  return true;
}

bool lies_in(const std::string& path, const std::vector<std::string>& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return folder == "/" || path.starts_with(folder + "/");
  });
}

// Calls `on` with each reference in `value`, which it may replace, until it says false.
Status each_reference(
    json& value, const std::string& place,
    const std::function<Status(json&, const SecretReference&, const std::string& place)>& on) {
  if (!value.is_structured()) return success();
  const auto reference = read_secret_reference(value);
  if (!reference) return {Errc::invalid, place + ": " + reference.error().message};
  if (*reference) return on(value, **reference, place);
  for (auto it = value.begin(); it != value.end(); ++it) {
    const std::string name =
        value.is_object() ? it.key() : std::to_string(std::distance(value.begin(), it));
    if (auto status = each_reference(*it, place + "/" + name, on); !status) return status;
  }
  return success();
}

// Cheap, for it is asked of every variable that a template reads.
bool may_refer(std::string_view text) {
  return text.find("\"$") != std::string_view::npos;
}

// The value behind one, or nullopt while it is looked up.
Result<std::optional<std::string>> opened_reference(const SecretReference& reference,
                                                    const std::string& place,
                                                    const FindSecret& find,
                                                    std::vector<std::string>& opened) {
  auto found = find(reference);
  if (!found) return std::optional<std::string>();
  if (!*found) {
    const Error& error = found->error();
    return {error.code, place + " " + reference.text() + ": " + error.message};
  }
  opened.push_back(**found);
  return std::optional(std::move(**found));
}

}  // namespace

std::string SecretReference::text() const {
  json value = is_list(kind) ? json(words) : json(words.empty() ? "" : words.front());
  return json_text({{kind_of(kind).name, std::move(value)}});
}

Result<std::optional<SecretReference>> read_secret_reference(const json& value) {
  using Found = std::optional<SecretReference>;
  if (!value.is_object()) return Found();
  for (const ReferenceKind& kind : reference_kinds) {
    const auto member = value.find(kind.name);
    if (member == value.end()) continue;
    if (value.size() != 1) {
      return {Errc::invalid,
              std::string("a reference has \"") + kind.name + "\" and nothing beside it"};
    }
    SecretReference reference{kind.kind, {}};
    if (!read_words(*member, reference) || !reference_fits(reference)) {
      return {Errc::invalid, std::string("\"") + kind.name + "\" must be " + kind.wants};
    }
    return Found(std::move(reference));
  }
  return Found();
}

Result<std::optional<SecretReference>> read_secret_reference(std::string_view text) {
  using Found = std::optional<SecretReference>;
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{' || !may_refer(text)) return Found();
  const auto value = parse_untrusted(text);
  return value ? read_secret_reference(*value) : Result<Found>(Found());
}

std::optional<SecretReference> read_setting_reference(std::string_view text) {
  auto reference = read_secret_reference(text);
  if (!reference || !*reference || (*reference)->kind == SecretReference::Kind::vault ||
      (*reference)->kind == SecretReference::Kind::aws)
    return std::nullopt;
  return *std::move(reference);
}

Status check_secret_reference(const SecretReference& reference, const SecretSources& sources) {
  const auto listed = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), reference.words.front()) != list.end();
  };
  const auto refused = [](const std::string& what, const char* setting, const char* how) {
    return Status(Errc::forbidden, what + ": \"" + setting + "\" in batuta.json does not list " +
                                       how + ", and nothing is allowed that is not listed");
  };
  const std::string& first = reference.words.front();
  switch (reference.kind) {
    case SecretReference::Kind::env:
      if (listed(sources.env)) return success();
      return refused("the environment variable \"" + first + "\" may not be read", "secrets.env",
                     "its name");
    case SecretReference::Kind::file:
      if (lies_in(first, sources.folders)) return success();
      return refused("the file \"" + first + "\" may not be read", "secrets.folders",
                     "a folder that it is in");
    case SecretReference::Kind::command:
      if (listed(sources.programs)) return success();
      return refused("the program \"" + first + "\" may not be run", sources.of_programs,
                     "its path");
    case SecretReference::Kind::vault:
      if (lies_in(first + "/", sources.vault_paths)) return success();
      return refused("the secret \"" + first + "\" of the vault may not be read",
                     "secrets.vault_paths", "it or a path that it is below");
    case SecretReference::Kind::aws:
      if (lies_in(first + "/", sources.aws_names)) return success();
      return refused("the secret \"" + first + "\" of AWS Secrets Manager may not be read",
                     "secrets.aws_names", "it or a name that it is below");
  }
  return success();
}

Result<std::vector<PlacedReference>> references_of(const Connection& connection) {
  std::vector<PlacedReference> found;
  const auto password = read_secret_reference(std::string_view(connection.password));
  if (!password) return {Errc::invalid, "password: " + password.error().message};
  if (*password) found.push_back({"password", **password});
  if (may_refer(connection.extra)) {
    auto extra = parse_untrusted(connection.extra);
    const auto note = [&](json&, const SecretReference& reference, const std::string& place) {
      found.push_back({place, reference});
      return success();
    };
    if (extra) {
      if (auto status = each_reference(*extra, "extra", note); !status) return status.error();
    }
  }
  if (found.size() > max_connection_references) {
    return {Errc::invalid, "extra: a connection refers to at most " +
                               std::to_string(max_connection_references) + " secrets"};
  }
  return found;
}

Result<bool> open_connection(Connection& connection, const FindSecret& find,
                             std::vector<std::string>& opened) {
  const auto references = references_of(connection);
  if (!references) return references.error();
  if (references->empty()) return true;
  bool whole = true;
  const auto password = read_secret_reference(std::string_view(connection.password));
  if (password && *password) {
    auto value = opened_reference(**password, "password", find, opened);
    if (!value) return value.error();
    whole = value->has_value();
    if (whole) connection.password = **value;
  }
  if (!may_refer(connection.extra)) return whole;
  auto extra = parse_untrusted(connection.extra);
  if (!extra) return whole;
  const auto open = [&](json& at, const SecretReference& reference,
                        const std::string& place) -> Status {
    auto value = opened_reference(reference, place, find, opened);
    if (!value) return value.error();
    whole = whole && value->has_value();
    if (*value) at = std::move(**value);
    return success();
  };
  if (auto status = each_reference(*extra, "extra", open); !status) return status.error();
  if (!whole) return false;
  // All of it looked up is the text of the object.
  connection.extra = extra->is_string() ? extra->get<std::string>() : json_text(*extra);
  if (extra->is_string() && !parse_untrusted(connection.extra)) {
    return {Errc::invalid, "extra: what was looked up is not JSON"};
  }
  return true;
}

Status SecretOpener::open(Connection& connection) {
  std::vector<std::string> opened;
  const auto whole = open_connection(
      connection,
      [this](const SecretReference& one) { return std::optional(value_of(one, false)); }, opened);
  return whole ? success() : Status(whole.error());
}

Status SecretOpener::open(Variable& variable) {
  std::vector<std::string> opened;
  const auto whole = open_variable(
      variable, [this](const SecretReference& one) { return std::optional(value_of(one, false)); },
      opened);
  return whole ? success() : Status(whole.error());
}

Result<bool> open_variable(Variable& variable, const FindSecret& find,
                           std::vector<std::string>& opened) {
  const auto reference = read_secret_reference(std::string_view(variable.value));
  if (!reference) {
    return {Errc::invalid, "variable \"" + variable.key + "\": " + reference.error().message};
  }
  if (!*reference) return true;
  auto value = opened_reference(**reference, "variable \"" + variable.key + "\"", find, opened);
  if (!value) return value.error();
  if (!*value) return false;
  variable.value = std::move(**value);
  return true;
}

}  // namespace batuta
