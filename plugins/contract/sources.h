// The kinds of sources that a contract may name: each lands what it gets in raw and adds its rows
// to bronze: as text, or of files with types as they are.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugins/contract/described.h"
#include "plugins/lake/layer/raw_landing.h"
#include "plugins/lake/session.h"

namespace batuta::from_contract {

// What to read: of an incremental table, the watermark's values from `start` up to `end`,
// exclusive. Without a start from the beginning; full tables have neither.
struct Window {
  std::optional<Time> start, end;
};

using Query = std::map<std::string, std::vector<std::string>>;

struct Extraction {
  plugin::Context& context;
  lake::Session& session;
  const Described& described;
  const lake::TableShape& bronze;  // as the table that is there can take it
  Window window;
  bool snapshot = false;  // it is all that the source has, and may not be nothing
  // Further parameters of a REST request, as the task gives them: values by name.
  const Query& query;
  lake::RawLanding& landing;
  // What else the run tells beside its records: "dead_letters", "tombstones", "lag"…
  std::map<std::string, std::int64_t> told = {};
};

// Each returns how many rows were added, and hands in at most one version of bronze. Throws
// plugin::RetryableError where another try may find what is missing.
std::int64_t receive_files(Extraction& extraction);
// Of a table that lists_keys(), the list goes to bronze, too.
std::int64_t receive_database(Extraction& extraction);
std::int64_t receive_rest(Extraction& extraction);
// From the offsets that lie in bronze (its progress markers) on, and hands the new ones in with the
// rows; dead letters become a version of dlq/<domain>/<table> beside it.
std::int64_t receive_stream(Extraction& extraction);

// Tells the stream how far bronze is, as the offsets of the contract's group. Once what the markers
// say is published; only a note for others, so that a failure is logged and nothing more.
void note_progress(plugin::Context& context, const Described& described);

}  // namespace batuta::from_contract
