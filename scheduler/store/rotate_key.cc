#include "scheduler/store/rotate_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "common/fd.h"
#include "scheduler/store/crypto.h"
#include "scheduler/store/migrator.h"
#include "scheduler/store/sealed_conf.h"
#include "scheduler/store/sealed_scopes.h"
#include "scheduler/store/sealed_value.h"
#include "scheduler/store/sqlite.h"
#include "scheduler/store/upgrade.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t digits_of_a_name = 16;
constexpr std::int64_t page = 500;  // rows in memory at once

struct Box {
  std::string scope, name, bytes;
};

[[noreturn]] void fail_on(const std::string& what) {
  throw StoreError(what + ": " + std::strerror(errno), errno == ENOSPC);
}

void sync_folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  const UniqueFd dir(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || ::fsync(dir.get()) != 0) fail_on("cannot sync " + folder);
}

SecretKey read_key(const std::string& path) {
  auto key = SecretKey::read(path);
  if (!key) throw StoreError(key.error().message, false);
  return *std::move(key);
}

std::string kept_name(const std::string& key_path, const SecretKey& key) {
  return key_path + "." + hex_of(key.mac("name", "")).substr(0, digits_of_a_name);
}

// ---- what a key can be tried on ---------------------------------------------------------------

std::optional<Box> a_box(Database& db, const char* select, const char* scope) {
  Rows rows = db.statement(select).query();
  if (!rows.next()) return std::nullopt;
  Box box{scope, {}, {}};
  rows.read(box.name, box.bytes);
  return box;
}

// Nothing where no variable and no connection is sealed.
std::optional<Box> some_box(Database& db) {
  if (auto box = a_box(db, "SELECT key, value_box FROM variable LIMIT 1", variable_scope)) {
    return box;
  }
  if (auto box = a_box(db,
                       "SELECT id, password_box FROM connection WHERE password_box IS NOT NULL "
                       "LIMIT 1",
                       password_scope)) {
    return box;
  }
  return a_box(db, "SELECT id, extra_box FROM connection WHERE extra_box IS NOT NULL LIMIT 1",
               extra_scope);
}

// Runs and results tell, too; but they are many to look through. One that opens is enough: what
// another key sealed, or nobody did, may lie before it.
bool opens_a_run(Database& db, const SecretKey& key) {
  for (const std::string table : {"dag_run", "backfill"}) {
    Statement select = db.prepare("SELECT dag_id, conf_json FROM " + table +
                                  " WHERE conf_json LIKE '%\"batuta:sealed\"%' "
                                  "ORDER BY rowid DESC");
    Rows rows = select.query();
    while (rows.next()) {
      std::string dag_id, conf;
      rows.read(dag_id, conf);
      const auto opened = open_conf(key, dag_id, conf);
      if (opened && !opened->hidden.empty()) return true;
    }
  }
  for (const char* results :
       {"SELECT run, value_json FROM xcom WHERE value_json LIKE '{\"batuta:sealed\"%' "
        "ORDER BY run DESC",
        "SELECT run, result_json FROM accepted WHERE result_json LIKE '{\"batuta:sealed\"%'"}) {
    Rows rows = db.statement(results).query();
    while (rows.next()) {
      RunSeq run{};
      std::string stored;
      rows.read(run, stored);
      if (open_value(key, run, stored)) return true;
    }
  }
  return false;
}

// ---- files -------------------------------------------------------------------------------------

// `from` becomes the key, and what was it is kept under its own name.
void install(const std::string& from, const std::string& key_path, const RotationStep& after) {
  if (const auto old = SecretKey::read(key_path)) {
    const std::string kept = kept_name(key_path, *old);
    if (::link(key_path.c_str(), kept.c_str()) != 0 && errno != EEXIST) {
      fail_on("cannot keep the old key as " + kept);
    }
    sync_folder_of(key_path);
  } else if (old.error().code != Errc::not_found) {
    throw StoreError(old.error().message, false);
  }
  if (after) after("kept");
  // A kept key stays kept: it goes there by another name.
  std::string moved = from;
  if (from != key_path + ".new") {
    moved = key_path + ".back";
    ::unlink(moved.c_str());
    if (::link(from.c_str(), moved.c_str()) != 0) fail_on("cannot put back " + from);
  }
  if (::rename(moved.c_str(), key_path.c_str()) != 0) fail_on("cannot replace " + key_path);
  // Two names of one file: rename() did nothing.
  if (fs::exists(moved)) ::unlink(moved.c_str());
  sync_folder_of(key_path);
}

