#include <nlohmann/json.hpp>

#include "common/suggest.h"
#include "contract/reader.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

SourceKind kind_of_format(const std::string& format) {
  if (format == "csv") return SourceKind::csv;
  if (format == "json") return SourceKind::json;
  // Avro's records are read as lines of JSON, which the file itself says it needs.
  if (format == "jsonl" || format == "ndjson" || format == "avro") return SourceKind::json_lines;
  return format == "parquet" ? SourceKind::parquet : SourceKind::none;
}

// The standard has servers of S3 and Azure, and none of Google's store.
bool has_files_in_store(const Value& server) {
  const std::string type = text_at(server, "type");
  return type == "s3" || type == "azure" ||
         (type == "custom" && text_at(server, "location").starts_with("gs://"));
}

void read_store(const Value& server, const std::string& at, Source& source, Notes& notes) {
  source.path = text_at(server, "location");
  const std::string type = text_at(server, "type");
  const char* const scheme = type == "s3" ? "s3://" : type == "azure" ? "azblob://" : "gs://";
  if (!source.path.starts_with(scheme))
    notes.problem(at + "/location", std::string("must be ") + scheme +
                                        (type == "azure" ? "account/container/" : "bucket/") +
                                        "… up to the files' names, which may hold *");
  if (source.connection.empty())
    notes.problem(at,
                  "a store needs the custom property batuta.connection: the id of the connection "
                  "that has its keys");
}

SourceKind kind_of_server(const Value& server, std::string& why) {
  const std::string type = text_at(server, "type"), format = text_at(server, "format");
  if (type == "local" || has_files_in_store(server)) {
    const SourceKind kind = kind_of_format(format);
    if (kind == SourceKind::none)
      why = "files in the format \"" + format.substr(0, 40) + "\" are not read here" +
            one_of({"csv", "json", "jsonl", "avro", "parquet"});
    return kind;
  }
  if (type == "postgres" || type == "postgresql") return SourceKind::postgres;
  if (type == "api") return SourceKind::rest;
  if (type == "custom" && format == "sqlite") return SourceKind::sqlite;
  if (type == "custom" && format == "stream") return SourceKind::stream;
  if (type == "kafka") {
    if (format.empty() || format == "json") return SourceKind::stream;
    why = "messages in the format \"" + format.substr(0, 40) + "\" are not read here; json is";
    return SourceKind::none;
  }
  why = "a server of type \"" + type +
        "\" is not read here; it is one of local, s3, azure, postgres, api, kafka, or custom with "
        "format: sqlite or stream, or with the location of files in a store";
  return SourceKind::none;
}

// One character, or the word for one.
void one_character(const CustomProperties& own, const char* name, std::string& out, Notes& notes) {
  const auto given = own.text(name);
  if (!given) return;
  out = *given == "tab" || *given == "\\t" ? "\t" : *given;
  if (out.size() > 1 || (out.empty() && std::string_view(name) == "batuta.delimiter"))
    notes.problem(own.pointer(name), std::string(name) + " must be one character, or tab");
}

void read_csv(const CustomProperties& own, Source& source, Notes& notes) {
  one_character(own, "batuta.delimiter", source.delimiter, notes);
  one_character(own, "batuta.quote", source.quote, notes);
  source.header = own.boolean("batuta.header").value_or(true);
  source.encoding = own.text("batuta.encoding").value_or("");
  source.null_texts = own.texts("batuta.nullTexts");
}

