#include "common/message.h"

#include <tuple>
#include <type_traits>

#include "common/wire.h"

namespace batuta {
namespace {

// ---- the field lists: the wire order of every struct, read by encoder and decoder alike ---------

template <class T>
struct Type {};

// clang-format off
constexpr auto fields(Type<AttemptKey>) {
  return std::tuple(&AttemptKey::run, &AttemptKey::task, &AttemptKey::fence);
}
constexpr auto fields(Type<ParamInfo>) {
  return std::tuple(&ParamInfo::name, &ParamInfo::type, &ParamInfo::required,
                    &ParamInfo::default_json, &ParamInfo::help);
}
constexpr auto fields(Type<PluginInfo>) {
  return std::tuple(&PluginInfo::name, &PluginInfo::version, &PluginInfo::kind,
                    &PluginInfo::summary, &PluginInfo::sha256, &PluginInfo::params);
}
constexpr auto fields(Type<Secret>) {
  return std::tuple(&Secret::name, &Secret::json, &Secret::mask);
}
constexpr auto fields(Type<TableOutput>) {
  return std::tuple(&TableOutput::table, &TableOutput::append, &TableOutput::read_version,
                    &TableOutput::payload_json);
}
constexpr auto fields(Type<RunningAttempt>) {
  return std::tuple(&RunningAttempt::key, &RunningAttempt::started, &RunningAttempt::slot);
}
constexpr auto fields(Type<Hello>) {
  return std::tuple(&Hello::version, &Hello::agent_id, &Hello::agent_lock, &Hello::hostname,
                    &Hello::pid, &Hello::slots, &Hello::catalogue, &Hello::running);
}
constexpr auto fields(Type<Heartbeat>) { return std::tuple(&Heartbeat::sequence); }
constexpr auto fields(Type<Started>) {
  return std::tuple(&Started::key, &Started::started, &Started::slot);
}
constexpr auto fields(Type<Finished>) {
  return std::tuple(&Finished::key, &Finished::outcome, &Finished::reason, &Finished::exit_code,
                    &Finished::signal, &Finished::peak_rss_kib, &Finished::started,
                    &Finished::ended, &Finished::slot, &Finished::plugin_sha256,
                    &Finished::result_json, &Finished::files_json, &Finished::extra_json,
                    &Finished::watermark_us, &Finished::records, &Finished::has_branch,
                    &Finished::branch, &Finished::outputs);
}
constexpr auto fields(Type<Recalled>) { return std::tuple(&Recalled::key); }
constexpr auto fields(Type<CatalogueChanged>) { return std::tuple(&CatalogueChanged::catalogue); }
constexpr auto fields(Type<Welcome>) {
  return std::tuple(&Welcome::store_uuid, &Welcome::heartbeat_us, &Welcome::lease_us);
}
constexpr auto fields(Type<HeartbeatAck>) { return std::tuple(&HeartbeatAck::sequence); }
constexpr auto fields(Type<Launch>) {
  return std::tuple(&Launch::key, &Launch::try_number, &Launch::run_uuid, &Launch::dag_id,
                    &Launch::dag_run_id, &Launch::task_id, &Launch::map_index, &Launch::plugin,
                    &Launch::params_json, &Launch::context_json, &Launch::secrets,
                    &Launch::timeout_us, &Launch::isolation, &Launch::predecessor_slot);
}
constexpr auto fields(Type<Cancel>) {
  return std::tuple(&Cancel::key, &Cancel::grace_us, &Cancel::reason);
}
constexpr auto fields(Type<Recall>) { return std::tuple(&Recall::key); }
constexpr auto fields(Type<Ack>) { return std::tuple(&Ack::key); }
// clang-format on

// The last valid value of each enumeration that is a choice (RunSeq is a number).
constexpr ParamType last_value(Type<ParamType>) {
  return ParamType::any;
}
constexpr Isolation last_value(Type<Isolation>) {
  return Isolation::process;
}
constexpr Outcome last_value(Type<Outcome>) {
  return Outcome::refused;
}

template <class T>
constexpr bool is_choice = requires {
  last_value(Type<T>{});
};
template <class T>
constexpr bool is_list = false;
template <class T>
constexpr bool is_list<std::vector<T>> = true;
template <class T>
constexpr bool is_plain = (std::is_integral_v<T> || std::is_enum_v<T>);

// The fewest bytes a T can take: a count that promises more items than fit is refused before
// anything is allocated.
template <class T>
constexpr std::size_t least_bytes() {
  if constexpr (std::is_same_v<T, bool>) {
    return 1;
  } else if constexpr (is_plain<T>) {
    return sizeof(T);
  } else if constexpr (std::is_same_v<T, Time>) {
    return sizeof(std::int64_t);
  } else if constexpr (std::is_same_v<T, std::string> || is_list<T>) {
    return sizeof(std::uint32_t);
  } else {
    return std::apply(
        [](auto... member) {
          return (least_bytes<std::remove_cvref_t<decltype(std::declval<T>().*member)>>() + ...);
        },
        fields(Type<T>{}));
  }
}

template <class T>
void write(WireWriter& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    out.put(static_cast<std::uint8_t>(value));
  } else if constexpr (is_plain<T>) {
    out.put(value);
  } else if constexpr (std::is_same_v<T, Time>) {
    out.put(static_cast<std::int64_t>(value.time_since_epoch().count()));
  } else if constexpr (std::is_same_v<T, std::string>) {
    out.put(std::string_view{value});
  } else if constexpr (is_list<T>) {
    out.put(static_cast<std::uint32_t>(value.size()));
    for (const auto& item : value) write(out, item);
  } else {
    std::apply([&](auto... member) { (write(out, value.*member), ...); }, fields(Type<T>{}));
  }
}

// False: a value outside its range. A short body shows in `in.bad()`.
template <class T>
bool read(WireReader& in, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    const auto raw = in.get<std::uint8_t>();
    value = raw == 1;
    return raw <= 1;
  } else if constexpr (is_plain<T>) {
    value = in.get<T>();
    if constexpr (is_choice<T>) return value <= last_value(Type<T>{});
    return true;
  } else if constexpr (std::is_same_v<T, Time>) {
    value = Time{Duration{in.get<std::int64_t>()}};
    return true;
  } else if constexpr (std::is_same_v<T, std::string>) {
    value = in.get_text();
    return true;
  } else if constexpr (is_list<T>) {
    const auto count = in.get_count(least_bytes<typename T::value_type>());
    for (std::uint32_t i = 0; i < count && !in.bad(); ++i) {
      if (!read(in, value.emplace_back())) return false;
    }
    return true;
  } else {
    return std::apply([&](auto... member) { return (read(in, value.*member) && ...); },
                      fields(Type<T>{}));
  }
}

