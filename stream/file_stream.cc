// The embedded log: <folder>/<topic>/topic.json, <topic>/<partition>/ (partition_log.h) and
// <topic>/groups/<group>.json {"offsets": {"0": 12}}.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/safe_json.h"
#include "stream/files.h"
#include "stream/partition_log.h"
#include "stream/stream.h"

namespace batuta::stream {
namespace {

using nlohmann::json;

// So much of a produce is one batch, written and synced at once.
constexpr std::size_t batch_bytes = 16 << 20;
constexpr std::size_t batch_records = 100'000;
constexpr auto look_pace = std::chrono::milliseconds(10);

struct Topic {
  int partitions = 0;
  LogBounds bounds;
};

std::string topic_text(int partitions, const TopicSettings& settings) {
  return json{{"partitions", partitions},
              {"segment_bytes", settings.segment_bytes},
              {"retention_bytes", settings.retention_bytes},
              {"retention_us", settings.retention.count()}}
      .dump();
}

class FileStream final : public Stream {
 public:
  explicit FileStream(std::string folder) : folder_(std::move(folder)) {}

  Result<std::vector<TopicInfo>> topics() override;
  Status create(const std::string& topic, const TopicSettings& settings) override;
  Status grow(const std::string& topic, int partitions) override;
  Result<std::vector<Position>> produce(const std::string& topic,
                                        std::span<const NewRecord> records) override;
  Result<Batch> fetch(const std::string& topic, const Offsets& from,
                      const FetchLimits& limits) override;
  Status commit(const std::string& group, const std::string& topic,
                const Offsets& offsets) override;
  Result<Offsets> committed(const std::string& group, const std::string& topic) override;
  Result<Spans> offsets(const std::string& topic) override;
  Result<std::vector<std::string>> groups(const std::string& topic) override;

 private:
  std::string topic_folder(const std::string& topic) const { return folder_ + "/" + topic; }
  Result<Topic> find(const std::string& topic) const;
  PartitionLog& log(const std::string& topic, int partition);
  Status make_partitions(const std::string& at, int from, int to) const;
  Result<Spans> spans(const std::string& topic, const Offsets& of);
  // Which partition each record goes to.
  std::vector<std::vector<std::size_t>> share_out(std::span<const NewRecord> records,
                                                  int partitions);
  Result<Offsets> read_group(const std::string& path) const;

