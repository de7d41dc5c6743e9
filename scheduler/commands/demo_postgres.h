// A PostgreSQL server of the demo's own, in <home>/demo/postgres: `batuta demo run --real`.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace batuta {

// Where somebody connects to it, by TCP on this machine alone.
struct PostgresAddress {
  int port = 0;
  std::string login;
  std::string password;
  std::string pass_file;  // for psql and its like: PGPASSFILE
};

// Runs as the user of this process, or, when that is root, as `postgres` or else `nobody`: the
// server refuses to be root. It ends with this object, and with the thread that started it, however
// that ends.
class DemoPostgres {
 public:
  // Makes the data folder where there is none, starts the server, waits until it answers. Called by
  // the main thread, with the home's lock held. `home` is absolute. Errc::not_found: no PostgreSQL
  // is installed; Errc::unavailable: it does not start, with the last lines of its log.
  static Result<std::unique_ptr<DemoPostgres>> start(const std::string& home);
  ~DemoPostgres();
  DemoPostgres(const DemoPostgres&) = delete;
  DemoPostgres& operator=(const DemoPostgres&) = delete;

  const PostgresAddress& address() const { return address_; }
  // Makes the database where it is missing and runs the script in it as a superuser, by way of
  // `file`, which its owner alone can read and which is gone afterwards: there may be passwords in
  // the script. Errc::unavailable, with what psql said.
  Status prepare(const std::string& database, const std::string& script,
                 const std::string& file) const;
  // The rows of a query, columns joined by '|'.
  Result<std::vector<std::string>> rows(const std::string& database,
                                        const std::string& query) const;

 private:
  DemoPostgres() = default;
  Status make_cluster();
  Status launch();
  std::vector<std::string> as_its_user(std::vector<std::string> command) const;
  std::vector<std::string> psql(const std::string& database) const;

  std::string home_, folder_, programs_, user_;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
  PostgresAddress address_;
  pid_t pid_ = -1;
};

// Ends a server that an earlier demo of this home left behind, if there is one. Errc::conflict: it
// does not end. Nothing else is ever signalled: the process must have been started on that folder.
Status end_left_postgres(const std::string& home);

}  // namespace batuta