// Whose file the key is, the new one is: root may run this for a server of another user.
void give_to_owner_of(const std::string& key_path, const std::string& new_path) {
  struct stat info {};
  if (::stat(key_path.c_str(), &info) != 0) fail_on("cannot look at " + key_path);
  if (info.st_uid == ::geteuid()) return;
  if (::chown(new_path.c_str(), info.st_uid, info.st_gid) != 0) {
    fail_on("cannot give " + new_path + " to the owner of " + key_path);
  }
}

// ---- sealing anew -----------------------------------------------------------------------------

std::string reseal(const SecretKey& from, const SecretKey& to, const Box& box) {
  const auto plain = from.open(box.scope, box.name, box.bytes);
  if (!plain) {
    throw StoreError("secret.key does not open the " + box.scope + " of '" + box.name +
                         "': put the right key file back, or delete what it cannot open; nothing "
                         "was changed",
                     false);
  }
  return to.seal(box.scope, box.name, *plain);
}

void reseal_registry(Database& db, const SecretKey& from, const SecretKey& to, RotatedKey& told) {
  struct Place {
    const char* select;
    const char* update;
    const char* scope;
  };
  constexpr Place places[] = {
      {"SELECT key, value_box FROM variable", "UPDATE variable SET value_box = ? WHERE key = ?",
       variable_scope},
      {"SELECT id, password_box FROM connection WHERE password_box IS NOT NULL",
       "UPDATE connection SET password_box = ? WHERE id = ?", password_scope},
      {"SELECT id, extra_box FROM connection WHERE extra_box IS NOT NULL",
       "UPDATE connection SET extra_box = ? WHERE id = ?", extra_scope}};
  for (const Place& place : places) {
    std::vector<Box> boxes;
    {
      Rows rows = db.statement(place.select).query();
      while (rows.next()) {
        Box& box = boxes.emplace_back();
        box.scope = place.scope;
        rows.read(box.name, box.bytes);
      }
    }
    for (const Box& box : boxes) {
      const std::string sealed = reseal(from, to, box);
      db.statement(place.update).run(Blob{sealed}, box.name);
      ++told.sealed;
    }
  }
}

void count(bool opened, RotatedKey& told) {
  ++(opened ? told.sealed : told.closed);
}

void reseal_confs(Database& db, const SecretKey& from, const SecretKey& to, RotatedKey& told) {
  struct Conf {
    std::int64_t id = 0;
    std::string dag_id, text;
  };
  for (const std::string table : {"dag_run", "backfill"}) {
    Statement select = db.prepare("SELECT rowid, dag_id, conf_json FROM " + table +
                                  " WHERE rowid > ? AND conf_json LIKE '%\"batuta:sealed\"%' "
                                  "ORDER BY rowid LIMIT ?");
    Statement update = db.prepare("UPDATE " + table + " SET conf_json = ? WHERE rowid = ?");
    std::vector<Conf> confs;
    std::int64_t last = 0;
    do {
      confs.clear();
      {
        Rows rows = select.query(last, page);
        while (rows.next()) {
          Conf& conf = confs.emplace_back();
          rows.read(conf.id, conf.dag_id, conf.text);
        }
      }
      for (Conf& conf : confs) {
        count(reseal_conf(from, to, conf.dag_id, conf.text), told);
        update.run(conf.text, conf.id);
        last = conf.id;
      }
    } while (!confs.empty());
  }
}

