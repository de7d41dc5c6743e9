#include "stream/record_codec.h"

#include <zlib.h>

#include <cstring>

namespace batuta::stream {
namespace {

constexpr std::string_view magic = "BTS1";

template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<char>(static_cast<std::make_unsigned_t<T>>(value) >> (8 * i) & 0xff));
  }
}

template <class T>
T take(std::string_view bytes, std::size_t at) {
  std::make_unsigned_t<T> value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<std::make_unsigned_t<T>>(
        value | static_cast<std::make_unsigned_t<T>>(static_cast<unsigned char>(bytes[at + i]))
                    << (8 * i));
  }
  return static_cast<T>(value);
}

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::int32_t length_of(const std::optional<std::string>& text) {
  return text ? static_cast<std::int32_t>(text->size()) : -1;
}

// The lengths inside add up to the size that the head names.
bool adds_up(std::string_view record) {
  std::size_t at = record_head;
  const auto headers = take<std::uint32_t>(record, 44);
  for (std::uint32_t i = 0; i < headers; ++i) {
    if (record.size() - at < 8) return false;
    const std::size_t both = std::size_t{take<std::uint32_t>(record, at)} +
                             std::size_t{take<std::uint32_t>(record, at + 4)};
    at += 8;
    if (record.size() - at < both) return false;
    at += both;
  }
  const auto key = take<std::int32_t>(record, 36), value = take<std::int32_t>(record, 40);
  if (key < -1 || value < -1) return false;
  const std::size_t rest =
      static_cast<std::size_t>(key < 0 ? 0 : key) + static_cast<std::size_t>(value < 0 ? 0 : value);
  return record.size() - at == rest;
}

}  // namespace

void append_record(std::string& out, const NewRecord& record, const Place& place, Time time) {
  const std::size_t begin = out.size();
  out += magic;
  put<std::uint32_t>(out, 0);
  put<std::uint32_t>(out, 0);
  put(out, place.index);
  put(out, place.left);
  put(out, place.offset);
  put<std::int64_t>(out, time.time_since_epoch().count());
  put(out, length_of(record.key));
  put(out, length_of(record.value));
  put(out, static_cast<std::uint32_t>(record.headers.size()));
  for (const Header& header : record.headers) {
    put(out, static_cast<std::uint32_t>(header.name.size()));
    put(out, static_cast<std::uint32_t>(header.value.size()));
    out += header.name;
    out += header.value;
  }
  if (record.key) out += *record.key;
  if (record.value) out += *record.value;
  std::string number;
  put(number, static_cast<std::uint32_t>(out.size() - begin));
  out.replace(begin + 8, 4, number);
  number.clear();
  put(number, crc_of(std::string_view(out).substr(begin + 8)));
  out.replace(begin + 4, 4, number);
}

Look look_at(std::string_view bytes, Stored& out) {
  const std::size_t seen = std::min(bytes.size(), magic.size());
  if (bytes.substr(0, seen) != magic.substr(0, seen)) return Look::broken;
  if (bytes.size() < record_head) return Look::too_short;
  const std::size_t size = take<std::uint32_t>(bytes, 8);
  if (size < record_head || size > max_stored_bytes) return Look::broken;
  if (bytes.size() < size) return Look::too_short;
  const std::string_view record = bytes.substr(0, size);
  if (crc_of(record.substr(8)) != take<std::uint32_t>(record, 4) || !adds_up(record)) {
    return Look::broken;
  }
  out.size = size;
  out.place = {take<std::int64_t>(record, 20), take<std::uint32_t>(record, 12),
               take<std::uint32_t>(record, 16)};
  return Look::whole;
}

Record read_record(std::string_view bytes) {
  Record out;
  out.offset = take<std::int64_t>(bytes, 20);
  out.time = Time(Duration(take<std::int64_t>(bytes, 28)));
  std::size_t at = record_head;
  const auto headers = take<std::uint32_t>(bytes, 44);
  out.headers.reserve(headers);
  for (std::uint32_t i = 0; i < headers; ++i) {
    const std::size_t name = take<std::uint32_t>(bytes, at);
    const std::size_t value = take<std::uint32_t>(bytes, at + 4);
    at += 8;
    out.headers.push_back(
        {std::string(bytes.substr(at, name)), std::string(bytes.substr(at + name, value))});
    at += name + value;
  }
  const auto text = [&](std::size_t where) -> std::optional<std::string> {
    const auto size = take<std::int32_t>(bytes, where);
    if (size < 0) return std::nullopt;
    std::string found(bytes.substr(at, static_cast<std::size_t>(size)));
    at += static_cast<std::size_t>(size);
    return found;
  };
  out.key = text(36);
  out.value = text(40);
  return out;
}

bool another_batch_follows(std::string_view bytes, std::int64_t first) {
  for (std::size_t at = bytes.find(magic); at != std::string_view::npos;
       at = bytes.find(magic, at + 1)) {
    Stored found;
    if (look_at(bytes.substr(at), found) != Look::whole) continue;
    if (found.place.offset - found.place.index != first) return true;
    at += found.size - 1;
  }
  return false;
}

}  // namespace batuta::stream
