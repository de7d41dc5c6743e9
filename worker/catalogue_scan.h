// What plugins a worker offers. Descriptions are read in a child process, because loading a library
// runs its constructors: one that crashes or hangs costs that plugin its place in the catalogue,
// and nothing else. A description is kept until the file's hash changes.
//
// A child that is killed from outside (SIGKILL or SIGTERM: somebody, or the kernel for want of
// memory) says nothing about the plugin that it was loading: it is started again after a pause, and
// only the plugin at which most_kills of them died in a row is left out, until the next look.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/message.h"
#include "worker/plugin_folder.h"

namespace batuta {

// In the child (`batuta-worker slot --catalogue`): loads each named plugin and writes to
// slot_control_fd, per plugin, a frame 'b' name (about to load), then 'i' + an encoded
// CatalogueChanged with one entry, or 'e' + why not. Returns the exit code.
int describe_plugins(const std::string& folder, const std::vector<std::string>& names);

// In the agent: one scan of the folder, carried by the agent's own loop. Not thread-safe.
class CatalogueScan {
 public:
  struct Options {
    std::vector<std::string> command;  // the executable and "slot"
    std::string folder;
    std::int64_t load_timeout_us = 5'000'000;  // for one plugin; 6 times that while it works
    std::int64_t kill_pause_us = 100'000;      // after a child was killed; doubled each time
  };
  static constexpr int most_kills = 5;
  explicit CatalogueScan(Options options) : options_(std::move(options)) {}
  ~CatalogueScan();

  // Reads the manifest and starts a child for what is new. While active(), the agent polls fd() and
  // calls on_readable(), and on_timeout() at deadline_us(). A second start while active scans again
  // afterwards.
  void start();
  bool active() const { return pausing_ || static_cast<bool>(pipe_); }
  int fd() const { return pipe_.get(); }  // -1 in the pause after a child was killed
  pid_t child() const { return child_; }
  // The child has ended and was waited for; `code` and `status` as waitid(2) tells them. What
  // follows from it is done when the pipe ends.
  void child_reaped(int code, int status);
  std::int64_t deadline_us() const { return deadline_us_; }
  // True: the scan is complete, and plugins() is fresh.
  bool on_readable();
  bool on_timeout();

  std::vector<PluginInfo> plugins() const;
  // nullptr when the worker does not offer it.
  const PluginFile* find(const std::string& name) const;
  // Why a listed plugin is not offered, naming its file, by name; "manifest.json" when that cannot
  // be read.
  const std::map<std::string, std::string>& faults() const { return faults_; }
  // Something was left out for a reason that may pass (a slow machine, no process to be had, a
  // child killed from outside): it is worth looking again after retry_after_us(), though no file
  // changes.
  bool incomplete() const { return incomplete_; }
  std::int64_t retry_after_us() const { return 12 * options_.load_timeout_us; }

 private:
  struct Offer {
    PluginFile file;
    PluginInfo info;
  };
  bool next_child();
  bool fail_current(const std::string& why);
  bool fail_all(const std::string& why);
  bool child_ended();
  bool child_killed();
  void collect_ending_child();
  void blame(const std::string& name, const std::string& why);
  bool finish();
  void take(std::string_view body);
  void end_child();

  Options options_;
  std::map<std::string, Offer> offers_;
  std::map<std::string, std::string> faults_;
  std::map<std::string, PluginFile> wanted_;  // still to be described
  std::string current_;
  UniqueFd pipe_;
  pid_t child_ = -1;
  std::int64_t deadline_us_ = 0;
  int extensions_ = 0;  // of it, for the plugin that is being loaded
  int killed_by_ = 0;   // the signal from outside that ended the child; 0: none did
  int kills_ = 0;       // in a row, with no plugin described in between
  bool pausing_ = false;
  std::string buffer_;
  bool again_ = false;
  bool incomplete_ = false;
};

}  // namespace batuta
