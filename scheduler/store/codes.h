// The numbers that enums have in the database. A released number never changes its meaning; a new
// enumerator goes to the end of its enum. What is out of range is found when it is read.
#pragma once

#include <cstdint>

#include "common/result.h"
#include "scheduler/core/asset.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/question.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/states.h"
#include "scheduler/core/wait.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

static_assert(
    static_cast<int>(TaskState::none) == 0 && static_cast<int>(TaskState::scheduled) == 1 &&
    static_cast<int>(TaskState::queued) == 2 && static_cast<int>(TaskState::running) == 3 &&
    static_cast<int>(TaskState::publishing) == 4 && static_cast<int>(TaskState::success) == 5 &&
    static_cast<int>(TaskState::failed) == 6 && static_cast<int>(TaskState::up_for_retry) == 7 &&
    static_cast<int>(TaskState::upstream_failed) == 8 &&
    static_cast<int>(TaskState::skipped) == 9 && static_cast<int>(TaskState::removed) == 10 &&
    static_cast<int>(TaskState::deferred) == 11 &&
    static_cast<int>(TaskState::up_for_reschedule) == 12);
static_assert(static_cast<int>(DagRunState::queued) == 0 &&
              static_cast<int>(DagRunState::running) == 1 &&
              static_cast<int>(DagRunState::success) == 2 &&
              static_cast<int>(DagRunState::failed) == 3);
static_assert(static_cast<int>(RunType::manual) == 0 && static_cast<int>(RunType::scheduled) == 1 &&
              static_cast<int>(RunType::backfill) == 2 &&
              static_cast<int>(RunType::asset_triggered) == 3 &&
              static_cast<int>(RunType::asset_materialization) == 4);
static_assert(static_cast<int>(AssetRole::schedule) == 0 &&
              static_cast<int>(AssetRole::outlet) == 1 && static_cast<int>(AssetRole::inlet) == 2);
static_assert(static_cast<int>(Reprocess::none) == 0 && static_cast<int>(Reprocess::failed) == 1 &&
              static_cast<int>(Reprocess::completed) == 2);
static_assert(static_cast<int>(BackfillPhase::active) == 0 &&
              static_cast<int>(BackfillPhase::draining) == 1 &&
              static_cast<int>(BackfillPhase::done) == 2);
static_assert(static_cast<int>(TickOutcome::created) == 0 &&
              static_cast<int>(TickOutcome::reprocessed) == 1 &&
              static_cast<int>(TickOutcome::exists) == 2 &&
              static_cast<int>(TickOutcome::in_flight) == 3);
static_assert(static_cast<int>(PublicationState::pending) == 0 &&
              static_cast<int>(PublicationState::settled) == 1 &&
              static_cast<int>(PublicationState::refused) == 2);
static_assert(static_cast<int>(OutboxKind::publish) == 0 &&
              static_cast<int>(OutboxKind::alert) == 1 &&
              static_cast<int>(OutboxKind::lineage) == 2 &&
              static_cast<int>(OutboxKind::trace) == 3);
static_assert(static_cast<int>(WaitKind::time) == 0 && static_cast<int>(WaitKind::run) == 1 &&
              static_cast<int>(WaitKind::check) == 2 && static_cast<int>(WaitKind::answer) == 3);
static_assert(static_cast<int>(Resume::no) == 0 && static_cast<int>(Resume::open) == 1 &&
              static_cast<int>(Resume::satisfied) == 2 &&
              static_cast<int>(Resume::timed_out) == 3 && static_cast<int>(Resume::failed) == 4);
static_assert(static_cast<int>(OnTimeout::resume) == 0 && static_cast<int>(OnTimeout::fail) == 1 &&
              static_cast<int>(OnTimeout::skip) == 2);
static_assert(static_cast<int>(OnReject::nothing) == 0 &&
              static_cast<int>(OnReject::skip_next) == 1 &&
              static_cast<int>(OnReject::skip_all) == 2 && static_cast<int>(OnReject::fail) == 3);
static_assert(static_cast<int>(Outcome::success) == 0 && static_cast<int>(Outcome::refused) == 8);

template <>
inline constexpr std::int64_t enum_max<TaskState> = 12;
template <>
inline constexpr std::int64_t enum_max<DagRunState> = 3;
template <>
inline constexpr std::int64_t enum_max<RunType> = 4;
template <>
inline constexpr std::int64_t enum_max<AssetRole> = 2;
template <>
inline constexpr std::int64_t enum_max<Reprocess> = 2;
template <>
inline constexpr std::int64_t enum_max<BackfillPhase> = 2;
template <>
inline constexpr std::int64_t enum_max<TickOutcome> = 3;
template <>
inline constexpr std::int64_t enum_max<PublicationState> = 2;
template <>
inline constexpr std::int64_t enum_max<OutboxKind> = 3;
template <>
inline constexpr std::int64_t enum_max<Outcome> = 8;
template <>
inline constexpr std::int64_t enum_max<WaitKind> = 3;
template <>
inline constexpr std::int64_t enum_max<OnReject> = 3;
template <>
inline constexpr std::int64_t enum_max<Resume> = 4;
template <>
inline constexpr std::int64_t enum_max<OnTimeout> = 2;

}  // namespace batuta
