// Structs as bytes, each field under its own key, so that scheduler and worker of different
// versions understand each other: a reader skips a key it does not know, and a field that is absent
// keeps its default.
//
// A struct is a run of fields: varint (key << 1 | form), then the value. Form 0 is a number, a
// varint (signed: zigzag). Form 1 is a block, its length as a varint in front: a text, a struct, or
// a list, whose items follow each other, each as a number or a block. A field equal to its default
// is not written, except structs.
//
// A struct takes part by `constexpr auto fields(Type<T>)`: a tuple of members, found by argument
// lookup. The place in the tuple, from 1, is the key. So: new fields last, none taken out, none
// moved, no default changed; an enumeration that is a choice names its last value by `last_value`.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/time.h"
#include "common/wire.h"

namespace batuta::codec {

template <class T>
struct Type {};

// Items of lists in one message; what a peer may make us allocate is bounded by this, not by how
// often an empty item fits into a frame.
inline constexpr std::size_t max_items = 1u << 18;

template <class T>
constexpr bool is_list = false;
template <class T>
constexpr bool is_list<std::vector<T>> = true;
template <class T>
constexpr bool is_number = std::is_integral_v<T> || std::is_enum_v<T> || std::is_same_v<T, Time>;
template <class T>
constexpr bool is_struct = !is_number<T> && !is_list<T> && !std::is_same_v<T, std::string>;
template <class T>
constexpr bool is_choice = requires {
  last_value(Type<T>{});
};

// ---- writing ------------------------------------------------------------------------------------

template <class T>
std::uint64_t to_number(const T& value) {
  if constexpr (std::is_same_v<T, Time>) {
    return zigzag(value.time_since_epoch().count());
  } else if constexpr (std::is_enum_v<T>) {
    return to_number(static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_signed_v<T>) {
    return zigzag(value);
  } else {
    return value;
  }
}

template <class T>
void write_fields(WireWriter& out, const T& value);

template <class T>
void write_value(WireWriter& out, const T& value) {
  if constexpr (is_number<T>) {
    out.put_varint(to_number(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    out.put_block(value);
  } else if constexpr (is_list<T>) {
    out.put_block_of([&] {
      for (const auto& item : value) write_value(out, item);
    });
  } else {
    out.put_block_of([&] { write_fields(out, value); });
  }
}

template <class T>
void write_fields(WireWriter& out, const T& value) {
  static const T defaults{};
  std::uint64_t key = 0;
  const auto write = [&]<class M>(M T::*member) {
    ++key;
    if constexpr (is_list<M>) {
      if ((value.*member).empty()) return;
    } else if constexpr (!is_struct<M>) {
      if (value.*member == defaults.*member) return;
    }
    out.put_varint(key << 1 | (is_number<M> ? 0u : 1u));
    write_value(out, value.*member);
  };
  std::apply([&](auto... member) { (write(member), ...); }, fields(Type<T>{}));
}

// ---- reading ------------------------------------------------------------------------------------

// False when the value is outside its type's or its enumeration's range.
template <class T>
bool from_number(std::uint64_t raw, T& value) {
  if constexpr (std::is_same_v<T, Time>) {
    value = Time{Duration{unzigzag(raw)}};
    return true;
  } else if constexpr (std::is_same_v<T, bool>) {
    value = raw == 1;
    return raw <= 1;
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    if (!from_number(raw, number)) return false;
    value = static_cast<T>(number);
    if constexpr (is_choice<T>) return value >= T{} && value <= last_value(Type<T>{});
    return true;
  } else if constexpr (std::is_signed_v<T>) {
    const std::int64_t number = unzigzag(raw);
    value = static_cast<T>(number);
    return value == number;
  } else {
    value = static_cast<T>(raw);
    return value == raw;
  }
}

struct Budget {
  std::size_t items = max_items;
};

template <class T>
bool read_fields(std::string_view body, T& value, Budget& budget);

// A short body shows in `in.bad()`.
template <class T>
bool read_value(WireReader& in, T& value, Budget& budget) {
  if constexpr (is_number<T>) {
    return from_number(in.get_varint(), value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    value = in.get_block();
    return true;
  } else if constexpr (is_list<T>) {
    value.clear();
    WireReader items{in.get_block()};
    while (!items.at_end()) {
      if (budget.items-- == 0) return false;
      if (!read_value(items, value.emplace_back(), budget)) return false;
    }
    return !items.bad();
  } else {
    const std::string_view body = in.get_block();
    return !in.bad() && read_fields(body, value, budget);
  }
}

// False: a short field, another form than the one we know, or a value out of range.
template <class T>
bool read_fields(std::string_view body, T& value, Budget& budget) {
  constexpr auto members = fields(Type<T>{});
  WireReader in{body};
  while (!in.at_end()) {
    const std::uint64_t tag = in.get_varint();
    const std::uint64_t key = tag >> 1;
    const bool block = (tag & 1) != 0;
    bool good = key != 0;
    const auto read = [&]<class M>(M T::*member) {
      good = block != is_number<M> && read_value(in, value.*member, budget);
    };
    const bool known = [&]<std::size_t... I>(std::index_sequence<I...>) {
      return ((key == I + 1 && (read(std::get<I>(members)), true)) || ...);
    }
    (std::make_index_sequence<std::tuple_size_v<decltype(members)>>{});
    if (!known) block ? (void)in.get_block() : (void)in.get_varint();
    if (!good || in.bad()) return false;
  }
  return !in.bad();
}

}  // namespace batuta::codec
