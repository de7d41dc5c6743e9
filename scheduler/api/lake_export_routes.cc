// A table's rows as a file: made once by the plugin lake_sql in a process of its own, kept for a
// while, given whole or from where an earlier download ended, and written down before anybody has a
// byte of it.
#include <algorithm>
#include <array>
#include <atomic>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/uuid.h"
#include "common/version.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_exports.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_questions.h"
#include "scheduler/api/running_queries.h"
#include "scheduler/http/gzip.h"
#include "scheduler/store/crypto.h"

namespace batuta::http {

using nlohmann::json;

namespace {

struct ExportFormat {
  std::string_view name, type, also;  // also: another media type that means the same
};
constexpr std::array<ExportFormat, 4> known_formats{{
    {"parquet", "application/vnd.apache.parquet", "application/x-parquet"},
    {"csv", "text/csv", "application/csv"},
    {"jsonl", "application/x-ndjson", "application/jsonl"},
    {"hive", "application/x-tar", "application/tar"},
}};

// The first type of Accept that is one of ours; weights are not weighed. nullptr: it asks for
// others.
const ExportFormat* accepted_format(const Request& request) {
  const std::string* accept = request.header("accept");
  if (accept == nullptr || accept->empty()) return &known_formats[0];
  std::string_view rest = *accept;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    std::string_view type = rest.substr(0, std::min(comma, rest.find(';')));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    while (type.starts_with(' ')) type.remove_prefix(1);
    while (type.ends_with(' ')) type.remove_suffix(1);
    if (type == "*/*") return &known_formats[0];
    for (const ExportFormat& format : known_formats)
      if (type == format.type || type == format.also) return &format;
  }
  return nullptr;
}

struct ExportQuestion {
  RowQuestion rows;
  std::vector<std::string> partition_by;  // of hive; empty: the table's own
  const ExportFormat* format = nullptr;
};

Result<ExportQuestion> export_question(const Request& request) {
  QueryReader query(request);
  ExportQuestion out;
  out.rows = row_question(query);
  const auto named = query.text("format");
  for (const ExportFormat& format : known_formats)
    if (named && *named == format.name) out.format = &format;
  if (named && out.format == nullptr) query.fail("format", "must be parquet, csv, jsonl or hive");
  out.partition_by = query.list("partition_by");
  if (!query.status()) return query.status().error();
  if (!named) out.format = accepted_format(request);
  const bool folders = out.format != nullptr && out.format->name == "hive";
  if (!folders && !out.partition_by.empty())
    return Error{Errc::invalid, "is of format=hive", "query.partition_by"};
  return out;
}

Response no_such_format() {
  return json_response(
      {{"detail",
        "this is given as application/vnd.apache.parquet, text/csv, application/x-ndjson or "
        "application/x-tar: name one in Accept, or format=parquet, csv, jsonl or hive"}},
      406);
}

// One file from its turn to the row in the event log. Used by one thread at a time.
class ExportRun {
 public:
  ExportRun(Context& context, Call call, ExportQuestion question)
      : context_(context), call_(std::move(call)), question_(std::move(question)) {}

  std::shared_ptr<std::atomic<bool>> gone() const { return gone_; }

  Result<Response> answer() {
    if (stopped()) return Error{Errc::unavailable, "nobody waits for the answer", {}};
    const auto name = asked_table(context_, *call_.request);
    if (!name) return name.error();
    name_ = *name;
    const auto version = pinned_version(context_, name_, question_.rows);
    if (!version) return version.error();
    const auto detail = context_.lake->detail(name_);
    if (!detail) return detail.error();
    version_ = *version;
    masks_ = masks_for(context_, *call_.request);
    const json masks = own_masks();
    // All that the bytes depend on: the table, not only its name, what of it is hidden, and the
    // program that writes them.
    const std::string key =
        json_text({name_.path(), (*detail)->id, version_, chosen_of(question_.rows),
                   std::string(question_.format->name), question_.partition_by, masks,
                   may_unmask(*call_.request, name_), std::string(batuta::version)});
    // What is hidden is another value each time: only the very file can be gone on with.
    steady_ = masks.is_null() || may_unmask(*call_.request, name_);
    tag_ = "\"v" + std::to_string(version_) + "-" + sha256_hex(key).substr(0, 24) + "\"";
    if (steady_ && has_entity(*call_.request, tag_)) return unchanged();
    auto file = context_.exports->find(key, context_.now());
    if (!file) {
      auto made = make();
      if (!made) return made.error();
      context_.exports->keep(key, *made, context_.now());
      file = *std::move(made);
    }
    if (!steady_) {
      tag_.insert(tag_.size() - 1, "-" + file->mark);
      if (has_entity(*call_.request, tag_)) return unchanged();
    }
    return given(*file);
  }

  const Call& call() const { return call_; }
  // What the event log says of it; null: nobody has been given anything.
  const json& written() const { return written_; }

 private:
  // Folders by partition, as the one file that an answer is.
  bool folders() const { return question_.format->name == "hive"; }
  std::string extension() const {
    return folders() ? std::string("tar") : std::string(question_.format->name);
  }
  bool stopped() const { return *gone_ || context_.stopping; }

  // What contracts hide of this table from those without the right; null: nothing.
  json own_masks() const {
    if (masks_.is_null()) return nullptr;
    const std::string path = name_.domain + "/" + name_.table;
    json own;
    for (const auto& [contract, masks] : masks_["contracts"].items()) {
      // A history and a list of keys hold what their table holds.
      if (path == contract || path.starts_with(contract + "_")) own[contract] = masks;
    }
    return own;
  }

