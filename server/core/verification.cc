// Weighs what trials have found, and says it when sharing has to change. Requests of leaders are
// kept oldest first; one that is replaced leaves its place in the line behind, with its number, so
// that nothing is searched.

#include "server/core/verification.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/core/footprint.h"

namespace singleflight::core {
namespace {

size_t BytesOf(const Asked& asked) {
  return asked.message.size() + static_cast<size_t>(BytesOfBlock(*asked.request));
}

absl::string_view ConsequenceOf(Sharing sharing) {
  return sharing == Sharing::kStopped ? "its calls are not shared any more"
                                      : "calls of the clients that asked are not shared any more";
}

}  // namespace

bool Verification::Draws(std::minstd_rand* random) const {
  if (random == nullptr) return false;
  std::uniform_int_distribution<uint32_t> one_of_a_million(0, 999'999);
  return one_of_a_million(*random) < share_;
}

void Verification::NoteLeader(uint64_t key, Asked asked) {
  const size_t bytes = BytesOf(asked);
  if (bytes > kLargestLeader) return;
  MutexLock lock(mu_);
  Leader& leader = leaders_[key];
  if (leader.asked.request != nullptr) leader_bytes_ -= BytesOf(leader.asked);
  leader = {std::move(asked), ++next_leader_};
  leader_bytes_ += bytes;
  oldest_first_.emplace_back(key, next_leader_);
  while (leader_bytes_ > kLeaderBytes || oldest_first_.size() > 2 * leaders_.size() + 16) {
    DropOldestLeader();
  }
}

void Verification::DropOldestLeader() {
  const auto [key, number] = oldest_first_.front();
  oldest_first_.pop_front();
  const auto found = leaders_.find(key);
  if (found == leaders_.end() || found->second.number != number) return;
  leader_bytes_ -= BytesOf(found->second.asked);
  leaders_.erase(found);
}

absl::optional<Asked> Verification::LeaderOf(uint64_t key) const {
  MutexLock lock(mu_);
  const auto found = leaders_.find(key);
  if (found == leaders_.end()) return absl::nullopt;
  return found->second.asked;
}

void Verification::Note(const Trial& trial, base::Instant now) {
  absl::optional<Sharing> sharing;
  {
    MutexLock lock(mu_);
    // A check that began before its client was taken apart tells nothing new.
    if (IsApart(trial.leader) || IsApart(trial.follower)) return;
    if (!trial.differs.empty()) latest_ = trial.text;
    if (Weigh(trial)) sharing = Step(trial, now);
  }
  if (!sharing.has_value()) return;
  const std::string text = absl::StrCat(
      "replies depend on what the key leaves out, so ", ConsequenceOf(*sharing), ": ", trial.text,
      "; mend `key`, or say `volatile`, and reload, or let it share "
      "again: singleflightctl share-again");
  spdlog::warn("route '{}': {}", route_, text);
  if (on_step_) on_step_(text);
}

// True: there is a proof.
bool Verification::Weigh(const Trial& trial) {
  for (const std::string& part : trial.unsteady) Add(-1, part);
  bool proof = false;
  for (const std::string& part : trial.differs) proof = Add(1, part) == kProof || proof;
  return proof;
}

// Returns the evidence that is there then.
int Verification::Add(int weight, const std::string& part) {
  if (evidence_.size() >= kMostParts && evidence_.count(part) == 0) return 0;
  int& evidence = evidence_[part];
  evidence = std::clamp(evidence + weight, -kProof, kProof);
  return evidence;
}

absl::optional<Sharing> Verification::Step(const Trial& trial, base::Instant now) {
  const Sharing before = sharing_.load(std::memory_order_relaxed);
  if (before == Sharing::kStopped) return absl::nullopt;
  const Sharing next = before == Sharing::kAll ? Sharing::kSomeApart : Sharing::kStopped;
  Begin(now);
  apart_[0].store(trial.leader, std::memory_order_relaxed);
  apart_[1].store(trial.follower, std::memory_order_relaxed);
  sharing_.store(next, std::memory_order_release);
  return next;
}

void Verification::Begin(base::Instant now) {
  evidence_.clear();
  trusted_since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  first_left_.store(kAllAtFirst, std::memory_order_relaxed);
}

bool Verification::ShareAgain(base::Instant now) {
  MutexLock lock(mu_);
  const bool shared = sharing() == Sharing::kAll;
  sharing_.store(Sharing::kAll, std::memory_order_release);
  for (std::atomic<uint64_t>& client : apart_) client = Asked::kNobody;
  latest_.clear();
  Begin(now);
  return !shared;
}

std::string Verification::latest() const {
  MutexLock lock(mu_);
  return latest_;
}

}  // namespace singleflight::core
