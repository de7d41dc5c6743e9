#include "worker/slot_link.h"

#include "common/wire.h"

namespace batuta {
namespace {

// What follows a report's number.
enum class Said : std::uint8_t { finished, finished_and_retire, checkpoint };

}  // namespace

std::string encode_slot_launch(std::uint64_t number, const PluginFile& file,
                               std::string_view encoded_launch) {
  std::string body;
  body.reserve(encoded_launch.size() + 256);
  WireWriter out{body};
  out.put(number);
  out.put(std::string_view{file.name});
  out.put(std::string_view{file.file});
  out.put(std::string_view{file.sha256});
  out.put(encoded_launch);
  return body;
}

Result<SlotLaunch> decode_slot_launch(std::string_view body) {
  WireReader in{body};
  SlotLaunch out;
  out.number = in.get<std::uint64_t>();
  out.file.name = in.get_text();
  out.file.file = in.get_text();
  out.file.sha256 = in.get_text();
  auto message = decode_to_agent(in.get_text());
  if (in.bad() || !in.at_end() || !message || !std::holds_alternative<Launch>(*message)) {
    return {Errc::malformed, "not a launch"};
  }
  out.launch = std::move(std::get<Launch>(*message));
  return out;
}

std::string encode_slot_report(const SlotReport& report) {
  std::string body;
  WireWriter out{body};
  out.put(report.number);
  if (report.checkpoint) {
    out.put(static_cast<std::uint8_t>(Said::checkpoint));
    encode(FromAgent{*report.checkpoint}, body);
    return body;
  }
  out.put(static_cast<std::uint8_t>(report.retire ? Said::finished_and_retire : Said::finished));
  encode(report.finished, body);
  return body;
}

Result<SlotReport> decode_slot_report(std::string_view body) {
  constexpr std::size_t head = 9;
  WireReader in{body};
  SlotReport out;
  out.number = in.get<std::uint64_t>();
  const auto said = static_cast<Said>(in.get<std::uint8_t>());
  out.retire = said == Said::finished_and_retire;
  if (in.bad() || said > Said::checkpoint) return {Errc::malformed, "not a slot's report"};
  auto message = decode_from_agent(body.substr(head));
  if (said == Said::checkpoint && message && std::holds_alternative<TaskCheckpoint>(*message)) {
    out.checkpoint = std::move(std::get<TaskCheckpoint>(*message));
    return out;
  }
  if (said == Said::checkpoint) return {Errc::malformed, "not a slot's checkpoint"};
  if (!message || !std::holds_alternative<Finished>(*message)) {
    return {Errc::malformed, "not a slot's report"};
  }
  out.finished = std::move(std::get<Finished>(*message));
  return out;
}

}  // namespace batuta
