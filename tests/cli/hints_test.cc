#include "scheduler/cli/hints.h"

#include <doctest/doctest.h>

#include <string>

using batuta::cli::hint_for;

TEST_CASE("hints: the commands of Airflow, Dagu and cron are told what does the same here") {
  CHECK(hint_for("webserver").find("batuta standalone") != std::string::npos);
  CHECK(hint_for("db migrate").find("when the server starts") != std::string::npos);
  CHECK(hint_for("tasks failed-deps").find("tasks explain") != std::string::npos);
  CHECK(hint_for("retry").find("--only-failed") != std::string::npos);
  CHECK(hint_for("crontab").find("import-crontab") != std::string::npos);
  CHECK(hint_for("rotate-fernet-key").find("batuta secrets rotate-key") != std::string::npos);
  CHECK(hint_for("runz").empty());
}
