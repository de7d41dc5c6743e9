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
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "common/result.h"
#include "common/time.h"

namespace batuta {

inline constexpr std::uint32_t protocol_version = 2;

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

struct Launch {
  AttemptKey key;
  std::int32_t try_number = 1;
  std::string run_uuid;  // execution_id
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  std::int32_t map_index = -1;
  std::string plugin;       // catalogue name
  std::string params_json;  // rendered, validated against the catalogue where it was known
  // The attempt's frame of reference, for the plugin's context:
  // {"logical_date","data_interval_start","data_interval_end","window_start","window_end",
  //  "lake":"<path of the lake folder>","upstream":{task_id: return value},"fence":n}
  std::string context_json;
  std::vector<Secret> secrets;
  std::int64_t timeout_us = 0;  // from the start; 0 = none
  Isolation isolation = Isolation::warm;
  // The slot that ran this instance's previous attempt, when that attempt ended without a report:
  // it must be dead, its lock free, before this one starts. An agent's id instead of a slot's name
  // means any of that agent's slots. Empty otherwise.
  std::string predecessor_slot;
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
  std::string reason;  // one line for people; empty on success
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::int64_t peak_rss_kib = 0;  // with the processes it started; of a crash an upper bound
  Time started;
  Time ended;
  std::string slot;  // name of the slot's lock, for a successor
  std::string plugin_sha256;
  std::string result_json;        // XCom `return_value`; empty = none; at most 64 KiB
  std::string files_json;         // JSON list of paths written; empty = none; at most 64 KiB
  std::string extra_json;         // {"quality":[…],"lineage":[…]}; empty = none
  std::int64_t watermark_us = 0;  // data tasks: new watermark, microseconds UTC; 0 = none
  std::int64_t records = 0;       // data tasks: rows written
  bool has_branch = false;        // branch tasks: `branch` names the direct downstreams to run
  std::vector<std::string> branch;
  std::vector<TableOutput> outputs;
};

// ---- agent -> scheduler -----------------------------------------------------------------------

struct RunningAttempt {
  AttemptKey key;
  Time started;
  std::string slot;
  auto operator<=>(const RunningAttempt&) const = default;
};

struct Hello {
  std::uint32_t version = protocol_version;
  std::string agent_id;    // stable for the agent process's life: a UUID
  std::string agent_lock;  // name of its lock file under <home>/run; free lock = dead agent
  std::string hostname;
  std::int32_t pid = 0;
  std::int32_t slots = 1;
  std::vector<PluginInfo> catalogue;
  std::vector<RunningAttempt> running;  // adopted if their fence is current, else cancelled
  // Finished but unacknowledged attempts follow as ordinary `Finished` messages.
};
struct Heartbeat {
  std::uint64_t sequence = 0;
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
};

using FromAgent = std::variant<Hello, Heartbeat, Started, Finished, Recalled, CatalogueChanged>;

// ---- scheduler -> agent -----------------------------------------------------------------------

struct Welcome {
  std::string store_uuid;
  std::int64_t heartbeat_us = 0;
  std::int64_t lease_us = 0;
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
};

using ToAgent = std::variant<Welcome, HeartbeatAck, Launch, Cancel, Recall, Ack>;

// ---- codec ------------------------------------------------------------------------------------

// A body: one byte of message number, then the fields in declaration order.
void encode(const FromAgent& message, std::string& out);
void encode(const ToAgent& message, std::string& out);

// Errc::malformed for an unknown number, a short or over-long body.
Result<FromAgent> decode_from_agent(std::string_view body);
Result<ToAgent> decode_to_agent(std::string_view body);

const char* to_string(Outcome outcome);

}  // namespace batuta
