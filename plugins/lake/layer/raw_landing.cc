#include "plugins/lake/layer/raw_landing.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>

#include "common/uuid.h"
#include "lakelog/path.h"
#include "lakelog/posix_file.h"
#include "lakelog/storage.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/must.h"

namespace batuta::lake {
namespace {

constexpr std::size_t max_listed_files = 50;
constexpr std::size_t max_request_bytes = 1u << 20;
constexpr std::size_t copied_at_once = 1u << 20;

std::string today() {
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  return to_iso(now).substr(0, 10);
}

// The bytes copied, which are on the disk on return.
std::int64_t copy_whole(const std::string& file, const std::string& target) {
  std::ifstream in(file, std::ios::binary);
  std::ofstream out(target, std::ios::binary | std::ios::trunc);
  std::vector<char> piece(copied_at_once);
  std::int64_t bytes = 0;
  while (out && in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    out.write(piece.data(), in.gcount());
    bytes += in.gcount();
  }
  out.close();
  if (in.bad() || !in.eof()) throw plugin::RetryableError(file + " cannot be read");
  if (!out) throw plugin::RetryableError(target + " cannot be written");
  must(lakelog::sync_file(target));
  return bytes;
}

}  // namespace

RawLanding::RawLanding(plugin::Context& context, const std::string& source,
                       const std::string& request_json)
    : context_(context),
      storage_(must(lake_folder(context).storage())),
      folder_("raw/" + source + "/ingest_date=" + today() + "/run=" + context.execution_id()) {
  Uuid id;
  random_bytes(id.bytes.data(), id.bytes.size());
  attempt_ = to_string(id).substr(0, 8);
  const std::string name = folder_ + "/_request-" + attempt_ + ".json";
  put(name, request_json);
}

void RawLanding::put(const std::string& name, const std::string& body) {
  if (must(storage_->put_if_absent(name, body)) == lakelog::Put::exists)
    throw plugin::RetryableError(name + " is there already");
  context_.report("files", plugin::quoted(name));
}

std::string RawLanding::next_name(const std::string& extension) {
  char number[16];
  std::snprintf(number, sizeof number, "%04zu", ++count_);
  return folder_ + "/part-" + attempt_ + "-" + number + "." + extension;
}

void RawLanding::note(const std::string& name) {
  if (first_files_.size() < max_listed_files) first_files_.push_back(name);
}

std::string RawLanding::add(const std::string& body, const std::string& extension) {
  std::string name = next_name(extension);
  put(name, body);
  note(name);
  return name;
}

std::pair<std::string, std::int64_t> RawLanding::add_file(const std::string& file,
                                                          const std::string& extension) {
  std::string name = next_name(extension);
  const std::string folder = must(storage_->stage(folder_));
  const std::string target = folder + name.substr(folder_.size());
  // Whoever dies here leaves no file that looks whole: readers pass over names that begin with '.'.
  const std::string partial = folder + "/." + name.substr(folder_.size() + 1);
  std::int64_t bytes = 0;
  try {
    bytes = copy_whole(file, partial);
  } catch (...) {
    ::unlink(partial.c_str());
    throw;
  }
  if (std::rename(partial.c_str(), target.c_str()) != 0) {
    ::unlink(partial.c_str());
    throw plugin::RetryableError(name + " cannot be written");
  }
  must(storage_->sync({name}));
  context_.report("files", plugin::quoted(name));
  note(name);
  return {std::move(name), bytes};
}

std::string request_path_sql(const std::string& path) {
  return "regexp_replace(" + path +
         R"(, '/part-([0-9a-f]+)-[0-9]+\.[a-z]+$', '/_request-\1.json'))";
}

std::optional<std::string> read_request(const stores::Lake& lake, const std::string& path) {
  if (!path.starts_with("raw/") || !lakelog::valid_data_path(path)) return std::nullopt;
  auto text = must(lake.storage())->read(path, {0, max_request_bytes + 1});
  if (text && text->size() <= max_request_bytes) return *std::move(text);
  if (text) throw plugin::FinalError(path + " is larger than any request");
  if (text.error().code == Errc::not_found) return std::nullopt;
  throw plugin::RetryableError(text.error().message);
}

}  // namespace batuta::lake
