#include "scheduler/api/login.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "common/uuid.h"

namespace batuta::http {
namespace {

constexpr std::size_t max_codes = 16;

std::string base64url(const unsigned char* data, std::size_t size) {
  std::string out(sodium_base64_encoded_len(size, sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(out.data(), out.size(), data, size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.pop_back();  // its terminating NUL
  return out;
}

// BLAKE2b-256 over `domain` and `text`, base64url.
std::string digest(std::string_view domain, std::string_view text) {
  std::string input(domain);
  input += '\0';
  input += text;
  std::array<unsigned char, 32> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(input.data()),
                     input.size(), nullptr, 0);
  return base64url(hash.data(), hash.size());
}

}  // namespace

std::string LoginCodes::issue(std::string user, Time now) {
  std::array<unsigned char, 32> raw{};
  random_bytes(raw.data(), raw.size());
  std::string code = base64url(raw.data(), raw.size());
  const std::lock_guard lock(mutex_);
  if (codes_.size() >= max_codes) codes_.pop_front();
  codes_.push_back({digest("login code", code), std::move(user), now + lifetime});
  return code;
}

std::optional<std::string> LoginCodes::redeem(std::string_view code, Time now) {
  const std::string hash = digest("login code", code);
  const std::lock_guard lock(mutex_);
  std::erase_if(codes_, [&](const Code& c) { return c.expires <= now; });
  const auto it = std::find_if(codes_.begin(), codes_.end(),
                               [&](const Code& c) { return same_secret(c.hash, hash); });
  if (it == codes_.end()) return std::nullopt;
  std::string user = std::move(it->user);
  codes_.erase(it);
  return user;
}

std::optional<int> LoginLimiter::wait(const Counts& counts, const std::string& key, int limit,
                                      Time now) const {
  const auto it = counts.find(key);
  if (it == counts.end() || it->second.tries < limit) return std::nullopt;
  const auto left = it->second.since + limits_.window - now;
  if (left <= Duration::zero()) return std::nullopt;
  return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(left).count());
}

std::optional<int> LoginLimiter::blocked(const std::string& account, const std::string& address,
                                         Time now) {
  const std::string pair = account + '\n' + address;
  auto longest = wait(pairs_, pair, limits_.per_account_and_address, now);
  if (welcome_.contains(pair)) return longest;
  for (const auto& one : {wait(addresses_, address, limits_.per_address, now),
                          wait(accounts_, account, limits_.per_account, now)}) {
    if (one && (!longest || *one > *longest)) longest = one;
  }
  return longest;
}

LoginLimiter::Count& LoginLimiter::entry(Counts& counts, const std::string& key) const {
  if (counts.size() >= limits_.entries && !counts.contains(key)) {
    counts.erase(std::min_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
      return std::tie(a.second.tries, a.second.since) < std::tie(b.second.tries, b.second.since);
    }));
  }
  return counts[key];
}

void LoginLimiter::count(Counts& counts, const std::string& key, Time now) const {
  if (counts.size() >= limits_.entries) {
    std::erase_if(counts,
                  [&](const auto& one) { return one.second.since + limits_.window <= now; });
  }
  Count& found = entry(counts, key);
  if (found.tries == 0 || found.since + limits_.window <= now) found = {0, now};
  ++found.tries;
}

void LoginLimiter::began(const std::string& account, const std::string& address, Time now) {
  count(pairs_, account + '\n' + address, now);
  count(addresses_, address, now);
  count(accounts_, account, now);
}

void LoginLimiter::succeeded(const std::string& account, const std::string& address, Time now) {
  const std::string pair = account + '\n' + address;
  pairs_.erase(pair);
  entry(welcome_, pair).since = now;
  if (const auto it = addresses_.find(address); it != addresses_.end()) --it->second.tries;
  if (const auto it = accounts_.find(account); it != accounts_.end()) --it->second.tries;
}

std::optional<int> AuditBrake::admit(Time now) {
  if (left_ == burst) since_ = now;
  const auto refilled = (now - since_) / refill;
  if (refilled > 0) {
    left_ = static_cast<int>(std::min<std::int64_t>(burst, left_ + refilled));
    since_ += refilled * refill;
  }
  if (left_ == 0) {
    ++left_out_;
    return std::nullopt;
  }
  --left_;
  return std::exchange(left_out_, 0);
}

std::string csrf_token(std::string_view session_token) {
  return digest("csrf", session_token);
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace batuta::http
