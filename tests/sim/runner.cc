#include "tests/sim/runner.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "scheduler/core/mutant.h"
#include "tests/sim/violation.h"
#include "tests/sim/world.h"

namespace batuta::sim {
namespace {

using Clock = std::chrono::steady_clock;

// What a child tells its parent; memory shared between the two, plain data only.
struct Shared {
  Totals totals;
  std::uint64_t trace_hash;
  std::uint64_t current_seed;
  bool found;  // the child ended with a violation at current_seed
  char invariant[24];
  char text[4096];
};

// One in so many seeds is run twice.
constexpr std::uint64_t twice_every = 100;

void run_checked(std::uint64_t seed, Shared& shared) {
  Totals repeated;
  const std::uint64_t hash = run_seed(seed, false, shared.totals);
  if (seed % twice_every == 0 && run_seed(seed, false, repeated) != hash)
    throw Violation("determinism", "two runs of one seed took different courses");
  shared.trace_hash += mix64(seed ^ mix64(hash));
}

// One child: every `stride`th seed, until the last, the deadline or a violation.
class Shard {
 public:
  Shard(const Plan& plan, Clock::time_point deadline, unsigned index)
      : plan_(plan), deadline_(deadline), next_(plan.first_seed + index) {
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    shared_ = new (memory) Shared{};
    errors_ = ::memfd_create("batuta-sim-errors", MFD_CLOEXEC);
  }
  ~Shard() {
    ::munmap(shared_, sizeof(Shared));
    ::close(errors_);
  }
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  void start() {
    shared_->found = false;
    std::fflush(nullptr);
    child_ = ::fork();
    if (child_ < 0) std::abort();
    if (child_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no orphans when the parent is stopped
    if (::ftruncate(errors_, 0) != 0) std::_Exit(2);
    ::lseek(errors_, 0, SEEK_SET);
    ::dup2(errors_, STDERR_FILENO);
    run_child();
    std::_Exit(0);
  }

  // Waits for the child's end; the finding, if it made one.
  std::optional<Finding> wait() {
    int status = 0;
    ::waitpid(child_, &status, 0);
    next_ = shared_->current_seed + plan_.jobs;
    if (shared_->found) return Finding{shared_->current_seed, shared_->invariant, shared_->text};
    if (WIFSIGNALED(status))
      return Finding{shared_->current_seed, WTERMSIG(status) == SIGABRT ? "CHECK" : "crash",
                     error_text()};
    done_ = true;
    return std::nullopt;
  }

  bool done() const { return done_; }
  const Shared& shared() const { return *shared_; }

 private:
  bool more() const {
    if (plan_.seeds != 0 && next_ >= plan_.first_seed + plan_.seeds) return false;
    return Clock::now() < deadline_;
  }

  void run_child() {
#ifdef BATUTA_MUTANTS
    active_mutant = plan_.mutant;
#endif
    for (; more(); next_ += plan_.jobs) {
      shared_->current_seed = next_;
      try {
        run_checked(next_, *shared_);
      } catch (const Violation& violation) {
        std::snprintf(shared_->invariant, sizeof shared_->invariant, "%s",
                      violation.invariant.c_str());
        std::snprintf(shared_->text, sizeof shared_->text, "%s", violation.what());
        shared_->found = true;
        return;
      }
    }
  }

  std::string error_text() const {
    char buffer[2048] = {};
    const ssize_t size = ::pread(errors_, buffer, sizeof buffer - 1, 0);
    return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : "ended by a signal";
  }

  const Plan& plan_;
  Clock::time_point deadline_;
  std::uint64_t next_;
  Shared* shared_ = nullptr;
  int errors_ = -1;
  pid_t child_ = -1;
  bool done_ = false;
};

void add(Totals& sum, const Totals& part) {
  sum.seeds += part.seeds;
  sum.attempts += part.attempts;
  sum.kills += part.kills;
  sum.steps += part.steps;
  sum.publications += part.publications;
  sum.simulated_us += part.simulated_us;
  for (std::size_t i = 0; i < situation_count; ++i)
    sum.situations.counts[i] += part.situations.counts[i];
}

}  // namespace

std::uint64_t run_seed(std::uint64_t seed, bool verbose, Totals& totals) {
  return World(seed, verbose, totals).run();
}

Outcomes run_seeds(const Plan& plan) {
  const auto begin = Clock::now();
  const auto deadline = plan.time ? begin + *plan.time : Clock::time_point::max();
  std::vector<std::unique_ptr<Shard>> shards;
  for (unsigned i = 0; i < plan.jobs; ++i) {
    shards.push_back(std::make_unique<Shard>(plan, deadline, i));
    shards.back()->start();
  }
  Outcomes out;
  // Children run at once; they are waited for one after the other.
  for (auto& shard : shards) {
    while (!shard->done()) {
      if (auto finding = shard->wait()) out.findings.push_back(std::move(*finding));
      if (shard->done() || out.findings.size() >= plan.most_findings) break;
      shard->start();
    }
    add(out.totals, shard->shared().totals);
    out.trace_hash += shard->shared().trace_hash;
  }
  out.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return out;
}

}  // namespace batuta::sim
