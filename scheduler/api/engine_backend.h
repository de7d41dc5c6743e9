// The API's backend over the running engine and the DAG folder.
#pragma once

#include <utility>

#include "scheduler/api/backend.h"
#include "scheduler/store/crypto.h"

namespace batuta::http {

// References outlive it. Any thread.
class EngineBackend final : public ApiBackend {
 public:
  // `key` seals the passwords of confs.
  EngineBackend(Engine& engine, const DagBag& bag, SecretKey key)
      : engine_(engine), bag_(bag), key_(std::move(key)) {}
  // Whatever asks for runs with a conf comes through here: its passwords are sealed.
  void request(Event event, std::function<void(Reply)> done) override;
  void write(std::function<Status()> write, std::function<void(Status)> done) override;
  void live(std::function<void(Result<LiveView>)> done) override;
  void explain(const InstanceKey& instance,
               std::function<void(Result<std::vector<Reason>>)> done) override;
  EngineMetrics metrics() const override;
  std::string trouble() const override;
  std::shared_ptr<const DagBagSnapshot> dags() const override;

 private:
  Engine& engine_;
  const DagBag& bag_;
  const SecretKey key_;
};

}  // namespace batuta::http
