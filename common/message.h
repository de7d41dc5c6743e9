// Everything that scheduler, agent and slot say to each other: two variants per link, one codec.
//
// scheduler <-> agent: one framed stream (common/frame.h). The agent speaks first with `Hello`.
// agent <-> slot: the same frames over a socket pair; `Launch` down, `Finished` up.
//
// Delivery: the agent keeps every `Finished` until its `Ack`, which the scheduler sends after the
// commit that recorded it, and repeats it after a reconnect. All handlers are idempotent by
// (AttemptKey). Adding a message: an alternative here (last), its field list in message.cc, a row
// in tests/common/message_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "common/result.h"
#include "common/time.h"

namespace batuta {

// What this build can speak. A peer one version older or newer is understood as it is: fields are
// found by key, unknown ones skipped (common/field_codec.h). A new message, a new value of an
// enumeration, or a changed meaning raises `most`, and is sent only when the version agreed upon
// has it; `least` follows when the old meaning is no longer served.
struct VersionRange {
  std::uint32_t least = 0;
  std::uint32_t most = 0;
};
inline constexpr VersionRange protocol_versions{3, 7};
// From which on an agent understands Drain.
inline constexpr std::uint32_t drain_version = 4;
// From which on a scheduler understands Outcome::deferred.
inline constexpr std::uint32_t deferral_version = 5;
// From which on a scheduler understands TaskCheckpoint.
inline constexpr std::uint32_t checkpoint_version = 6;
// From which on an agent understands Launch::run_as. One before would run the attempt as its own
// user, so it is not sent there.
inline constexpr std::uint32_t run_as_version = 7;
// The newest version that both speak.
std::optional<std::uint32_t> common_version(VersionRange a, VersionRange b);
std::string to_string(VersionRange range);  // "3" or "3 to 5"

// ---- plugin catalogue -------------------------------------------------------------------------

enum class ParamType : std::uint8_t {
  string,
  integer,
  number,
  boolean,
  array,
  object,
  connection,
  any
};

struct ParamInfo {
  std::string name;
  ParamType type = ParamType::string;
  bool required = false;
  std::string default_json;  // JSON text, or empty for none
  std::string help;
  auto operator<=>(const ParamInfo&) const = default;
};

struct PluginInfo {
  std::string name;     // "financial_bronze", "shell"
  std::string version;  // the plugin's own
  std::string kind;     // "extract" | "transform" | "aggregate" | "builtin"
  std::string summary;
  std::string sha256;  // of the file, hex
  std::vector<ParamInfo> params;
  auto operator<=>(const PluginInfo&) const = default;
};

// A plugin that a worker's manifest lists and the worker does not offer.
struct PluginFault {
  std::string name;
  std::string why;  // names the file
  auto operator<=>(const PluginFault&) const = default;
};

// ---- one attempt ------------------------------------------------------------------------------

// A connection handed to the attempt. `json` is {"conn_type","host","login","password","schema",
// "port","extra"}; every string of 6 characters or more in login-secrets is masked in the log. With
// an empty name it is the values of sensitive variables that the parameters were rendered from:
// nothing to ask for, only to mask.
struct Secret {
  std::string name;
  std::string json;
  std::vector<std::string> mask;  // exact values that must never reach a log
  auto operator<=>(const Secret&) const = default;
};

enum class Isolation : std::uint8_t { warm, process };

// What may still run of this instance's previous attempt, when that ended without a report. The
// attempt starts when it is over, by the proof that the agent can have.
struct Predecessor {
  enum class Kind : std::uint8_t {
    none,
    slot_lock,  // on this host: the slot's lock must be free; who holds it is a remnant, and killed
    lease       // elsewhere: its agent ends what it runs within a lease of silence
  };
  Kind kind = Kind::none;
  // Name of the slot; an agent's id: any of that agent's slots. Several, a space between: all of
  // them.
  std::string slot;
  std::int64_t lease_us = 0;  // lease: from the launch's arrival
  auto operator<=>(const Predecessor&) const = default;
};

struct Launch {
  AttemptKey key;
  std::int32_t try_number = 1;
  std::string run_uuid;  // execution_id
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  std::string plugin;       // catalogue name
  std::string params_json;  // rendered, validated against the catalogue where it was known
  // The attempt's frame of reference, for the plugin's context:
  // {"logical_date","data_interval_start","data_interval_end","window_start","window_end",
  //  "lake":"<path of the lake folder>","upstream":{task_id: return value},"fence":n}
  std::string context_json;
  std::vector<Secret> secrets;
  std::int64_t timeout_us = 0;  // from the start; 0 = none
  Isolation isolation = Isolation::warm;
  Predecessor predecessor;
  // Regular expressions (common/pattern.h) to look for in each line that it prints.
  std::vector<std::string> watch{};
  // What the task itself may have together with all that it starts, in place of the worker's own
  // bounds; 0: as the worker says. Then its slot is its alone.
  std::int64_t memory = 0;       // bytes
  std::int64_t cpu_percent = 0;  // of one processor
  bool asks_bounds() const { return memory > 0 || cpu_percent > 0; }
  std::string run_as{};  // the user that it runs as, by name; empty: the worker's
};

enum class Outcome : std::uint8_t {
  success,
  failed,           // retryable
  failed_no_retry,  // the plugin said that a retry is useless
  skipped,
  timeout,
  cancelled,
  crashed,  // the slot ended by a signal or without a result
  lost,     // the agent or its connection is gone; nobody knows what the attempt did
  refused,  // not started: unknown plugin, bad ABI, memory
  deferred  // its task waits without a slot, and is launched again then (Finished::wait_json)
};

// One table change prepared by an attempt: files are in place, no log entry names them yet.
struct TableOutput {
  std::string table;               // "silver/financial/quotes"
  bool append = false;             // blind append: needs no check against later publications
  std::int64_t read_version = -1;  // Delta version read; -1 = the table did not exist
  std::string payload_json;        // what lakelog::publish needs; opaque to everyone else
  auto operator<=>(const TableOutput&) const = default;
};

struct Finished {
  AttemptKey key;
  Outcome outcome = Outcome::success;
  std::string reason;  // one line for people; on success what the plugin noted, mostly nothing
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::int64_t peak_rss_kib = 0;  // with the processes it started; of a crash an upper bound
  Time started;
  Time ended;
  std::string slot;  // name of the slot's lock, for a successor
  std::string plugin_sha256;
  std::string result_json;        // XCom `return_value`, or common/run_files.h; at most 64 KiB
  std::string files_json;         // JSON list of paths written; empty = none; at most 64 KiB
  std::string extra_json;         // {"quality":[…],"lineage":[…]}; empty = none
  std::int64_t watermark_us = 0;  // data tasks: new watermark, microseconds UTC; 0 = none
  std::int64_t records = 0;       // data tasks: rows written
  bool has_branch = false;        // branch tasks: `branch` names the direct downstreams to run
  std::vector<std::string> branch;
  std::vector<TableOutput> outputs;
  // When result_json holds secrets of the attempt: what people may see of it, JSON, and the secret
  // values in it, so that it can be kept sealed and masked where it goes next.
  std::string shown_json;
  std::vector<std::string> hidden;
  bool output_found = false;  // a line that it printed holds one of Launch::watch
  // Outcome::deferred only: what is waited for, a JSON object with the fields of a sensor, and JSON
  // that the next launch gets; each at most max_deferral_bytes.
  std::string wait_json{};
  std::string payload_json{};
  // What it took, the processes that it started and that ended included; -1: not known. Processor
  // time in microseconds (of a crash without what the slot's attempts before it took, so with the
  // slot's own start at most), and bytes that reading files gave, from caches too; of a crash -1.
  std::int64_t cpu_us = -1;
  std::int64_t read_bytes = -1;
  // Further XComs by key, JSON texts. Not sent: the engine makes them of result_json.
  std::vector<std::pair<std::string, std::string>> xcoms{};
};

inline constexpr std::size_t max_deferral_bytes = 64 << 10;

// ---- agent -> scheduler -----------------------------------------------------------------------

struct RunningAttempt {
  AttemptKey key;
  Time started;
  std::string slot;
  auto operator<=>(const RunningAttempt&) const = default;
};

struct Hello {
  VersionRange versions;   // what the agent speaks
  std::string agent_id;    // stable for the agent process's life: a UUID
  std::string agent_lock;  // name of its lock file under <home>/run; free lock = dead agent
  std::string hostname;
  std::int32_t pid = 0;
  std::int32_t slots = 1;
  std::vector<PluginInfo> catalogue;
  std::vector<RunningAttempt> running;  // adopted if their fence is current, else cancelled
  // Finished but unacknowledged attempts follow as ordinary `Finished` messages.
  std::vector<PluginFault> faults;
  bool leaving = false;               // as if `Leaving` had been said
  bool drained = false;               // it was told to Drain, and not yet to stop that
  std::vector<std::string> queues{};  // whose tasks it takes; none: of "default"
};
// What a slot and all that it started use of the agent's machine.
struct SlotLoad {
  std::int32_t pid = 0;  // the slot's own; a slot that is started anew has another
  std::int64_t resident_bytes = 0;
  std::int64_t cpu_us = 0;  // of those that are there, and of those that it waited for
};
struct Heartbeat {
  std::uint64_t sequence = 0;
  std::vector<SlotLoad> slots{};    // as they are now; older agents tell none
  std::int64_t slots_left_out = 0;  // of which nothing is told (common/slot_loads.h)
};
struct Started {
  AttemptKey key;
  Time started;
  std::string slot;
};
struct Recalled {  // answer to Recall: the attempt had not started and never will
  AttemptKey key;
};
struct CatalogueChanged {
  std::vector<PluginInfo> catalogue;
  std::vector<PluginFault> faults;
  bool drained = false;  // it has them, and takes nothing; said after a Drain, unless it leaves
};
// The agent stops: nothing more is to be launched on it. What had not started is recalled, what
// runs is reported as ever; the connection closes when all is acknowledged.
struct Leaving {
  std::string reason;
};
// Answer to FetchFile: bytes of the file from the asked offset, fewer than asked at its end. With a
// `fault` there are none.
struct FileChunk {
  std::uint64_t request = 0;
  std::string bytes;
  std::int64_t file_bytes = 0;  // the file's size when it was read
  std::string fault;            // "not found", or why it cannot be read
};

// From where the next try of a running attempt's task instance is to go on; takes the place of the
// one before. The agent says its newest again until the Ack, and after a reconnect. Only to
// schedulers of checkpoint_version.
struct TaskCheckpoint {
  AttemptKey key;
  std::uint64_t number = 0;     // from 1; grows with each of one attempt
  std::string checkpoint_json;  // at most max_checkpoint_bytes
};
inline constexpr std::size_t max_checkpoint_bytes = 64 << 10;

using FromAgent = std::variant<Hello, Heartbeat, Started, Finished, Recalled, CatalogueChanged,
                               Leaving, FileChunk, TaskCheckpoint>;

// ---- scheduler -> agent -----------------------------------------------------------------------

struct Welcome {
  std::uint32_t version = 0;  // what both speak from here on
  std::string store_uuid;
  std::int64_t heartbeat_us = 0;
  std::int64_t lease_us = 0;
  std::int64_t cancel_grace_us = 10'000'000;  // between asking an attempt to end and killing it
};
struct HeartbeatAck {
  std::uint64_t sequence = 0;
};
struct Cancel {  // ask at once, kill the whole process tree after `grace_us`
  AttemptKey key;
  std::int64_t grace_us = 0;
  std::string reason;
};
struct Recall {  // give an unstarted attempt back; answered by Recalled, or by Started if too late
  AttemptKey key;
};
struct Ack {  // this Finished is durable; forget it
  AttemptKey key;
  // Not 0: it is not about a Finished, but about the TaskCheckpoint of that number and those
  // before.
  std::uint64_t checkpoint = 0;
};

// Instead of a Welcome, and the connection closes: the agent says why in its log, and comes back
// less and less often.
struct Refused {
  std::string reason;
  bool retry = true;  // false: only another build can mend it
};

// A part of a file of the worker, answered by FileChunk. `path` is relative to the worker's home
// and must lie below logs/.
struct FetchFile {
  std::uint64_t request = 0;  // comes back in the answer
  std::string path;
  std::int64_t offset = 0;
  std::int64_t size = 0;  // bytes wanted, at most max_chunk_bytes
};
inline constexpr std::int64_t max_chunk_bytes = 1 << 20;

// The agent takes nothing new until it is told the contrary or ends: what had not started is
// recalled, what runs goes on. It remembers, so that a scheduler that starts anew finds it so. Only
// to agents of drain_version.
struct Drain {
  bool on = true;
};

using ToAgent =
    std::variant<Welcome, HeartbeatAck, Launch, Cancel, Recall, Ack, Refused, FetchFile, Drain>;

// ---- codec ------------------------------------------------------------------------------------

// A body: one byte of message number, then the fields (common/field_codec.h).
void encode(const FromAgent& message, std::string& out);
void encode(const Finished& message, std::string& out);  // as the above
void encode(const ToAgent& message, std::string& out);

// Errc::malformed for an unknown number, a short field, a value out of range.
Result<FromAgent> decode_from_agent(std::string_view body);
Result<ToAgent> decode_to_agent(std::string_view body);

const char* to_string(Outcome outcome);
// As its task meant it to.
constexpr bool ended_well(Outcome outcome) {
  return outcome == Outcome::success || outcome == Outcome::skipped || outcome == Outcome::deferred;
}

}  // namespace batuta
