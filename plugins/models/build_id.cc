#include "plugins/models/build_id.h"

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>

namespace batuta::models {
namespace {

constexpr char gnu_name[] = "GNU";

std::string hex_of(const unsigned char* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

// The descriptor of the note NT_GNU_BUILD_ID among those of one segment; empty: it has none.
std::string id_among(const unsigned char* at, std::size_t left) {
  const auto padded = [](std::size_t size) { return (size + 3) / 4 * 4; };
  while (left >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const std::size_t name = padded(note.n_namesz), size = padded(note.n_descsz);
    if (left - sizeof note < name || left - sizeof note - name < size) return {};
    const unsigned char* text = at + sizeof note;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof gnu_name &&
        std::memcmp(text, gnu_name, sizeof gnu_name) == 0)
      return hex_of(text + name, note.n_descsz);
    at += sizeof note + name + size;
    left -= sizeof note + name + size;
  }
  return {};
}

struct Wanted {
  std::uintptr_t address;  // of something in it
  std::string id;
};

int look_at_object(dl_phdr_info* object, std::size_t, void* wanted_object) {
  auto& wanted = *static_cast<Wanted*>(wanted_object);
  bool holds = false;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& part = object->dlpi_phdr[i];
    const std::uintptr_t from = object->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && wanted.address >= from && wanted.address - from < part.p_memsz)
      holds = true;
  }
  if (!holds) return 0;
  for (int i = 0; i < object->dlpi_phnum && wanted.id.empty(); ++i) {
    const auto& part = object->dlpi_phdr[i];
    if (part.p_type == PT_NOTE)
      wanted.id = id_among(reinterpret_cast<const unsigned char*>(object->dlpi_addr + part.p_vaddr),
                           part.p_memsz);
  }
  return 1;
}

}  // namespace

std::string build_id() {
  Wanted wanted{reinterpret_cast<std::uintptr_t>(&look_at_object), {}};
  dl_iterate_phdr(look_at_object, &wanted);
  return wanted.id;
}

}  // namespace batuta::models
