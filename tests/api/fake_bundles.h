// Bundles without a repository: one, and whatever a test wants to hear of it.
#pragma once

#include <string>
#include <vector>

#include "scheduler/api/bundles.h"

namespace batuta::http {

class FakeBundles final : public Bundles {
 public:
  std::vector<BundleView> list() const override {
    BundleView risk;
    risk.name = "risk";
    risk.kind = BundleView::Kind::git;
    risk.place = "/srv/risk.git";
    risk.ref = "main";
    risk.tip = "2222";
    risk.kept = {{"1111", "first", now, ""}};
    return {risk};
  }
  void compare(BundleAct act, std::function<void(Result<BundleDiff>)> done) override {
    acts.push_back(act);
    done(answer);
  }
  Status switch_to(const std::string& name, const BundleDiff& what,
                   const std::string& user) override {
    switched.push_back(name + " " + what.to + " " + user);
    return success();
  }

  Time now = read_clock().wall;
  Result<BundleDiff> answer = BundleDiff{"1111", "2222", "second", {"a"}, {"b"}, {}, {}, {}};
  std::vector<BundleAct> acts;
  std::vector<std::string> switched;
};

}  // namespace batuta::http
