// What lake_sql gives of a statement's rows: as the task's return value, or as a file of lines.
#pragma once

#include <cstddef>
#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "plugins/lake/cell.h"
#include "plugins/lake/lake_views.h"

namespace batuta::lake {

// Of a table that was read: {"table","version","masked","unmasked"}, the last two where there are
// such columns.
nlohmann::json read_json(const ReadTable& one);
// "gold/shop/people:cpf" of each column of theirs that is shown masked.
std::vector<std::string> masked_names(const std::vector<ReadTable>& read);

// Takes rows until one of two limits. Used from one thread.
class Answer {
 public:
  Answer(std::size_t rows, std::size_t bytes) : row_limit_(rows), byte_limit_(bytes) {}
  virtual ~Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  virtual void columns(const std::vector<std::string>& names) = 0;
  virtual void tables(const std::vector<ReadTable>&) {}
  // Bytes of the next row, at most.
  std::size_t room() const { return byte_limit_ - bytes_; }
  // It was larger than that, and nobody has copied it.
  void too_large() { cut(rows_ == row_limit_ ? "rows" : "bytes"); }
  // False: it had no room, and nothing more is taken.
  bool row(const std::vector<Cell>& row);
  virtual void fail(const std::string&) {}
  // Ends it; what the task returns, as JSON.
  virtual std::string finish() = 0;

 protected:
  virtual void take(const std::string& row_json) = 0;
  nlohmann::json summary() const;

 private:
  bool cut(const char* by) {
    cut_ = by;
    return false;
  }
  const std::size_t row_limit_, byte_limit_;
  std::size_t rows_ = 0, bytes_ = 0;
  const char* cut_ = nullptr;
};

// The task's return value.
class ReturnedAnswer : public Answer {
 public:
  ReturnedAnswer(std::size_t rows, std::size_t bytes) : Answer(rows, bytes) {}
  void columns(const std::vector<std::string>& names) override { columns_ = names; }
  void tables(const std::vector<ReadTable>& read) override { tables_ = read; }
  std::string finish() override;

 private:
  void take(const std::string& row_json) override;
  std::vector<std::string> columns_;
  std::string rows_;  // with commas between them
  std::vector<ReadTable> tables_;
};

// A new file of lines, at most `bytes`.
class FileAnswer : public Answer {
 public:
  // Opened before the thread is confined, and made anew: nothing can be overwritten. Throws
  // plugin::FinalError where there is such a file.
  FileAnswer(std::string path, std::size_t rows, std::size_t bytes);
  ~FileAnswer() override;
  void columns(const std::vector<std::string>& names) override;
  void fail(const std::string& why) override;
  // Throws plugin::RetryableError where the disk fails.
  std::string finish() override;

 private:
  void take(const std::string& row_json) override { line(row_json); }
  void line(const std::string& text);
  std::string path_;
  std::FILE* file_ = nullptr;
};

}  // namespace batuta::lake
