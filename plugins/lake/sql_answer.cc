#include "plugins/lake/sql_answer.h"

#include <fcntl.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "plugins/lake/cell_json.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

using nlohmann::json;

json read_json(const ReadTable& one) {
  json told{{"table", one.name}, {"version", one.version}};
  if (!one.masked.empty()) told["masked"] = one.masked;
  if (!one.bare.empty()) told["unmasked"] = one.bare;
  return told;
}

std::vector<std::string> masked_names(const std::vector<ReadTable>& read) {
  std::vector<std::string> out;
  for (const ReadTable& one : read)
    for (const std::string& column : one.masked) out.push_back(one.name + ":" + column);
  return out;
}

bool Answer::row(const std::vector<Cell>& row) {
  if (rows_ == row_limit_) return cut("rows");
  json cells = json::array();
  for (const Cell& cell : row) cells.push_back(to_json(cell));
  const std::string text = json_text(cells);
  if (text.size() + 1 > room()) return cut("bytes");
  bytes_ += text.size() + 1;
  ++rows_;
  take(text);
  return true;
}

json Answer::summary() const {
  json out = {{"rows", rows_}, {"cut", cut_ != nullptr}};
  if (cut_ != nullptr) out["cut_by"] = cut_;
  return out;
}

std::string ReturnedAnswer::finish() {
  json out = summary();
  out["columns"] = columns_;
  out["tables"] = json::array();
  for (const ReadTable& one : tables_) out["tables"].push_back(read_json(one));
  // The rows are JSON already, and the most of it: they go in as they are.
  out.erase("rows");
  std::string text = json_text(out);
  text.back() = ',';
  text += "\"rows\":[" + std::exchange(rows_, {}) + "]}";
  return text;
}

void ReturnedAnswer::take(const std::string& row_json) {
  if (!rows_.empty()) rows_ += ',';
  rows_ += row_json;
}

FileAnswer::FileAnswer(std::string path, std::size_t rows, std::size_t bytes)
    : Answer(rows, bytes), path_(std::move(path)) {
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  file_ = fd < 0 ? nullptr : ::fdopen(fd, "w");
  if (file_ == nullptr) throw plugin::FinalError("parameter result_file: cannot create " + path_);
}

FileAnswer::~FileAnswer() {
  if (file_ != nullptr) std::fclose(file_);
}

void FileAnswer::columns(const std::vector<std::string>& names) {
  line(json_text({{"columns", names}}));
}

void FileAnswer::fail(const std::string& why) {
  line(json_text({{"error", why}}));
}

std::string FileAnswer::finish() {
  json out = summary();
  line(json_text(out));
  if (std::fclose(std::exchange(file_, nullptr)) != 0)
    throw plugin::RetryableError("cannot write " + path_);
  out["file"] = path_;
  return json_text(out);
}

void FileAnswer::line(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() ||
      std::fputc('\n', file_) == EOF)
    throw plugin::RetryableError("cannot write " + path_);
}

}  // namespace batuta::lake
