// A pipeline's sources, made up: what `batuta demo simulate`, `demo serve` and `demo run` share.
// One implementation a pipeline; adding one is a file and a row of make_simulation().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/http/exchange.h"

namespace batuta::demo {

struct SimulationOptions {
  std::uint64_t seed = 42;
  int size = 200;  // clients, customers: whatever the pipeline counts by
  int days = 5;
  std::chrono::sys_days first_day{std::chrono::year(2026) / 3 / 2};
  double defects = 1;  // times the usual rates; 0: none
};

// What a run must be told of where the stand-ins are.
struct SimulationSetting {
  std::string key, value, description;
};

// What a pipeline has in a database, where there is a real one.
struct RealDatabase {
  std::string database;     // its name, lower case
  std::string connection;   // the id of the connection by which tasks find it
  std::string description;  // of that connection
  std::string script;       // SQL that makes what must be there, each time anew or where missing
  SimulationSetting switch_on;  // the variable by which tasks learn of it; without a key: none
  std::string file;             // of the bundle, in which `comment` is a line
  std::string comment;          // "# …": without its mark, it has the pipeline read the database
  std::string schema;           // into which gold tables are published; empty: none are
  std::string login;            // the role as which tasks log in: their own, and no superuser
  std::string grants;           // SQL behind the script: what that role may do, and no more
};

// The script with the role in it: made where it is missing, given this password, taken all that
// makes more of it than somebody who may log in, and let into this database, which nobody else is.
// A superuser runs it, any number of times. `password` holds letters and digits.
std::string script_with_role(const RealDatabase& real, const std::string& password);

// A spot in a file of the bundle: what it says with the embedded log, and with a broker, which is
// the connection <pipeline>_broker.
struct BrokerText {
  std::string file, embedded, broker;
  bool may_miss = false;  // a file of before, or of one's own, is well without it
};

// What is sent to a topic, and when in the simulation's time.
struct SimulatedMessage {
  std::string key, value;
  Time at{};
};

class Simulation {
 public:
  virtual ~Simulation() = default;
  // Writes the files that stand in for databases and what is delivered as files below `folder`,
  // which is made where needed. The same options write the same bytes; more days only add records.
  // Whole or, after an error, in part: writing again mends it.
  virtual Status write(const std::string& folder) const = 0;
  // The topic to which it sends messages; empty: to none.
  virtual std::string topic() const { return {}; }
  // Calls it with each in the order of sending, until it returns false; times go back by some
  // minutes at most, but for what comes late. More days only add some behind.
  virtual void messages(const std::function<bool(SimulatedMessage)>&) const {}
  // The sources that are services; null where there are none. Called by one thread.
  virtual http::Handler handler() const = 0;
  // The same, where records of a time come to be there as `there` says of it; one that is asked
  // often. Those that know no such records serve all that they have.
  virtual http::Handler handler_by(const std::function<bool(Time)>& there) const {
    (void)there;
    return handler();
  }
  // The connection that names that service; empty without one.
  virtual std::string connection() const = 0;
  // The variables by which the contracts' files are found, for what was written to `folder`.
  virtual std::vector<SimulationSetting> settings(const std::string& folder) const = 0;
  // What a run over all of it must leave in the lake, as JSON text, computed from the records
  // themselves and not from files, services or the lake:
  //   {"pipeline", "seed", "first_day", "days", "size", "records": {…},
  //    "assertions": [{"name", "query", "rows": [["text", null, …], …]}, …]}
  // Each query yields texts in an order of its own; `rows` is what it must be.
  virtual std::string truth() const = 0;
  // The window of a run that reads all of it.
  virtual Time begins() const = 0;
  virtual Time ends() const = 0;
  // Tables to show, in order.
  virtual std::vector<std::string> gold() const = 0;
  // What takes a stand-in's place with `--real`; nullopt: nothing does.
  virtual std::optional<RealDatabase> real_database() const { return std::nullopt; }
  // Of those with a topic: what has the pipeline read it from a broker.
  virtual std::vector<BrokerText> broker_texts() const { return {}; }
  // Whether somebody outside gets the gold tables, as files and, where it is real, in a database.
  virtual bool delivers() const { return false; }
};

// The spot of a contract of the bundle.
BrokerText broker_contract(const std::string& file);
// That of the bundle's monitor of how far its topic is read.
BrokerText broker_monitor(const std::string& pipeline);
// Names of the pipelines that have a simulation, in order.
std::vector<std::string> simulated_pipelines();
// What `demo run` takes: financial, whose market is served live, and those.
std::vector<std::string> runnable_pipelines();
// What makes two simulations send the same, but for how many days: "users --seed 42 --size 200 …".
std::string describe(const std::string& pipeline, const SimulationOptions& options);
// nullptr for a name that is none of those.
std::unique_ptr<Simulation> make_simulation(const std::string& pipeline,
                                            const SimulationOptions& options);

}  // namespace batuta::demo
