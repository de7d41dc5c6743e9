// mngt/platform/alert: a row for every alert: all that are open, and those closed of late.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "monitor/alert.h"
#include "plugins/monitors/own_table.h"

namespace batuta::lake {

inline constexpr const char* alert_table_name = "mngt/platform/alert";

class AlertTable {
 public:
  AlertTable(Session& session, const Lake& lake, const std::string& info_json);

  std::vector<monitor::Alert> open_alerts();
  // Newest first; `closed`: those that are, else the open ones too. `most` of them at most.
  std::vector<monitor::Alert> newest(bool open, bool closed, std::int64_t most);
  std::optional<monitor::Alert> find(std::int64_t id);
  // Those that this evaluation closed.
  std::vector<monitor::Alert> closed_by_run(const std::string& run);
  // Those that were closed after this; within change() as of the version that it decides on.
  std::vector<monitor::Alert> closed_after(Time when);
  // Takes away alerts that were closed before `oldest`, and returns how many. Only files of closed
  // ones are written anew, and the alert with the highest number stays, so that none is given
  // twice. 0 too where others changed the table meanwhile, which puts it off.
  std::int64_t drop_closed_before(Time oldest);

  // Reads the open alerts, asks what shall be open then and what is closed, and puts that as one
  // version; again where others changed them meanwhile. `decide` gets the number for the next one,
  // and its answer is as settle()'s. Throws plugin::RetryableError when others do not stop.
  monitor::Settled change(
      const std::function<monitor::Settled(std::vector<monitor::Alert>, std::int64_t)>& decide);

 private:
  std::vector<monitor::Alert> read(const std::string& where, const std::vector<Param>& params,
                                   bool open, bool closed);
  void write_rows(const std::vector<monitor::Alert>& alerts);

  Session& session_;
  OwnTable own_;
};

}  // namespace batuta::lake
