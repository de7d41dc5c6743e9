#include "stream/stream.h"

#include <algorithm>

namespace batuta::stream {
namespace {

constexpr std::pair<OnGap, std::string_view> policies[] = {
    {OnGap::fail, "fail"}, {OnGap::earliest, "earliest"}, {OnGap::latest, "latest"}};

std::string quoted(std::string_view text) {
  return "\"" + std::string(text.substr(0, 260)) + "\"";
}

std::size_t payload(const std::optional<std::string>& key, const std::optional<std::string>& value,
                    const std::vector<Header>& headers) {
  std::size_t size = (key ? key->size() : 0) + (value ? value->size() : 0);
  for (const Header& header : headers) size += header.name.size() + header.value.size();
  return size;
}

}  // namespace

std::optional<OnGap> parse_on_gap(std::string_view text) {
  for (const auto& [policy, name] : policies) {
    if (name == text) return policy;
  }
  return std::nullopt;
}

std::string_view to_text(OnGap policy) {
  for (const auto& [known, name] : policies) {
    if (known == policy) return name;
  }
  return "fail";
}

std::string to_text(const Gap& gap) {
  std::string text =
      "partition " + std::to_string(gap.partition) + ": offset " + std::to_string(gap.wanted);
  if (gap.wanted < gap.kept.first) {
    text += " is gone, the oldest is " + std::to_string(gap.kept.first) + ": " +
            std::to_string(gap.kept.first - gap.wanted) + " offsets were lost";
  } else {
    text += " was never there, the next is " + std::to_string(gap.kept.next) +
            ": the topic was made anew or lost its end";
  }
  return text;
}

Result<std::vector<PartitionLag>> lag(Stream& stream, const std::string& group,
                                      const std::string& topic) {
  const auto kept = stream.offsets(topic);
  if (!kept) return kept.error();
  const auto committed = stream.committed(group, topic);
  if (!committed) return committed.error();
  std::vector<PartitionLag> out;
  for (const auto& [partition, span] : *kept) {
    PartitionLag one{partition, std::nullopt, span, span.next - span.first, 0};
    if (const auto at = committed->find(partition); at != committed->end()) {
      one.committed = at->second;
      one.lag = std::max<std::int64_t>(0, span.next - std::max(at->second, span.first));
      one.lost = std::max<std::int64_t>(0, span.first - at->second);
    }
    out.push_back(one);
  }
  return out;
}

Status check_name(std::string_view what, std::string_view name) {
  const bool good = !name.empty() && name.size() <= 249 && name.front() != '.' &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                    });
  if (good) return success();
  return {Errc::invalid,
          "the name of a " + std::string(what) +
              " is 1 to 249 letters, digits, '.', '_' or '-', and begins with no '.'; not " +
              quoted(name),
          std::string(what)};
}

Status check_settings(const TopicSettings& settings) {
  if (settings.partitions < 1 || settings.partitions > max_partitions) {
    return {Errc::invalid, "partitions: between 1 and " + std::to_string(max_partitions) +
                               ", not " + std::to_string(settings.partitions)};
  }
  if (settings.segment_bytes < 4096 || settings.segment_bytes > (std::int64_t{1} << 40)) {
    return {Errc::invalid,
            "segment_bytes: between 4096 and 1 TiB, not " + std::to_string(settings.segment_bytes)};
  }
  return success();
}

Status check_records(std::span<const NewRecord> records, int partitions) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const NewRecord& one = records[i];
    const std::string which = "record " + std::to_string(i + 1);
    if (const std::size_t size = size_of(one); size > max_record_bytes) {
      return {Errc::too_large, which + " has " + std::to_string(size) + " bytes, the limit is " +
                                   std::to_string(max_record_bytes)};
    }
    if (one.headers.size() > 1000) {
      return {Errc::too_large,
              which + " has " + std::to_string(one.headers.size()) + " headers, the limit is 1000"};
    }
    for (const Header& header : one.headers) {
      if (header.name.empty() || header.name.size() > 1000 ||
          header.name.find('\0') != std::string::npos) {
        return {Errc::invalid, which + ": the name of a header is 1 to 1000 bytes without a zero"};
      }
    }
    if (one.partition && (*one.partition < 0 || *one.partition >= partitions)) {
      return {Errc::invalid, which + ": there is no partition " + std::to_string(*one.partition) +
                                 ", the topic has " + std::to_string(partitions)};
    }
  }
  return success();
}

std::size_t size_of(const NewRecord& record) {
  return payload(record.key, record.value, record.headers);
}
std::size_t size_of(const Record& record) {
  return payload(record.key, record.value, record.headers);
}

int partition_of(std::string_view key, int partitions) {
  constexpr std::uint32_t m = 0x5bd1e995;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(key[i]));
  };
  auto h = std::uint32_t{0x9747b28c} ^ static_cast<std::uint32_t>(key.size());
  std::size_t i = 0;
  for (; i + 4 <= key.size(); i += 4) {
    std::uint32_t k = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    k *= m;
    k ^= k >> 24;
    h = (h * m) ^ (k * m);
  }
  const std::size_t left = key.size() - i;
  if (left == 3) h ^= byte(i + 2) << 16;
  if (left >= 2) h ^= byte(i + 1) << 8;
  if (left >= 1) h = (h ^ byte(i)) * m;
  h ^= h >> 13;
  h *= m;
  h ^= h >> 15;
  return static_cast<int>((h & 0x7fffffff) % static_cast<std::uint32_t>(partitions));
}

Result<Settled> settle(const std::string& topic, const Offsets& wanted, const Spans& kept,
                       OnGap policy) {
  Settled out;
  std::string broken;
  for (const auto& [partition, offset] : wanted) {
    const auto span = kept.find(partition);
    if (span == kept.end()) {
      return {Errc::not_found, "topic " + topic + " has no partition " + std::to_string(partition)};
    }
    std::int64_t at = offset;
    if (at < span->second.first || at > span->second.next) {
      at = policy == OnGap::latest ? span->second.next : span->second.first;
      out.gaps.push_back({partition, offset, span->second, at});
      broken += (broken.empty() ? "" : "; ") + to_text(out.gaps.back());
    }
    out.from[partition] = at;
  }
  if (policy == OnGap::fail && !broken.empty()) {
    return {Errc::conflict, "topic " + topic + ", " + broken +
                                ". Say where to go on: earliest (the oldest there is) or latest "
                                "(what comes from now on)"};
  }
  return out;
}

}  // namespace batuta::stream
