// The scheduler process put together: home, store, engine, workers, outbox, DAG folder, HTTP.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/result.h"
#include "scheduler/engine/engine.h"
#include "scheduler/serve/home.h"
#include "scheduler/store/history.h"
#include "scheduler/store/registry.h"

namespace batuta {

class Server {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 8080;             // 0: a free one
    std::string dags_folder;     // absolute
    std::string plugins_folder;  // absolute; shown by doctor and jobs only
    bool new_store = false;      // an empty one, for a home that was in use and has lost its own
    // Takes every alert (its connection, its body as JSON) instead of the webhook. Outbox threads.
    std::function<void(const std::string& connection, const std::string& body_json)> divert_alerts;
  };
  // Takes the home's lock, opens and migrates the store, restores the state, serves. On an error
  // nothing is left running; one of the lock or the store has an exit_code_of(). Main thread.
  static Result<std::unique_ptr<Server>> start(const Home& home, const Options& options);
  ~Server();
  // Nothing more is launched, on no worker. Any thread.
  void hold_back();
  // Stops taking requests, finishes the turn under way, closes everything. Idempotent.
  void stop();

  int port() const;
  std::string url() const;  // "http://127.0.0.1:8080", as this machine reaches it
  // A single-use login code, valid for ten minutes.
  std::string make_login_code();
  // Reads batuta.json and the environment again and takes over what may change while running: all
  // of it or, with an error, nothing. Logged, and a row of the event log of `owner`. Any thread but
  // the control and io threads.
  Result<SettingsReload> reload_settings(const std::string& owner);
  // As over HTTP: passwords of its conf are sealed. Any thread; `done` on the control thread.
  void request(RunRequested event, std::function<void(Reply)> done);
  Engine& engine();
  // What the next launches are told of attempts and contracts (platform_facts.h), gathered now and
  // not within the minute. Blocks on the store; not on the control thread.
  void gather_facts();
  Registry& registry();
  History& history();
  bool stopping() const;
  // True once the DAG folder has been read and the engine knows every DAG: health is 200 from then.
  bool ready() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace batuta
