// `./dev run`: a home with everything the financial pipeline needs, and its first run.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"

namespace batuta {

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

// Sets the connections quotes_api and slack_alerts (their addresses change at each start) and,
// where missing, the variables SLACK_ETL_ALERT_CHANNEL and SLACK_ETL_ALERT_USERNAME. Blocks until
// durable.
Status seed_demo(Server& server, const DemoServices& services);

// Triggers `financial`, waits for its end, prints the gold table. The run's state: "success" or
// "failed". Errc::unavailable when the server is stopped meanwhile.
Result<std::string> demo_run(Server& server, const std::string& home);

}  // namespace batuta
