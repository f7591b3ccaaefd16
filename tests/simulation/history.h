// What has happened, as far as it decides which replies a caller may get. It knows nothing of the
// product: it is what the product is compared with.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_HISTORY_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_HISTORY_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_map>

#include "tests/simulation/ask.h"

namespace singleflight::simulation {

// Of two things that happened, the later one has the greater number, on whatever threads.
using Moment = uint64_t;

// What a caller finds when it comes: nothing older is for it.
struct Floors {
  Moment purged = 0;     // everything, its method or its key
  Moment any_group = 0;  // of its upstream and authority
  std::array<Moment, kGroups> groups = {};
  uint64_t version = 0;  // that a write has made known through the proxy, by a group

  // Of its key the backend has said something later than what was kept, and that is not kept.
  struct Later {
    Moment sent = 0;  // what was asked for before this,
    Moment came = 0;  // and was there by then, is outdated
  };
  Later later = {};
};

class History {
 public:
  Moment Now() { return ++latest_; }

  // Purges that have returned.
  void PurgedAll() { all_ = Now(); }
  void PurgedMethod(Method method) { methods_[static_cast<size_t>(method)] = Now(); }
  void PurgedKey(uint64_t hash) { keys_[hash] = Now(); }
  void PurgedGroup(size_t upstream, size_t tenant, size_t group) {
    Home& home = homes_[upstream][tenant];
    home.any = home.groups[group] = Now();
  }

  // The backend carries out a write: the item's next version.
  uint64_t Write(size_t item) { return ++versions_[item]; }
  uint64_t VersionOf(size_t item) const { return versions_[item]; }

  // A caller has the end of its write's reply, which has named the item's group.
  void Completed(size_t item, uint64_t version) {
    completed_[item] = std::max(completed_[item], version);
  }

  void Outdated(uint64_t key, Moment sent) { later_[key] = {sent, Now()}; }

  Floors FloorsOf(const Ask& ask) const {
    Floors floors;
    floors.purged = std::max(all_, methods_[static_cast<size_t>(ask.method)]);
    if (const auto key = keys_.find(ask.key.hash); key != keys_.end()) {
      floors.purged = std::max(floors.purged, key->second);
    }
    if (const auto later = later_.find(ask.key.hash); later != later_.end()) {
      floors.later = later->second;
    }
    const Home& home = homes_[ask.upstream()][ask.tenant];
    floors.any_group = home.any;
    floors.groups = home.groups;
    floors.version = completed_[ask.item()];
    return floors;
  }

 private:
  struct Home {
    Moment any = 0;
    std::array<Moment, kGroups> groups = {};
  };

  Moment latest_ = 0;
  Moment all_ = 0;
  std::array<Moment, kMethods> methods_ = {};
  std::unordered_map<uint64_t, Moment> keys_;
  std::unordered_map<uint64_t, Floors::Later> later_;
  std::array<std::array<Home, kTenants>, kUpstreams> homes_;
  std::array<uint64_t, kItems> versions_ = {};
  std::array<uint64_t, kItems> completed_ = {};
};

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_HISTORY_H_
