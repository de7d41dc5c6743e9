#include "common/message.h"

#include <algorithm>

#include "common/field_codec.h"

namespace batuta {

using codec::Type;

// ---- the fields: their place in the list is their key, so a new one goes last -------------------

// clang-format off
constexpr auto fields(Type<AttemptKey>) {
  return std::tuple(&AttemptKey::run, &AttemptKey::task, &AttemptKey::fence,
                    &AttemptKey::map_index);
}
constexpr auto fields(Type<ParamInfo>) {
  return std::tuple(&ParamInfo::name, &ParamInfo::type, &ParamInfo::required,
                    &ParamInfo::default_json, &ParamInfo::help);
}
constexpr auto fields(Type<PluginInfo>) {
  return std::tuple(&PluginInfo::name, &PluginInfo::version, &PluginInfo::kind,
                    &PluginInfo::summary, &PluginInfo::sha256, &PluginInfo::params);
}
constexpr auto fields(Type<PluginFault>) {
  return std::tuple(&PluginFault::name, &PluginFault::why);
}
constexpr auto fields(Type<Predecessor>) {
  return std::tuple(&Predecessor::kind, &Predecessor::slot, &Predecessor::lease_us);
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
constexpr auto fields(Type<VersionRange>) {
  return std::tuple(&VersionRange::least, &VersionRange::most);
}
constexpr auto fields(Type<Hello>) {
  return std::tuple(&Hello::versions, &Hello::agent_id, &Hello::agent_lock, &Hello::hostname,
                    &Hello::pid, &Hello::slots, &Hello::catalogue, &Hello::running,
                    &Hello::faults, &Hello::leaving, &Hello::drained, &Hello::queues);
}
constexpr auto fields(Type<SlotLoad>) {
  return std::tuple(&SlotLoad::pid, &SlotLoad::resident_bytes, &SlotLoad::cpu_us);
}
constexpr auto fields(Type<Heartbeat>) {
  return std::tuple(&Heartbeat::sequence, &Heartbeat::slots, &Heartbeat::slots_left_out);
}
constexpr auto fields(Type<Started>) {
  return std::tuple(&Started::key, &Started::started, &Started::slot);
}
constexpr auto fields(Type<Finished>) {
  return std::tuple(&Finished::key, &Finished::outcome, &Finished::reason, &Finished::exit_code,
                    &Finished::signal, &Finished::peak_rss_kib, &Finished::started,
                    &Finished::ended, &Finished::slot, &Finished::plugin_sha256,
                    &Finished::result_json, &Finished::files_json, &Finished::extra_json,
                    &Finished::watermark_us, &Finished::records, &Finished::has_branch,
                    &Finished::branch, &Finished::outputs, &Finished::shown_json,
                    &Finished::hidden, &Finished::output_found, &Finished::wait_json,
                    &Finished::payload_json, &Finished::cpu_us, &Finished::read_bytes);
}
constexpr auto fields(Type<Recalled>) { return std::tuple(&Recalled::key); }
constexpr auto fields(Type<CatalogueChanged>) {
  return std::tuple(&CatalogueChanged::catalogue, &CatalogueChanged::faults,
                    &CatalogueChanged::drained);
}
constexpr auto fields(Type<Leaving>) { return std::tuple(&Leaving::reason); }
constexpr auto fields(Type<FileChunk>) {
  return std::tuple(&FileChunk::request, &FileChunk::bytes, &FileChunk::file_bytes,
                    &FileChunk::fault);
}
constexpr auto fields(Type<TaskCheckpoint>) {
  return std::tuple(&TaskCheckpoint::key, &TaskCheckpoint::number,
                    &TaskCheckpoint::checkpoint_json);
}
constexpr auto fields(Type<Welcome>) {
  return std::tuple(&Welcome::version, &Welcome::store_uuid, &Welcome::heartbeat_us,
                    &Welcome::lease_us, &Welcome::cancel_grace_us);
}
constexpr auto fields(Type<HeartbeatAck>) { return std::tuple(&HeartbeatAck::sequence); }
constexpr auto fields(Type<Launch>) {
  return std::tuple(&Launch::key, &Launch::try_number, &Launch::run_uuid, &Launch::dag_id,
                    &Launch::dag_run_id, &Launch::task_id, &Launch::plugin,
                    &Launch::params_json, &Launch::context_json, &Launch::secrets,
                    &Launch::timeout_us, &Launch::isolation, &Launch::predecessor, &Launch::watch,
                    &Launch::memory, &Launch::cpu_percent, &Launch::run_as);
}
constexpr auto fields(Type<Cancel>) {
  return std::tuple(&Cancel::key, &Cancel::grace_us, &Cancel::reason);
}
constexpr auto fields(Type<Recall>) { return std::tuple(&Recall::key); }
constexpr auto fields(Type<Ack>) { return std::tuple(&Ack::key, &Ack::checkpoint); }
constexpr auto fields(Type<Refused>) { return std::tuple(&Refused::reason, &Refused::retry); }
constexpr auto fields(Type<FetchFile>) {
  return std::tuple(&FetchFile::request, &FetchFile::path, &FetchFile::offset, &FetchFile::size);
}
constexpr auto fields(Type<Drain>) { return std::tuple(&Drain::on); }
// clang-format on

// The last valid value of each enumeration that is a choice (RunSeq and MapIndex are numbers).
constexpr ParamType last_value(Type<ParamType>) {
  return ParamType::any;
}
constexpr Isolation last_value(Type<Isolation>) {
  return Isolation::process;
}
constexpr Predecessor::Kind last_value(Type<Predecessor::Kind>) {
  return Predecessor::Kind::lease;
}
constexpr Outcome last_value(Type<Outcome>) {
  return Outcome::deferred;
}

namespace {

// Numbers: the alternative's position, plus a base per direction so that a message sent the wrong
// way is malformed instead of something else.
constexpr std::uint8_t from_agent_base = 0x01;
constexpr std::uint8_t to_agent_base = 0x81;

template <class Variant>
void encode_variant(const Variant& message, std::uint8_t base, std::string& out) {
  WireWriter writer{out};
  writer.put(static_cast<std::uint8_t>(base + message.index()));
  std::visit([&](const auto& body) { codec::write_fields(writer, body); }, message);
}

template <class Variant, std::size_t Index = 0>
bool read_alternative(std::size_t index, std::string_view body, Variant& out) {
  if constexpr (Index == std::variant_size_v<Variant>) {
    return false;
  } else {
    if (index != Index) return read_alternative<Variant, Index + 1>(index, body, out);
    codec::Budget budget;
    return codec::read_fields(body, out.template emplace<Index>(), budget);
  }
}

template <class Variant>
Result<Variant> decode_variant(std::string_view body, std::uint8_t base) {
  if (body.empty()) return {Errc::malformed, "an empty message"};
  const auto number = static_cast<std::uint8_t>(body[0]);
  const std::size_t index = std::size_t{number} - base;  // wraps to a huge index below the base
  if (index >= std::variant_size_v<Variant>) {
    return {Errc::malformed, "unknown message number " + std::to_string(number)};
  }
  Result<Variant> message{Variant{}};  // read in its place: a Launch is a dozen strings to move
  if (!read_alternative(index, body.substr(1), *message)) {
    return {Errc::malformed,
            "message " + std::to_string(number) + ": a field is short or out of range"};
  }
  return message;
}

template <class Variant, class Message, std::size_t Index = 0>
constexpr std::size_t index_of() {
  if constexpr (std::is_same_v<std::variant_alternative_t<Index, Variant>, Message>) {
    return Index;
  } else {
    return index_of<Variant, Message, Index + 1>();
  }
}

}  // namespace

void encode(const FromAgent& message, std::string& out) {
  encode_variant(message, from_agent_base, out);
}

void encode(const Finished& message, std::string& out) {
  WireWriter writer{out};
  writer.put(static_cast<std::uint8_t>(from_agent_base + index_of<FromAgent, Finished>()));
  codec::write_fields(writer, message);
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

std::optional<std::uint32_t> common_version(VersionRange a, VersionRange b) {
  const std::uint32_t most = std::min(a.most, b.most);
  if (most < std::max(a.least, b.least)) return std::nullopt;
  return most;
}

std::string to_string(VersionRange range) {
  const std::string least = std::to_string(range.least);
  return range.least == range.most ? least : least + " to " + std::to_string(range.most);
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
    case Outcome::deferred:
      return "deferred";
  }
  return "unknown";
}

}  // namespace batuta