void reseal_results(Database& db, const SecretKey& from, const SecretKey& to, RotatedKey& told) {
  struct Kept {
    RunSeq run{};
    std::int64_t task = 0, map_index = 0;
    std::string key, value;
  };
  static constexpr char select[] =
      "SELECT run, task, map_index, key, value_json FROM xcom "
      "WHERE (run, task, map_index, key) > (?, ?, ?, ?) AND value_json LIKE "
      "'{\"batuta:sealed\"%' ORDER BY run, task, map_index, key LIMIT ?";
  static constexpr char update[] =
      "UPDATE xcom SET value_json = ? WHERE run = ? AND task = ? AND map_index = ? AND key = ?";
  Kept last;
  last.task = last.map_index = -2;
  std::vector<Kept> results;
  do {
    results.clear();
    {
      Rows rows = db.statement(select).query(static_cast<std::int64_t>(last.run), last.task,
                                             last.map_index, last.key, page);
      while (rows.next()) {
        Kept& one = results.emplace_back();
        rows.read(one.run, one.task, one.map_index, one.key, one.value);
      }
    }
    for (Kept& one : results) {
      count(reseal_value(from, to, one.run, one.value), told);
      db.statement(update).run(one.value, static_cast<std::int64_t>(one.run), one.task,
                               one.map_index, one.key);
    }
    if (!results.empty()) last = results.back();
  } while (!results.empty());
}

// Results whose tables are being published: they become xcoms when the server goes on.
void reseal_accepted(Database& db, const SecretKey& from, const SecretKey& to, RotatedKey& told) {
  struct Waiting {
    AttemptKey key;
    std::string result;
  };
  std::vector<Waiting> waiting;  // few: of attempts that are in the engine's memory, too
  {
    Rows rows = db.statement(
                      "SELECT run, task, map_index, fence, result_json FROM accepted "
                      "WHERE result_json LIKE '{\"batuta:sealed\"%'")
                    .query();
    while (rows.next()) {
      Waiting& one = waiting.emplace_back();
      rows.read(one.key.run, one.key.task, one.key.map_index, one.key.fence, one.result);
    }
  }
  for (Waiting& one : waiting) {
    count(reseal_value(from, to, one.key.run, one.result), told);
    db.statement(
          "UPDATE accepted SET result_json = ? "
          "WHERE run = ? AND task = ? AND map_index = ? AND fence = ?")
        .run(one.result, one.key.run, one.key.task, one.key.map_index, one.key.fence);
  }
}

// The keys that lie beside the key, the one of a rotation first: it may be the only one that opens
// the store.
std::vector<std::string> keys_beside(const std::string& key_path) {
  std::vector<std::string> others;
  const fs::path folder = fs::path(key_path).parent_path();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, ignored)) {
    const std::string path = entry.path().string();
    if (path.starts_with(key_path + ".")) others.push_back(path);
  }
  std::sort(others.begin(), others.end());
  std::stable_partition(others.begin(), others.end(),
                        [&](const std::string& path) { return path == key_path + ".new"; });
  return others;
}

}  // namespace

void settle_key(Database& db, const std::string& key_path) {
  const std::vector<std::string> others = keys_beside(key_path);
  if (others.empty()) return;
  const auto box = some_box(db);
  const auto opens = [&](const SecretKey& key) {
    return box ? key.open(box->scope, box->name, box->bytes).has_value() : opens_a_run(db, key);
  };
  const auto current = SecretKey::read(key_path);
  if (current && opens(*current)) return;
  if (!current && current.error().code != Errc::not_found) return;  // said by whoever reads it
  for (const std::string& path : others) {
    const auto other = SecretKey::read(path);
    if (other && opens(*other)) return install(path, key_path, {});
  }
}

RotatedKey rotate_key(const std::string& path, const std::string& key_path, Time now,
                      const RotationStep& after) {
  const auto step = [&](const char* name) {
    if (after) after(name);
  };
  Database db(path, Database::Mode::read_write);
  check_migrations(db, embedded_migrations());
  bring_up_to_date(db, embedded_migrations(), now);
  settle_key(db, key_path);
  const std::string new_path = key_path + ".new";
  const SecretKey from = read_key(key_path);
  auto made = SecretKey::create(new_path);
  if (!made && made.error().code != Errc::conflict) throw StoreError(made.error().message, false);
  step("made");
  give_to_owner_of(key_path, new_path);
  const SecretKey to = read_key(new_path);
  RotatedKey told;
  told.kept = kept_name(key_path, from);
  db.execute("PRAGMA secure_delete = ON");  // what the old key opens does not stay in free pages
  {
    Transaction transaction(db);
    reseal_registry(db, from, to, told);
    reseal_confs(db, from, to, told);
    reseal_results(db, from, to, told);
    reseal_accepted(db, from, to, told);
    step("sealed");
    transaction.commit();
  }
  step("committed");
  install(new_path, key_path, after);
  step("installed");
  db.checkpoint(true);
  return told;
}

}  // namespace batuta
