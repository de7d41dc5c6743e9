// One installation: everything under one folder.
//
//   batuta.json     settings (optional)        scheduler.lock   held by the running scheduler
//   batuta.schema.json  of it, for editors
//   batuta.db       the store                  secret.key       encrypts secrets, 0600
//   admin.json      first admin's password, 0600
//   run/            worker.sock, endpoint.json, slots/, agents' locks
//   logs/           one folder per run UUID; scheduler.log, worker.log
//   results/, runs/ likewise: large return values, what tasks of a run share (common/run_files.h)
//   lake/           raw bronze silver gold quarantine
//   bundles/        each folder in it is a bundle of DAGs      backups/
//   revisions/      bundles of Git repositories, checked out
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "scheduler/serve/settings.h"

namespace batuta {

// Settings that may change while they are read. Any thread.
class LiveSettings {
 public:
  explicit LiveSettings(Settings settings) { set(std::move(settings)); }
  std::shared_ptr<const Settings> get() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }
  void set(Settings settings) {
    auto next = std::make_shared<const Settings>(std::move(settings));
    const std::lock_guard lock(mutex_);
    settings_ = std::move(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;  // guarded by mutex_
};

class Home {
 public:
  // Creates the folders (0700). Errc::unavailable when that fails, Errc::invalid for bad settings.
  static Result<Home> open(const std::string& folder);
  // Of a home that has no store yet: writes a batuta.json without settings that names its schema,
  // unless there is one; and the schema of this program, if it is not there. Errc::unavailable.
  Status write_first_settings() const;

  const std::string& folder() const { return folder_; }  // absolute
  // As they were at the start: for what only a start takes over.
  const Settings& settings() const { return settings_; }
  // The same with what was reloaded since; copies of a home share it. Any thread.
  std::shared_ptr<const Settings> live() const { return live_->get(); }
  void set_live(Settings settings) const { live_->set(std::move(settings)); }
  // What somebody should be told of the settings, sentences.
  const std::vector<std::string>& notes() const { return notes_; }
  std::string path(const std::string& relative) const { return folder_ + "/" + relative; }

  std::string store_url() const { return "sqlite:" + path("batuta.db"); }

  // 0600, whole or not at all.
  Status write_private(const std::string& relative, const std::string& text) const;

 private:
  std::string folder_;
  Settings settings_;
  std::vector<std::string> notes_;
  std::shared_ptr<LiveSettings> live_;
};

}  // namespace batuta