// Numbers: the alternative's position, plus a base per direction so that a message sent the wrong
// way is malformed instead of something else.
constexpr std::uint8_t from_agent_base = 0x01;
constexpr std::uint8_t to_agent_base = 0x81;

template <class Variant>
void encode_variant(const Variant& message, std::uint8_t base, std::string& out) {
  WireWriter writer{out};
  writer.put(static_cast<std::uint8_t>(base + message.index()));
  std::visit([&](const auto& body) { write(writer, body); }, message);
}

template <class Variant, std::size_t Index = 0>
bool read_alternative(std::size_t index, WireReader& in, Variant& out) {
  if constexpr (Index == std::variant_size_v<Variant>) {
    return false;
  } else {
    if (index != Index) return read_alternative<Variant, Index + 1>(index, in, out);
    return read(in, out.template emplace<Index>());
  }
}

template <class Variant>
Result<Variant> decode_variant(std::string_view body, std::uint8_t base) {
  WireReader in{body};
  const auto number = in.get<std::uint8_t>();
  const std::size_t index = std::size_t{number} - base;  // wraps to a huge index below the base
  if (in.bad() || index >= std::variant_size_v<Variant>) {
    return {Errc::malformed, "unknown message number " + std::to_string(number)};
  }
  Variant message;
  if (!read_alternative(index, in, message)) {
    return {Errc::malformed, "message " + std::to_string(number) + ": a value out of range"};
  }
  if (in.bad()) return {Errc::malformed, "message " + std::to_string(number) + ": too short"};
  if (!in.at_end()) return {Errc::malformed, "message " + std::to_string(number) + ": too long"};
  return message;
}

}  // namespace

void encode(const FromAgent& message, std::string& out) {
  encode_variant(message, from_agent_base, out);
}

void encode(const ToAgent& message, std::string& out) {
  encode_variant(message, to_agent_base, out);
}

Result<FromAgent> decode_from_agent(std::string_view body) {
  return decode_variant<FromAgent>(body, from_agent_base);
}

Result<ToAgent> decode_to_agent(std::string_view body) {
  return decode_variant<ToAgent>(body, to_agent_base);
}

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::success:
      return "success";
    case Outcome::failed:
      return "failed";
    case Outcome::failed_no_retry:
      return "failed_no_retry";
    case Outcome::skipped:
      return "skipped";
    case Outcome::timeout:
      return "timeout";
    case Outcome::cancelled:
      return "cancelled";
    case Outcome::crashed:
      return "crashed";
    case Outcome::lost:
      return "lost";
    case Outcome::refused:
      return "refused";
  }
  return "unknown";
}

}  // namespace batuta