  std::string folder_;
  std::map<std::pair<std::string, int>, PartitionLog> logs_;
  unsigned turn_ = 0;
};

Result<Topic> FileStream::find(const std::string& topic) const {
  if (Status named = check_name("topic", topic); !named) return named.error();
  const std::string path = topic_folder(topic) + "/topic.json";
  const auto text = read_small_file(path);
  if (!text) {
    if (text.error().code != Errc::not_found) return text.error();
    return {Errc::not_found, "there is no topic " + topic + " in " + folder_, "topic"};
  }
  const auto value = parse_untrusted(*text);
  if (!value || !value->is_object()) return {Errc::internal, path + " is no JSON object"};
  Topic out;
  const auto number = [&](const char* name, std::int64_t& into) {
    const auto found = value->find(name);
    const auto read = found == value->end() ? std::nullopt : json_int(*found);
    if (read) into = *read;
    return read.has_value();
  };
  std::int64_t partitions = 0, retention_us = -1;
  if (!number("partitions", partitions) || !number("segment_bytes", out.bounds.segment_bytes) ||
      !number("retention_bytes", out.bounds.retention_bytes) ||
      !number("retention_us", retention_us) || partitions < 1 || partitions > max_partitions) {
    return {Errc::internal, path + " lacks partitions, segment_bytes or retention"};
  }
  out.partitions = static_cast<int>(partitions);
  out.bounds.retention = Duration(retention_us);
  return out;
}

PartitionLog& FileStream::log(const std::string& topic, int partition) {
  const auto key = std::pair(topic, partition);
  if (const auto known = logs_.find(key); known != logs_.end()) return known->second;
  return logs_.try_emplace(key, topic_folder(topic) + "/" + std::to_string(partition), partition)
      .first->second;
}

Result<std::vector<TopicInfo>> FileStream::topics() {
  const auto names = list_folder(folder_);
  if (!names) return names.error();
  std::vector<TopicInfo> out;
  for (const std::string& name : *names) {
    const auto topic = find(name);
    if (topic) {
      out.push_back({name, topic->partitions});
    } else if (topic.error().code != Errc::not_found && topic.error().code != Errc::invalid) {
      return topic.error();
    }
  }
  return out;
}

Status FileStream::make_partitions(const std::string& at, int from, int to) const {
  for (int partition = from; partition < to; ++partition) {
    const std::string path = at + "/" + std::to_string(partition);
    if (Status made = make_folder(path); !made) return made;
    if (const auto lock = open_or_create(path + "/lock"); !lock) return lock.error();
  }
  return success();
}

Status FileStream::create(const std::string& topic, const TopicSettings& settings) {
  if (Status named = check_name("topic", topic); !named) return named;
  if (Status good = check_settings(settings); !good) return good;
  const std::string fresh = folder_ + "/" + fresh_name();
  if (Status made = make_folder(fresh + "/groups"); !made) return made;
  if (Status made = make_partitions(fresh, 0, settings.partitions); !made) return made;
  if (Status written =
          replace_file(fresh + "/topic.json", topic_text(settings.partitions, settings));
      !written) {
    return written;
  }
  // A folder that holds anything is not replaced: who comes second is told.
  if (::rename(fresh.c_str(), topic_folder(topic).c_str()) != 0) {
    const int reason = errno;
    const Error failed = os_error("create", topic_folder(topic));
    for (int partition = 0; partition < settings.partitions; ++partition) {
      const std::string path = fresh + "/" + std::to_string(partition);
      ::unlink((path + "/lock").c_str());
      ::rmdir(path.c_str());
    }
    ::unlink((fresh + "/topic.json").c_str());
    ::rmdir((fresh + "/groups").c_str());
    ::rmdir(fresh.c_str());
    if (reason == EEXIST || reason == ENOTEMPTY) {
      return {Errc::conflict, "there is a topic " + topic + " already", "topic"};
    }
    return failed;
  }
  return sync_folder(folder_);
}

Status FileStream::grow(const std::string& topic, int partitions) {
  if (const auto there = find(topic); !there) return there.error();
  const auto lock = FileLock::take(topic_folder(topic) + "/lock", true);
  if (!lock) return lock.error();
  const auto now = find(topic);
  if (!now) return now.error();
  if (partitions < now->partitions || partitions > max_partitions) {
    return {Errc::invalid, "topic " + topic + " has " + std::to_string(now->partitions) +
                               " partitions: it can have more, up to " +
                               std::to_string(max_partitions) + ", not " +
                               std::to_string(partitions)};
  }
  if (Status made = make_partitions(topic_folder(topic), now->partitions, partitions); !made) {
    return made;
  }
  const TopicSettings settings{partitions, now->bounds.segment_bytes, now->bounds.retention_bytes,
                               now->bounds.retention};
  return replace_file(topic_folder(topic) + "/topic.json", topic_text(partitions, settings));
}

std::vector<std::vector<std::size_t>> FileStream::share_out(std::span<const NewRecord> records,
                                                            int partitions) {
  std::vector<std::vector<std::size_t>> out(static_cast<std::size_t>(partitions));
  for (std::size_t i = 0; i < records.size(); ++i) {
    const NewRecord& one = records[i];
    const int partition = one.partition ? *one.partition
                          : one.key     ? partition_of(*one.key, partitions)
                                    : static_cast<int>(turn_++ % static_cast<unsigned>(partitions));
    out[static_cast<std::size_t>(partition)].push_back(i);
  }
  return out;
}

Result<std::vector<Position>> FileStream::produce(const std::string& topic,
                                                  std::span<const NewRecord> records) {
  const auto there = find(topic);
  if (!there) return there.error();
  if (Status good = check_records(records, there->partitions); !good) return good.error();
  std::vector<Position> out(records.size());
  const auto shares = share_out(records, there->partitions);
  for (int partition = 0; partition < there->partitions; ++partition) {
    const auto& share = shares[static_cast<std::size_t>(partition)];
    for (std::size_t begin = 0; begin < share.size();) {
      std::vector<const NewRecord*> batch;
      std::size_t bytes = 0, end = begin;
      for (; end < share.size() && batch.size() < batch_records; ++end) {
        const NewRecord& one = records[share[end]];
        if (!batch.empty() && bytes + size_of(one) > batch_bytes) break;
        bytes += size_of(one);
        batch.push_back(&one);
      }
      const auto first = log(topic, partition).append(batch, there->bounds, read_clock().wall);
      if (!first) return first.error();
      for (std::size_t i = begin; i < end; ++i) {
        out[share[i]] = {partition, *first + static_cast<std::int64_t>(i - begin)};
      }
      begin = end;
    }
  }
  return out;
}

Result<Spans> FileStream::spans(const std::string& topic, const Offsets& of) {
  Spans out;
  for (const auto& [partition, offset] : of) {
    const auto span = log(topic, partition).span();
    if (!span) return span.error();
    out[partition] = *span;
  }
  return out;
}

Result<Spans> FileStream::offsets(const std::string& topic) {
  const auto there = find(topic);
  if (!there) return there.error();
  Offsets all;
  for (int partition = 0; partition < there->partitions; ++partition) all[partition] = 0;
  return spans(topic, all);
}

Result<Batch> FileStream::fetch(const std::string& topic, const Offsets& from,
                                const FetchLimits& limits) {
  const auto there = find(topic);
  if (!there) return there.error();
  for (const auto& [partition, offset] : from) {
    if (partition >= 0 && partition < there->partitions) continue;
    return {Errc::not_found, "topic " + topic + " has no partition " + std::to_string(partition)};
  }
  const auto until = std::chrono::steady_clock::now() + limits.wait;
  Batch batch;
  Offsets wanted = from;
  for (int lost = 0;;) {
    const auto kept = spans(topic, wanted);
    if (!kept) return kept.error();
    auto settled = settle(topic, wanted, *kept, limits.on_gap);
    if (!settled) return settled.error();
    batch.gaps.insert(batch.gaps.end(), settled->gaps.begin(), settled->gaps.end());
    wanted = batch.next = settled->from;
    std::size_t bytes = 0;
    bool full = false, gone = false;
    // Each partition has its share first, then who has more: none starves beside a busy one.
    const std::size_t share =
        std::max<std::size_t>(1, limits.records / std::max<std::size_t>(1, from.size()));
    for (int round = 0; round < 2 && !full && !gone; ++round) {
      for (auto& [partition, offset] : batch.next) {
        std::size_t taken = 0;
        const auto reached =
            log(topic, partition).read(offset, kept->at(partition).next, [&](Record&& record) {
              const std::size_t size = size_of(record);
              full = batch.records.size() >= limits.records ||
                     (!batch.records.empty() && bytes + size > limits.bytes);
              if (full || (round == 0 && taken == share)) return false;
              bytes += size;
              ++taken;
              batch.records.push_back(std::move(record));
              return true;
            });
        // Retention was faster: look again at what there is, a few times. What was read before is
        // handed out first; the gap is the next fetch's.
        gone = !reached && reached.error().code == Errc::not_found;
        if (gone) break;
        if (!reached) return reached.error();
        offset = *reached;
        if (full) break;
      }
    }
    if (gone && batch.records.empty() && ++lost < 5) continue;
    if (gone && batch.records.empty())
      return {Errc::unavailable, "topic " + topic + ": retention outruns the reader"};
    batch.at_end = std::all_of(batch.next.begin(), batch.next.end(), [&](const auto& one) {
      return one.second >= kept->at(one.first).next;
    });
    if (!batch.records.empty() || !batch.at_end || std::chrono::steady_clock::now() >= until) {
      return batch;
    }
    std::this_thread::sleep_for(look_pace);
  }
}

Result<Offsets> FileStream::read_group(const std::string& path) const {
  const auto text = read_small_file(path);
  if (!text) {
    if (text.error().code == Errc::not_found) return Offsets{};
    return text.error();
  }
  const auto value = parse_untrusted(*text);
  if (!value || !value->is_object() || !value->contains("offsets") ||
      !value->at("offsets").is_object()) {
    return {Errc::internal, path + " holds no offsets; remove it, and the group begins anew"};
  }
  Offsets out;
  for (const auto& [partition, offset] : value->at("offsets").items()) {
    const auto number = json_int(offset);
    if (!number || partition.empty() || partition.size() > 4 ||
        partition.find_first_not_of("0123456789") != std::string::npos) {
      return {Errc::internal, path + " holds no offset of partition " + partition};
    }
    out[std::stoi(partition)] = *number;
  }
  return out;
}

Status FileStream::commit(const std::string& group, const std::string& topic,
                          const Offsets& offsets) {
  if (Status named = check_name("group", group); !named) return named;
  const auto there = find(topic);
  if (!there) return there.error();
  for (const auto& [partition, offset] : offsets) {
    if (partition < 0 || partition >= there->partitions) {
      return {Errc::not_found, "topic " + topic + " has no partition " + std::to_string(partition)};
    }
    if (offset < 0) return {Errc::invalid, "an offset is 0 or more, not " + std::to_string(offset)};
  }
  const auto lock = FileLock::take(topic_folder(topic) + "/lock", true);
  if (!lock) return lock.error();
  const std::string path = topic_folder(topic) + "/groups/" + group + ".json";
  auto all = read_group(path);
  if (!all) return all.error();
  for (const auto& [partition, offset] : offsets) (*all)[partition] = offset;
  json texts = json::object();
  for (const auto& [partition, offset] : *all) texts[std::to_string(partition)] = offset;
  return replace_file(path, json{{"offsets", std::move(texts)}}.dump());
}

Result<Offsets> FileStream::committed(const std::string& group, const std::string& topic) {
  if (Status named = check_name("group", group); !named) return named.error();
  if (const auto there = find(topic); !there) return there.error();
  return read_group(topic_folder(topic) + "/groups/" + group + ".json");
}

Result<std::vector<std::string>> FileStream::groups(const std::string& topic) {
  if (const auto there = find(topic); !there) return there.error();
  auto names = list_folder(topic_folder(topic) + "/groups");
  if (!names) return names.error();
  std::vector<std::string> out;
  for (const std::string& name : *names) {
    if (name.ends_with(".json")) out.push_back(name.substr(0, name.size() - 5));
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Stream>> open_file_stream(const std::string& folder) {
  auto root = make_root(folder);
  if (!root) return root.error();
  return std::unique_ptr<Stream>(std::make_unique<FileStream>(*std::move(root)));
}

}  // namespace batuta::stream
