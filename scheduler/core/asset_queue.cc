#include "scheduler/core/asset_queue.h"

#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>

#include "scheduler/core/partition.h"

namespace batuta {

bool AssetQueue::Spare::operator<(const Spare& other) const {
  return std::tuple(other.count, event, std::string_view(*partition), asset) <
         std::tuple(count, other.event, std::string_view(*other.partition), other.asset);
}

AssetQueue::Spare AssetQueue::spare_of(const std::string& partition, std::int64_t asset,
                                       const Events& events) {
  const std::int64_t oldest = events.all_.begin()->first;
  if (events.mapper_ == nullptr) return {events.all_.size(), oldest, &partition, asset};
  return {events.spare_.size() + 1, events.spare_.empty() ? oldest : *events.spare_.begin(),
          &partition, asset};
}

void AssetQueue::index(const std::string& partition, Events& events, const Event& event) {
  if (events.mapper_ == nullptr) return;
  const std::string part = part_of_key(event.key, *events.mapper_).value_or("");
  std::set<std::int64_t>& told = events.parts_[part];
  if (told.empty()) {
    events.came_ += is_part_of_window(part, partition, *events.mapper_, zone_);
  } else if (*told.rbegin() < event.id) {
    events.spare_.insert(*told.rbegin());
  } else {
    events.spare_.insert(event.id);
  }
  told.insert(event.id);
}

void AssetQueue::unindex(const std::string& partition, Events& events, const Event& event) {
  if (events.mapper_ == nullptr) return;
  const auto at = events.parts_.find(part_of_key(event.key, *events.mapper_).value_or(""));
  std::set<std::int64_t>& told = at->second;
  told.erase(event.id);
  events.spare_.erase(event.id);
  if (!told.empty()) {
    events.spare_.erase(*told.rbegin());
    return;
  }
  events.came_ -= is_part_of_window(at->first, partition, *events.mapper_, zone_);
  events.parts_.erase(at);
}

bool AssetQueue::Events::are_enough(const PartitionMapper& mapper, const Zone* zone,
                                    const std::string& partition) const {
  if (&mapper == mapper_) return came_ >= needed_;
  std::vector<std::string_view> told;
  for (const auto& [id, event] : all_) told.emplace_back(event.key);
  const WindowState window = state_of_window(partition, mapper, zone, told);
  return window.came >= window.needed;
}

std::size_t AssetQueue::size_of(std::int64_t asset) const {
  std::size_t count = 0;
  for (const auto& [key, partition] : partitions_) {
    if (const auto at = partition.find(asset); at != partition.end()) count += at->second.size();
  }
  return count;
}

std::set<std::int64_t> AssetQueue::assets() const {
  std::set<std::int64_t> all;
  for (const auto& [key, partition] : partitions_) {
    for (const auto& [asset, events] : partition) all.insert(asset);
  }
  return all;
}

bool AssetQueue::add(const std::string& partition, std::int64_t asset, Event event,
                     const PartitionMapper* mapper, const Zone* zone) {
  zone_ = zone;
  const auto at = partitions_.try_emplace(partition).first;
  const auto [place, fresh] = at->second.try_emplace(asset);
  Events& events = place->second;
  if (events.all_.contains(event.id)) return false;
  if (!fresh) {
    spare_.erase(spare_of(at->first, asset, events));
  } else if (mapper != nullptr && mapper->kind == PartitionMapper::Kind::roll_up) {
    events.mapper_ = mapper;
    events.needed_ = state_of_window(partition, *mapper, zone, {}).needed;
  }
  index(at->first, events, event);
  const std::int64_t id = event.id;
  events.all_.emplace(id, std::move(event));
  spare_.insert(spare_of(at->first, asset, events));
  changed_.insert(partition);
  ++size_;
  return true;
}

void AssetQueue::remove(const Place& place) {
  const auto at = partitions_.find(place.partition);
  const auto queued = at->second.find(place.asset);
  Events& events = queued->second;
  const auto event = events.all_.find(place.event);
  spare_.erase(spare_of(at->first, place.asset, events));
  unindex(at->first, events, event->second);
  events.all_.erase(event);
  --size_;
  changed_.insert(at->first);
  if (!events.all_.empty()) {
    spare_.insert(spare_of(at->first, place.asset, events));
    return;
  }
  at->second.erase(queued);
  if (!at->second.empty()) return;
  changed_.erase(at->first);
  due_.erase(at->first);
  partitions_.erase(at);
}

void AssetQueue::remap(const AssetMappers& mappers, const Zone* zone) {
  const auto before = std::exchange(partitions_, {});
  size_ = 0;
  spare_.clear();
  for (const auto& [key, partition] : before) {
    for (const auto& [asset, events] : partition) {
      const auto mapper = mappers.find(asset);
      for (const auto& [id, event] : events.all_)
        add(key, asset, event, mapper == mappers.end() ? nullptr : mapper->second, zone);
    }
  }
  zone_ = zone;
}

AssetQueue::Place AssetQueue::next_to_leave() const {
  const Spare& first = *spare_.begin();
  return {*first.partition, first.asset, first.event};
}

std::set<std::string> AssetQueue::take_changed() {
  return std::exchange(changed_, {});
}

void AssetQueue::set_due(const std::string& partition, bool due) {
  if (due) {
    due_.insert(partition);
  } else {
    due_.erase(partition);
  }
}

void AssetQueue::look_again() {
  for (const auto& [key, partition] : partitions_) changed_.insert(key);
}

}  // namespace batuta
