#include "plugins/lake/confinement.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "common/fd.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

// From the kernel's ABI; the headers of the oldest system we build on know only some of them.
constexpr std::uint64_t read_file = 1ULL << 2;
constexpr std::uint64_t read_folder = 1ULL << 3;
constexpr std::uint32_t ask_version = 1;
constexpr std::uint32_t rule_path_beneath = 1;

struct Ruleset {
  std::uint64_t files;
  std::uint64_t net;  // since ABI 4
};
struct __attribute__((packed)) PathRule {
  std::uint64_t allowed;
  std::int32_t folder;
};

// Every right over files that an ABI knows: execute, write, read, read folder, remove and make in
// all kinds (13), refer (ABI 2), truncate (3), device ioctl (5).
std::uint64_t all_rights(long abi) {
  const int bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
  return (1ULL << bits) - 1;
}

[[noreturn]] void fail(const std::string& what) {
  throw plugin::RetryableError("cannot confine the query: " + what + ": " +
                               std::generic_category().message(errno));
}

void allow(const UniqueFd& ruleset, const std::string& folder, std::uint64_t rights) {
  const UniqueFd opened(::open(folder.c_str(), O_PATH | O_CLOEXEC));
  if (!opened) fail(folder);
  const PathRule rule{rights, opened.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset.get(), rule_path_beneath, &rule, 0) != 0)
    fail(folder);
}

}  // namespace

bool confine_thread(const std::string& readable, const std::string& writable) {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, ask_version);
  if (abi < 1) return false;
  const std::uint64_t all = all_rights(abi);
  const Ruleset wanted{all, abi >= 4 ? 3ULL : 0ULL};  // bind and connect
  const std::size_t size = abi >= 4 ? sizeof wanted : sizeof wanted.files;
  const UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, size, 0)));
  if (!ruleset) fail("ruleset");
  allow(ruleset, readable, read_file | read_folder);
  allow(ruleset, writable, all);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("privileges");
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) fail("restriction");
  return true;
}

}  // namespace batuta::lake
