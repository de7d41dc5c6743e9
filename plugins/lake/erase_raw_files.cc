#include "plugins/lake/erase_raw_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/failpoint.h"
#include "common/safe_json.h"
#include "plugins/lake/must.h"
#include "plugins/lake/sql_error.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::int64_t largest_raw_file = std::int64_t{512} << 20;
constexpr int raw_depth = 12;

bool has_value(const std::string& text, const std::vector<ErasedKey>& keys) {
  for (const ErasedKey& one : keys)
    for (const std::string& value : one.values)
      if (text.find(value) != text.npos) return true;
  return false;
}

}  // namespace

std::map<std::string, CsvForm> csv_forms(const std::string& given_json) {
  const auto given = parse_untrusted(given_json.empty() ? "{}" : given_json);
  if (!given || !given->is_object()) throw plugin::FinalError("parameter csv: an object");
  std::map<std::string, CsvForm> out;
  for (const auto& [table, form] : given->items()) {
    const json& one = form;
    const auto field = [&one](const char* name) {
      const json value = one.is_object() ? one.value(name, json()) : json();
      return value.is_string() ? value.get<std::string>() : std::string();
    };
    out[table] = {true, field("delimiter"), field("quote"), field("encoding")};
  }
  return out;
}

std::vector<RawFolder> raw_folders_below(const lakelog::Storage& storage, const std::string& root) {
  std::vector<RawFolder> out;
  for (const std::string& domain : must(storage.list(root + "raw/")).prefixes)
    for (const std::string& table : must(storage.list(domain)).prefixes)
      out.push_back({table, table.substr(root.size(), table.size() - root.size() - 1)});
  return out;
}

RawFiles::RawFiles(plugin::Context& context, Session& session, const Lake& lake,
                   EraseRecord& record, bool apply, Miss miss, Miss undone)
    : context_(context),
      session_(session),
      lake_(lake),
      storage_(must(lake.storage())),
      record_(record),
      apply_(apply),
      miss_(std::move(miss)),
      undone_(std::move(undone)) {}

void RawFiles::below(const std::string& prefix, const std::vector<ErasedKey>& keys, int depth) {
  if (depth > raw_depth) return undone_(prefix, "it lies deeper than extractions write");
  const auto listing = must(storage_->list(prefix, {.details = true}));
  for (const auto& object : listing.objects) {
    context_.check_cancelled();
    try {
      one(object, keys);
    } catch (const plugin::FinalError& error) {
      undone_(object.key, error.what());
    } catch (const SqlError& error) {
      undone_(object.key, without_values(error.what()));
    }
  }
  for (const std::string& folder : listing.prefixes) below(folder, keys, depth + 1);
}

void RawFiles::one(const lakelog::ObjectInfo& object, const std::vector<ErasedKey>& keys) {
  const std::string& key = object.key;
  if (key.ends_with(".parquet")) return parquet(object, keys);
  if (object.size > largest_raw_file)
    return undone_(key, "a raw file of more than 512 MiB is not read");
  const auto text = storage_->read(key);
  if (!text && text.error().code == Errc::not_found) return;  // cleaned up meanwhile
  if (!text) throw plugin::RetryableError(text.error().message);
  const std::string name = key.substr(key.find_last_of('/') + 1);
  if (name.starts_with("_request-")) return request(key, *text, keys);
  RawRest rest;
  if (name.starts_with('.')) {
    // Whoever copies it gives it its name when it is whole, and would give it to what is cut here.
    rest.problem = "an attempt may be copying it: call again; if it stays, delete it";
  } else if (name.ends_with(".jsonl")) {
    rest = without_lines(*text, keys);
  } else if (name.ends_with(".json")) {
    rest = without_objects(*text, keys);
  } else if (name.ends_with(".csv")) {
    rest = without_records(*text, keys, csv_);
  } else {
    rest.problem = "it has no form that is known here";
  }
  if (!rest.problem.empty() && has_value(*text, keys)) {
    undone_(key, "it has the value, and " + rest.problem);
  } else if (!rest.problem.empty() && rest.hidden) {
    undone_(key, "it may have the value, and " + rest.problem);
  }
  if (rest.records > 0) put(key, rest.text, rest.records);
}

// What a source was asked for may be a list of persons; rows are judged by it, so it stays.
void RawFiles::request(const std::string& key, const std::string& text,
                       const std::vector<ErasedKey>& keys) {
  for (const ErasedKey& one : keys)
    if (text.find(json_text(json(one.values.front()))) != text.npos)
      return miss_(key,
                   "the source was asked for the person by name; rows are judged by what was "
                   "asked for, so it stays until raw is cleaned up");
}

void RawFiles::parquet(const lakelog::ObjectInfo& object, const std::vector<ErasedKey>& keys) {
  const std::string file = exact_path(must(lake_.local_file(object.key, object.size)));
  const auto columns = first_column(session_.query("SELECT name FROM parquet_schema($1)", {file}));
  std::string person;
  std::vector<Param> params = {file};
  for (const ErasedKey& key : keys)
    for (const std::string& column : columns) {
      if (std::find(key.names.begin(), key.names.end(), column) == key.names.end()) continue;
      params.emplace_back(key.values);
      person += (person.empty() ? "" : " OR ") + ("trim(CAST(" + quoted_name(column)) +
                " AS VARCHAR)) IN (SELECT unnest(CAST($" + std::to_string(params.size()) +
                " AS VARCHAR[])))";
    }
  if (person.empty()) return;
  person = "coalesce(" + person + ", false)";
  const auto rows =
      session_.value("SELECT count(*) FROM read_parquet($1) WHERE " + person, params).integer();
  if (rows == 0) return;
  if (!apply_) return put(object.key, {}, rows);
  const std::string rest = context_.scratch() + "/erase_rest.parquet";
  std::vector<Param> with_target = params;
  with_target.emplace_back(rest);
  session_.run("COPY (SELECT * FROM read_parquet($1) WHERE NOT " + person + ") TO $" +
                   std::to_string(with_target.size()) + " (FORMAT parquet)",
               with_target);
  const stores::Lake scratch(context_.scratch());
  put(object.key, must(must(scratch.storage())->read("erase_rest.parquet")), rows);
}

void RawFiles::put(const std::string& key, const std::string& rest, std::int64_t records) {
  if (!apply_) {
    plan_[key] = records;
    return;
  }
  failpoint("erase_before_raw");
  if (auto kept = storage_->put(key, rest); !kept)
    throw plugin::RetryableError(kept.error().message);
  failpoint("erase_after_raw");
  record_.add_raw(key, records);
}

void RawFiles::check(const std::set<std::string>& told) {
  for (const std::string& file : told) {
    if (!file.starts_with("raw/") || found().contains(file) || !storage_->stat(file)) continue;
    undone_(file,
            "rows of the person came from it, and they are not found in it: it spells names or "
            "values in another way; look at it, and delete it where it must go");
  }
}

}  // namespace batuta::lake