void read_rest(const CustomProperties& own, const Value& server, const std::string& at,
               Source& source, Notes& notes) {
  source.location = text_at(server, "location");
  const bool url =
      source.location.starts_with("http://") || source.location.starts_with("https://");
  if (!url && !source.location.starts_with("/"))
    notes.problem(at + "/location",
                  "must be a URL (https://…), or a path (/…) below the connection's");
  if (!url && source.connection.empty())
    notes.problem(at, "a path needs batuta.connection, whose host it is below");
  source.records = own.text("batuta.records").value_or("");
  if (!source.records.empty() && !source.records.starts_with("/"))
    notes.problem(own.pointer("batuta.records"),
                  "batuta.records must be a JSON pointer to the list of records, such as /data");
  source.paging = own.text("batuta.paging").value_or("none");
  const std::vector<std::string> ways = {"none", "page", "cursor", "link"};
  if (std::find(ways.begin(), ways.end(), source.paging) == ways.end())
    notes.problem(own.pointer("batuta.paging"),
                  "batuta.paging is not \"" + source.paging.substr(0, 40) + "\"" + one_of(ways));
  source.page_parameter = own.text("batuta.pageParameter").value_or(source.page_parameter);
  source.cursor_parameter = own.text("batuta.cursorParameter").value_or(source.cursor_parameter);
  source.size_parameter = own.text("batuta.sizeParameter").value_or("");
  source.next_cursor = own.text("batuta.nextCursor").value_or("");
  source.page_size = own.integer("batuta.pageSize", 1, 1'000'000).value_or(0);
  source.first_page = own.integer("batuta.firstPage", 0, 1'000'000).value_or(1);
  source.requests_per_minute = own.integer("batuta.requestsPerMinute", 1, 60'000).value_or(0);
  source.since_parameter = own.text("batuta.sinceParameter").value_or("");
  source.until_parameter = own.text("batuta.untilParameter").value_or("");
  if (source.paging == "cursor" && !source.next_cursor.starts_with("/"))
    notes.problem(at, "paging by cursor needs batuta.nextCursor: the JSON pointer to the next one");
}

void one_of_words(const CustomProperties& own, const char* name,
                  const std::vector<std::string>& words, std::string& out, Notes& notes) {
  const auto given = own.text(name);
  if (!given) return;
  out = *given;
  if (std::find(words.begin(), words.end(), out) == words.end())
    notes.problem(own.pointer(name),
                  std::string(name) + " is not \"" + out.substr(0, 40) + "\"" + one_of(words));
}

void read_stream(const CustomProperties& own, const Value& server, Source& source, Notes& notes) {
  if (text_at(server, "type") == "kafka" && source.connection.empty())
    source.brokers = text_at(server, "host");
  source.group = own.text("batuta.group").value_or("");
  one_of_words(own, "batuta.onGap", {"fail", "earliest", "latest"}, source.on_gap, notes);
  one_of_words(own, "batuta.start", {"earliest", "latest"}, source.start, notes);
  source.dead_letters = own.text("batuta.deadLetters").value_or("");
  constexpr std::int64_t most = 1'000'000'000;
  source.max_records = own.integer("batuta.maxRecords", 1, most).value_or(source.max_records);
  source.max_bytes =
      own.integer("batuta.maxBytes", 1 << 16, most * 1000).value_or(source.max_bytes);
  source.max_record_bytes = own.integer("batuta.maxRecordBytes", 1, std::int64_t{64} << 20)
                                .value_or(source.max_record_bytes);
  if (const auto text = own.text("batuta.maxTime")) {
    const auto span = parse_duration(*text);
    if (span && *span >= std::chrono::seconds(1)) {
      source.max_time = *span;
    } else {
      notes.problem(own.pointer("batuta.maxTime"),
                    "batuta.maxTime must be a time of at least 1s, such as \"5m\"");
    }
  }
}

void read_kind(const CustomProperties& own, const Value& server, const std::string& at,
               Source& source, Notes& notes) {
  switch (source.kind) {
    case SourceKind::csv:
      read_csv(own, source, notes);
      [[fallthrough]];
    case SourceKind::json:
    case SourceKind::json_lines:
    case SourceKind::parquet:
    case SourceKind::sqlite:
      if (has_files_in_store(server)) return read_store(server, at, source, notes);
      source.path = text_at(server, "path");
      if (source.path.empty()) notes.problem(at, "needs a \"path\"");
      return;
    case SourceKind::postgres:
      source.schema = text_at(server, "schema");
      if (source.connection.empty())
        notes.problem(at,
                      "a postgres server needs the custom property batuta.connection: the id of "
                      "the connection that has its login");
      return;
    case SourceKind::rest:
      return read_rest(own, server, at, source, notes);
    case SourceKind::stream:
      return read_stream(own, server, source, notes);
    case SourceKind::none:
      return;
  }
}

}  // namespace

Source read_source(const Value& contract, const std::string& server_name,
                   const std::string& server_pointer, const Table& table,
                   const std::string& physical_name, Notes& notes) {
  Source source;
  source.table = physical_name.empty() ? table.name : physical_name;
  const auto servers = contract.find("servers");
  if (servers == contract.end() || !servers->is_array() || servers->empty()) {
    source.why_none = "the contract has no servers, which say where its rows come from";
    if (!server_name.empty())
      notes.problem(server_pointer, "there is no server \"" + server_name.substr(0, 80) + "\"");
    return source;
  }
  std::vector<std::string> names;
  std::size_t index = server_name.empty() ? 0 : servers->size();
  for (std::size_t i = 0; i < servers->size(); ++i) {
    names.push_back(text_at((*servers)[i], "server"));
    if (!server_name.empty() && names.back() == server_name) index = i;
  }
  if (index == servers->size()) {
    notes.problem(server_pointer, "there is no server \"" + server_name.substr(0, 80) + "\"" +
                                      (did_you_mean(server_name, names).empty()
                                           ? one_of(names)
                                           : did_you_mean(server_name, names)));
    return source;
  }
  const Value& server = (*servers)[index];
  const std::string at = "/servers/" + std::to_string(index);
  source.server = names[index];
  source.kind = kind_of_server(server, source.why_none);
  if (source.kind == SourceKind::none) return source;
  std::vector<std::string> places = {std::string(to_string(source.kind))};
  if (has_files_in_store(server)) places.emplace_back("store");
  const CustomProperties own(server, at, places, notes);
  source.connection = own.text("batuta.connection").value_or("");
  read_kind(own, server, at, source, notes);
  return source;
}

std::string_view to_string(SourceKind kind) {
  switch (kind) {
    case SourceKind::none:
      return "none";
    case SourceKind::csv:
      return "csv";
    case SourceKind::json:
      return "json";
    case SourceKind::json_lines:
      return "jsonl";
    case SourceKind::parquet:
      return "parquet";
    case SourceKind::sqlite:
      return "sqlite";
    case SourceKind::postgres:
      return "postgres";
    case SourceKind::rest:
      return "rest";
    case SourceKind::stream:
      return "stream";
  }
  return "none";
}

}  // namespace batuta::contract