  Result<ExportedFile> make() {
    const auto folder = context_.exports->begin();
    if (!folder) return folder.error();
    json asked = chosen_of(question_.rows);
    asked.update({{"operation", "export"},
                  {"table", name_.path()},
                  {"version", version_},
                  {"format", folders() ? "parquet" : std::string(question_.format->name)},
                  {"result_folder", (*folder)->path()},
                  {"return_errors", true}});
    if (folders()) asked.update({{"by_partitions", true}, {"tar", true}});
    if (!question_.partition_by.empty()) asked["partition_by"] = question_.partition_by;
    const auto answer =
        lake_answer_of(ask_lake(context_, masks_, std::move(asked), [this] { return stopped(); }));
    if (!answer) return answer.error();
    const std::string name = answer->value("file", "");
    if (name != "rows." + extension()) return {Errc::internal, "the export gave no file"};
    const auto bytes = take_export((*folder)->path(), name);
    if (!bytes) return bytes.error();
    std::array<char, 16> random{};
    random_bytes(random.data(), random.size());
    ExportedFile file{*folder,
                      (*folder)->path() + "/" + name,
                      *bytes,
                      answer->value("rows", std::int64_t{0}),
                      told_of_table(*answer, "masked").get<std::vector<std::string>>(),
                      told_of_table(*answer, "unmasked").get<std::vector<std::string>>(),
                      sha256_hex({random.data(), random.size()}).substr(0, 16)};
    if (answer->value("bytes", std::int64_t{-1}) != *bytes)
      return {Errc::internal, "the export's file is not the one that was written"};
    return file;
  }

  Response unchanged() const {
    Response response;
    response.status = 304;
    response.headers.emplace_back("ETag", tag_);
    return response;
  }

  // A part is given of the very bytes that it goes on with, or not at all: to whoever names the tag
  // of those, or asks for a version by its number.
  bool resumes() const {
    const Request& request = *call_.request;
    if (request.header("range") == nullptr) return false;
    const std::string* condition = request.header("if-range");
    return condition != nullptr ? *condition == tag_ : steady_ && question_.rows.version >= 0;
  }

  Result<Response> given(const ExportedFile& file) {
    Response response;
    response.headers = {{"ETag", tag_},
                        {"Accept-Ranges", "bytes"},
                        {"Cache-Control", "private, no-cache"},
                        {"Batuta-Version", std::to_string(version_)},
                        {"Batuta-Rows", std::to_string(file.rows)}};
    ByteRange part{0, file.bytes};
    if (resumes()) {
      const RangeAnswer read = read_range(*call_.request->header("range"), file.bytes);
      const std::string whole = "/" + std::to_string(file.bytes);
      if (!read.range && read.fault == RangeFault::unsatisfiable) {
        Response refused = json_response({{"detail", "the file has " + std::to_string(file.bytes) +
                                                         " bytes: there is nothing "
                                                         "beyond them"}},
                                         416);
        refused.headers.emplace_back("Content-Range", "bytes *" + whole);
        return refused;
      }
      if (read.range) {
        part = *read.range;
        response.status = 206;
        response.headers.emplace_back("Content-Range",
                                      "bytes " + std::to_string(part.from) + "-" +
                                          std::to_string(part.from + part.size - 1) + whole);
      }
    }
    response.content_type = std::string(question_.format->type);
    if (question_.format->name == "csv") response.content_type += "; charset=utf-8; header=present";
    response.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + name_.table +
                                                             "-v" + std::to_string(version_) + "." +
                                                             extension() + "\"");
    add_masked_header(response, json::array({{{"table", name_.path()}, {"masked", file.masked}}}));
    response.stream = export_stream(file, part);
    if (!response.stream) return {Errc::unavailable, "the file is gone: ask again"};
    response.stream_bytes = part.size;
    written_ = {{"table", name_.path()},
                {"version", version_},
                {"format", std::string(question_.format->name)},
                {"rows", file.rows},
                {"bytes", file.bytes},
                {"from", part.from},
                {"chosen", chosen_of(question_.rows)},
                {"partition_by", question_.partition_by},
                {"masked", file.masked},
                {"unmasked", file.bare}};
    return response;
  }

  Context& context_;
  const Call call_;
  const ExportQuestion question_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  LakeName name_;
  std::int64_t version_ = -1;
  std::string tag_;
  json masks_;          // one look at the contracts, for the key and for who writes the file
  bool steady_ = true;  // made anew, the file has the same bytes
  json written_;
};

}  // namespace

void get_lake_export(Context& context, Call call) {
  auto question = export_question(*call.request);
  if (!question) return call.respond(error_response(question.error()));
  if (question->format == nullptr) return call.respond(no_such_format());
  const std::string user = call.request->identity.user;
  if (const auto wait = context.queries->budget.wait(user, context.now()); wait > 0)
    return call.respond(log_is_full(wait));
  const auto run = std::make_shared<ExportRun>(context, call, *std::move(question));
  call.request->on_gone = [gone = run->gone()] { *gone = true; };
  (void)context.run_sql(
      call, [run] { return run->answer(); },
      [&context, run, user](Response response) {
        const json& written = run->written();
        if (written.is_null()) return run->call().respond(std::move(response));
        context.queries->budget.spend(user, json_text(written).size(), context.now());
        context.respond_recorded(run->call(), "lake_export", written, std::move(response));
      });
}

}  // namespace batuta::http
