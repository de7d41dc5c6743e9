// `./dev run`: a home with everything the financial pipeline needs, and its first run.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"

namespace batuta {

class Home;
class Server;

// The quote service and the alert receiver on free loopback ports, on threads of their own, for as
// long as this lives.
class DemoServices {
 public:
  DemoServices();
  ~DemoServices();
  std::string quotes_url() const;
  std::string alerts_url() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Makes the installation's bundle `name` one of the home's, dropped in: each file that is not there
// yet, for whoever changed one keeps it. A bundle of before there were contracts is set aside, as
// <name>.json.old: its DAG names plugins that are no more.
Status drop_in_bundle(const Home& home, const std::string& name);

// Sets the connections quotes_api and slack_alerts (their addresses change at each start) and,
// where missing, the variables SLACK_ETL_ALERT_CHANNEL and SLACK_ETL_ALERT_USERNAME. Blocks until
// durable.
Status seed_demo(Server& server, const DemoServices& services);

// Triggers `financial` for the last whole hour, waits for its end, prints the gold table, and
// compares that hour with <home>/demo/financial/truth.json, what the market says it must be. The
// run's state, or "wrong". Errc::unavailable when the server is stopped meanwhile. `stays`: whoever
// reads what is printed can look into the home later.
Result<std::string> demo_run(Server& server, const std::string& home, bool stays);

}  // namespace batuta
