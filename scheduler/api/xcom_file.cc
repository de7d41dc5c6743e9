#include "scheduler/api/xcom_file.h"

#include <memory>
#include <string_view>
#include <utility>

#include "common/log.h"
#include "common/run_files.h"

namespace batuta::http {
namespace {

constexpr std::size_t piece_bytes = std::size_t{256} << 10;

// A piece of JSON text inside a JSON string: it holds no control characters but white space.
std::string escaped(std::string_view piece) {
  std::string out;
  out.reserve(piece.size() + piece.size() / 8);
  for (const char c : piece) {
    switch (c) {
      case '"':
      case '\\':
        out += '\\';
        out += c;
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += c;
    }
  }
  return out;
}

class FileStream final : public Stream {
 public:
  FileStream(std::string head, bool escape, std::string path, std::int64_t bytes, std::string tail)
      : path_(std::move(path)),
        bytes_(bytes),
        escape_(escape),
        tail_(std::move(tail)),
        pending_(std::move(head)) {}

  std::string next() override {
    if (!pending_.empty()) return std::exchange(pending_, {});
    if (sent_ >= bytes_) return std::exchange(tail_, {});
    auto piece = read_result_file(path_, bytes_, sent_, piece_bytes);
    if (!piece || piece->empty()) {
      // It was removed meanwhile. What is sent breaks off, so that nobody takes it for the whole.
      log::warn("an XCom was not sent to its end: " + (piece ? path_ : piece.error().message));
      sent_ = bytes_;
      tail_.clear();
      return {};
    }
    sent_ += static_cast<std::int64_t>(piece->size());
    return escape_ ? escaped(*piece) : *std::move(piece);
  }
  bool ended() const override { return sent_ >= bytes_ && pending_.empty() && tail_.empty(); }

 private:
  const std::string path_;
  const std::int64_t bytes_;
  const bool escape_;
  std::int64_t sent_ = 0;
  std::string tail_, pending_;
};

}  // namespace

Result<Response> answer_of_file(std::string entry, bool as_text, const std::string& path,
                                std::int64_t bytes) {
  const auto first = read_result_file(path, bytes, 0, 1);
  if (!first) return first.error();
  // A string is itself, and nothing is nothing.
  const bool escape = as_text && *first != "\"";
  entry.back() = ',';
  entry += escape ? "\"value\":\"" : "\"value\":";
  std::string tail = escape ? "\"}" : "}";
  Response response;
  if (bytes > max_xcom_body) {
    response.stream =
        std::make_shared<FileStream>(std::move(entry), escape, path, bytes, std::move(tail));
    return response;
  }
  auto value = read_result_file(path, bytes, 0, static_cast<std::size_t>(bytes));
  if (!value) return value.error();
  response.body = std::move(entry) + (escape ? escaped(*value) : *value) + tail;
  return response;
}

}  // namespace batuta::http
