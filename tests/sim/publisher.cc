#include "tests/sim/publisher.h"

namespace batuta::sim {

void Publisher::reload() {
  ++life_;
  begun_.clear();
  committed();
}

void Publisher::committed() {
  std::set<std::string> busy;
  for (const auto& [id, row] : store_.data().outbox) {
    if (!busy.insert(row.key).second || begun_.count(id)) continue;
    begun_.insert(id);
    begin(row);
  }
}

void Publisher::later(std::function<void()> action) {
  const std::uint64_t life = life_;
  c_.agenda.after(c_.random_up_to(std::chrono::milliseconds(40)),
                  [this, life, act = std::move(action)] {
                    if (life == life_) act();
                  });
}

bool Publisher::current(std::int64_t row_id) const {
  return store_.data().outbox.count(row_id) != 0;
}

void Publisher::begin(const OutboxRow& row) {
  if (row.kind == OutboxKind::alert)
    later([this, id = row.id] { send_alert(id, 0); });
  else
    later([this, id = row.id, publication = row.publication] { look(id, publication); });
}

void Publisher::look(std::int64_t row_id, std::int64_t publication) {
  if (!current(row_id)) return;
  const PublicationRow& row = store_.data().publications.at(publication);
  const std::int64_t done = lake_.find(row.table, publication);
  if (done >= 0) {
    c_.met(Situation::publish_repeated);
    report(publication, done);
    return;
  }
  if (c_.faults && c_.rng.chance(c_.knobs.foreign_writer))
    lake_.put_if_absent(row.table, lake_.version(row.table) + 1, {});
  // The payload carries "append" and the version read, as publish.h's does.
  const auto cut = row.payload_json.find(':');
  const bool append = row.payload_json.front() == 'a';
  const std::int64_t read = std::stoll(row.payload_json.substr(cut + 1));
  if (!lake_.compatible(row.table, read, append)) {
    c_.met(Situation::conflict_refused);
    c_.note("publication refused", publication);
    post_(PublicationRefused{publication, "conflict"});
    return;
  }
  later([this, row_id, publication, version = lake_.version(row.table) + 1] {
    put(row_id, publication, version);
  });
}

void Publisher::put(std::int64_t row_id, std::int64_t publication, std::int64_t version) {
  if (!current(row_id)) return;
  const PublicationRow& row = store_.data().publications.at(publication);
  if (c_.faults && c_.rng.chance(c_.knobs.foreign_writer))
    lake_.put_if_absent(row.table, lake_.version(row.table) + 1, {});
  LakeEntry entry{publication, row.number, row.key, row.payload_json.front() == 'a'};
  if (!lake_.put_if_absent(row.table, version, entry)) {
    c_.met(Situation::publish_race_lost);
    later([this, row_id, publication] { look(row_id, publication); });
    return;
  }
  ++c_.totals.publications;
  c_.note("published", publication, version);
  later([this, publication, version] { report(publication, version); });
}

void Publisher::report(std::int64_t publication, std::int64_t version) {
  post_(PublicationSettled{publication, version});
}

void Publisher::send_alert(std::int64_t row_id, int tries) {
  if (!current(row_id)) return;
  if (c_.faults && tries < 5 && c_.rng.chance(c_.knobs.alert_fail)) {
    c_.met(Situation::alert_retried);
    later([this, row_id, tries] { send_alert(row_id, tries + 1); });
    return;
  }
  store_.finish_outbox({row_id});
  committed();
}

}  // namespace batuta::sim
