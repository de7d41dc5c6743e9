#include "scheduler/http/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>

namespace batuta::http {
namespace {

constexpr std::size_t least_bytes = 2048;  // below, the answer fits a packet or two anyway
constexpr int level = 5;              // a third slower than 4 and a tenth smaller; 6 gains nothing
constexpr int gzip_window = 15 + 16;  // zlib's way to ask for the gzip header

std::string_view trimmed(std::string_view text) {
  const auto from = std::min(text.find_first_not_of(" \t"), text.size());
  const auto to = text.find_last_not_of(" \t");
  return to == text.npos ? std::string_view() : text.substr(from, to + 1 - from);
}

// Calls `take` with each part of a comma-separated header until it returns true; true if it did.
template <class Take>
bool any_part(std::string_view list, Take take) {
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    if (take(trimmed(list.substr(0, end)))) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

bool same_word(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
  });
}

// In thousandths: "q=0.25" is 250, "q=0" is not wanted; 1000 where nothing or no number is said.
int weight_of(std::string_view parameters) {
  const auto q = std::min(parameters.find("q="), parameters.find("Q="));
  if (q == parameters.npos) return 1000;
  auto said = parameters.substr(q + 2);
  said = trimmed(said.substr(0, said.find(';')));
  if (said.empty() || said.find_first_not_of("0123456789.") != said.npos) return 1000;
  if (said.front() != '0' && said.front() != '.') return 1000;
  const auto dot = said.find('.');
  int weight = 0;
  int place = 100;
  for (const char digit : dot == said.npos ? std::string_view() : said.substr(dot + 1)) {
    if (digit == '.' || place == 0) break;
    weight += (digit - '0') * place;
    place /= 10;
  }
  return weight;
}

// The weight of a coding by name, and of all that have none; nothing where nothing is said.
struct Codings {
  std::optional<int> named, any;
};

template <class IsName>
Codings codings_of(const Request& request, IsName is_name) {
  Codings out;
  const std::string* header = request.header("accept-encoding");
  if (!header) return out;
  any_part(*header, [&](std::string_view part) {
    const auto end = std::min(part.find(';'), part.size());
    const auto name = trimmed(part.substr(0, end));
    const int weight = weight_of(part.substr(end));
    if (is_name(name)) out.named = weight;
    if (name == "*") out.any = weight;
    return false;
  });
  return out;
}

int gzip_weight(const Request& request) {
  const auto is_gzip = [](std::string_view name) {
    return same_word(name, "gzip") || same_word(name, "x-gzip");
  };
  const Codings told = codings_of(request, is_gzip);
  return told.named.value_or(told.any.value_or(0));
}

int brotli_weight(const Request& request) {
  const auto is_brotli = [](std::string_view name) { return same_word(name, "br"); };
  return codings_of(request, is_brotli).named.value_or(0);
}

}  // namespace

bool accepts_gzip(const Request& request) {
  return gzip_weight(request) > 0;
}

bool accepts_brotli(const Request& request) {
  return brotli_weight(request) > 0;
}

Packing packing_of(const Request& request) {
  const int small = gzip_weight(request);
  if (brotli_weight(request) > small) return Packing::brotli;
  return small > 0 ? Packing::gzip : Packing::none;
}

const char* coding_name(Packing packing) {
  switch (packing) {
    case Packing::gzip:
      return "gzip";
    case Packing::brotli:
      return "br";
    case Packing::none:
      break;
  }
  return "identity";
}

std::string packed(std::string_view bytes, Packing packing) {
  switch (packing) {
    case Packing::gzip:
      return gzip(bytes);
    case Packing::brotli:
      return brotli(bytes);
    case Packing::none:
      break;
  }
  return std::string(bytes);
}

bool has_entity(const Request& request, std::string_view etag) {
  const std::string* header = request.header("if-none-match");
  return header && any_part(*header, [&](std::string_view part) {
           if (part.starts_with("W/")) part.remove_prefix(2);
           return part == "*" || part == etag;
         });
}

bool worth_compressing(const Response& response) {
  if (response.stream || response.body.size() < least_bytes) return false;
  for (const auto& [name, value] : response.headers) {
    if (name == "Content-Encoding") return false;
  }
  const std::string_view type = response.content_type;
  return type.starts_with("text/") || type.starts_with("application/json") ||
         type.starts_with("application/x-ndjson");
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out;
  std::array<unsigned char, 64 << 10> piece;
  int done = Z_OK;
  do {
    // zlib counts what it is given in 32 bits.
    const auto given = std::min<std::size_t>(bytes.size(), std::size_t{1} << 30);
    // zlib's input is not const by age; it is only read.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(given);
    const bool last = given == bytes.size();
    do {
      stream.next_out = piece.data();
      stream.avail_out = static_cast<uInt>(piece.size());
      done = deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
      out.append(reinterpret_cast<const char*>(piece.data()), piece.size() - stream.avail_out);
    } while (stream.avail_out == 0);
    bytes.remove_prefix(given);
  } while (done != Z_STREAM_END);
  deflateEnd(&stream);
  return out;
}

void compress(Response& response, Packing packing) {
  if (packing == Packing::none) return;
  response.body = packed(response.body, packing);
  response.headers.emplace_back("Content-Encoding", coding_name(packing));
  response.headers.emplace_back("Vary", "Accept-Encoding");
}

}  // namespace batuta::http
