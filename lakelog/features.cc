#include "lakelog/features.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 7> known_to_readers = {
    "columnMapping",        "deletionVectors", "timestampNtz",       "typeWidening",
    "typeWidening-preview", "v2Checkpoint",    "vacuumProtocolCheck"};

constexpr const char* widening = "typeWidening";
constexpr std::array<std::string_view, 3> kept_by_writers = {"appendOnly", "invariants", widening};

constexpr JsonLimits feature_limits{4u << 20, 64, 400'000, 1u << 20};

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_kept(const std::string& feature) {
  return std::find(kept_by_writers.begin(), kept_by_writers.end(), feature) !=
         kept_by_writers.end();
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// Names of the columns that have this key in their metadata; those of structs by their own name.
void columns_with(const json& fields, std::string_view key, std::vector<std::string>& out) {
  if (!fields.is_array()) return;
  for (const json& field : fields) {
    if (!field.is_object()) continue;
    const auto metadata = field.find("metadata");
    if (metadata != field.end() && metadata->is_object() && metadata->contains(key))
      out.push_back(field.value("name", json()).is_string() ? field["name"].get<std::string>()
                                                            : "?");
    const auto type = field.find("type");
    if (type != field.end() && type->is_object())
      columns_with(type->value("fields", json()), key, out);
  }
}

// The schema as it stood, with what others wrote of its columns; null where nobody wrote anything.
json schema_as_it_stood(const Metadata& metadata) {
  if (metadata.extra_json.empty()) return nullptr;
  const auto extra = parse_untrusted(metadata.extra_json, feature_limits);
  if (!extra || !extra->is_object()) return nullptr;
  const auto text = extra->find("schemaString");
  if (text == extra->end() || !text->is_string()) return nullptr;
  auto schema = parse_untrusted(text->get<std::string>(), feature_limits);
  return schema && schema->is_object() ? *std::move(schema) : json();
}

}  // namespace

Features features_of(const Protocol& protocol) {
  Features features;
  if (protocol.extra_json.empty()) return features;
  const auto extra = parse_untrusted(protocol.extra_json, feature_limits);
  if (!extra || !extra->is_object()) return features;
  const auto take = [&](const char* name, std::vector<std::string>& out) {
    const auto list = extra->find(name);
    if (list == extra->end() || !list->is_array()) return;
    for (const json& feature : *list)
      out.push_back(feature.is_string() ? feature.get<std::string>() : json_text(feature));
  };
  take("readerFeatures", features.reader);
  take("writerFeatures", features.writer);
  return features;
}

bool has_deletion_vectors(const Protocol& protocol) {
  return protocol.min_reader >= 3 && holds(features_of(protocol).reader, "deletionVectors");
}

bool has_column_mapping(const Protocol& protocol) {
  if (protocol.min_reader == 2) return true;
  return protocol.min_reader >= 3 && holds(features_of(protocol).reader, "columnMapping");
}

Status check_readable(const Protocol& protocol) {
  if (protocol.min_reader > newest_reader_version) {
    return {Errc::invalid, "needs a Delta reader of version " +
                               std::to_string(protocol.min_reader) + "; this one is " +
                               std::to_string(newest_reader_version)};
  }
  if (protocol.min_reader < 3) return success();
  std::vector<std::string> unknown;
  for (const std::string& feature : features_of(protocol).reader) {
    const auto* const known =
        std::find(known_to_readers.begin(), known_to_readers.end(), std::string_view(feature));
    if (known == known_to_readers.end()) unknown.push_back(feature);
  }
  if (unknown.empty()) return success();
  return {Errc::invalid, "uses the Delta feature" + std::string(unknown.size() == 1 ? " " : "s ") +
                             listed(unknown) + ", which cannot be read here"};
}

bool keeps_all_promises(const Protocol& protocol) {
  const Features features = features_of(protocol);
  return protocol.min_reader == newest_reader_version &&
         protocol.min_writer == newest_writer_version && !features.writer.empty() &&
         std::all_of(features.writer.begin(), features.writer.end(), is_kept) &&
         std::all_of(features.reader.begin(), features.reader.end(), is_kept);
}

Protocol with_type_widening(const Protocol& protocol) {
  Features features = features_of(protocol);
  if (holds(features.writer, widening)) return protocol;
  // What an older version asks of every writer is asked by name in this one.
  if (protocol.min_writer < newest_writer_version) features.writer = {"appendOnly", "invariants"};
  features.reader.emplace_back(widening);
  features.writer.emplace_back(widening);
  json extra = json::object();
  if (const auto told = parse_untrusted(protocol.extra_json, feature_limits);
      told && told->is_object())
    extra = *told;
  extra["readerFeatures"] = features.reader;
  extra["writerFeatures"] = features.writer;
  return {newest_reader_version, newest_writer_version, json_text(extra)};
}

std::vector<std::string> unkept_promises(const Protocol& protocol, const Metadata& metadata) {
  std::vector<std::string> out;
  const auto note = [&out](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) out.push_back(std::string(what) + " (" + listed(names) + ")");
  };
  constexpr std::string_view constraint = "delta.constraints.";
  std::vector<std::string> constraints;
  for (const auto& [key, value] : metadata.configuration)
    if (key.starts_with(constraint)) constraints.push_back(key.substr(constraint.size()));
  note("CHECK constraints", constraints);
  const json schema = schema_as_it_stood(metadata);
  for (const auto& [key, what] : {std::pair{"delta.generationExpression", "generated columns"},
                                  std::pair{"delta.identity.start", "identity columns"},
                                  std::pair{"CURRENT_DEFAULT", "columns with defaults"},
                                  std::pair{"delta.invariants", "column invariants"}}) {
    std::vector<std::string> columns;
    if (schema.is_object()) columns_with(schema.value("fields", json()), key, columns);
    note(what, columns);
  }
  const auto mode = metadata.configuration.find("delta.columnMapping.mode");
  if (mode != metadata.configuration.end() && mode->second != "none")
    note("column mapping", {"by " + mode->second});
  std::vector<std::string> features;
  for (const std::string& feature : features_of(protocol).writer)
    if (!is_kept(feature)) features.push_back(feature);
  note("features", features);
  return out;
}

}  // namespace batuta::lakelog
