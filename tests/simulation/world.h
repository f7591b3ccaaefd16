// All that one run has: the product's parts, what callers and the backend have done, and what is
// known of it. The actors (caller.h, backend.h) change it, the judge (judge.h) looks at it.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_WORLD_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/simulation/history.h"
#include "tests/simulation/house.h"
#include "tests/simulation/plan.h"

namespace singleflight::simulation {

class Caller;

// Loops' clocks are behind by less than this, and a post is run within it.
inline constexpr absl::Duration kMostLag = absl::Milliseconds(100);

// Defects of the surroundings, to see that the judge finds what it is there to find.
enum class Defect : uint8_t {
  kNone,
  kWritesDropNothing,   // what a write's reply says to drop is not passed to the read path
  kCredentialsGetLost,  // they are left out of requests, though callers differ in them
  kRepliesGetLost,      // the backend takes a call for another one
  kLateFramesKill,      // the program ends
};

// One call that the backend got.
struct Sent {
  enum class Why : uint8_t { kLed, kAgain, kHedge, kBackground, kAlone };

  uint64_t serial = 0;
  std::shared_ptr<Ask> ask;  // whose question it is
  core::FakeCall* call = nullptr;
  Why why = Why::kLed;
  size_t loop = 0;
  Moment sent = 0;
  base::Instant at;           // by its loop's clock
  base::Instant really;       // by the world's
  base::Instant flight_sent;  // `at`, but a hedge's is that of the call that it is a hedge of
  uint64_t refreshes = 0;     // in the background: the call whose reply it replaces

  // What the backend has done with it.
  bool carried_out = false;  // a read: the version is fixed; a write: it is made
  uint64_t version = 0;
  bool planned = false, begun = false, ended = false;
  bool spoiled = false;          // its reply has a second message, or no end
  size_t given = 0;              // of `bytes`
  base::Instant landed;          // by its loop's clock: when it ended
  Moment over = 0;               // likewise
  uint64_t replaced_before = 0;  // entries that others have taken the place of, by then
  Plan plan;
  std::string frame;  // of the reply's message, without compression
  std::string bytes;  // as it is sent
};

// What the run has found, and what it tells of itself if someone listens.
class Report {
 public:
  bool violated() const { return !violation_.empty(); }
  const std::string& violation() const { return violation_; }
  void Violated(std::string what) {
    if (violation_.empty()) violation_ = std::move(what);
  }

  void Listen(std::function<void(const std::string&)> listener) { listener_ = std::move(listener); }
  template <typename Text>
  void Say(const Text& text) const {
    if (listener_ != nullptr) listener_(text());
  }

 private:
  std::string violation_;
  std::function<void(const std::string&)> listener_;
};

// What is compared with the product's own counters.
struct Tally {
  uint64_t released = 0;        // waiters that were told to call for themselves
  uint64_t stale_hits = 0;      // hits whose time was over
  uint64_t gathered = 0;        // flights that were sent later than their leader came
  uint64_t refreshes = 0;       // calls in the background
  uint64_t groups_dropped = 0;  // by writes' replies
  uint64_t led = 0;
};

struct World {
  World(uint64_t seed, Defect defect);
  ~World();

  // The read path of that loop has come to where it may be slow.
  void Pause(size_t loop) {
    if (pauses[loop] > 0 && --pauses[loop] >= 0) meanwhile(loop);
  }

  // A call comes to the backend.
  void NoteSent(size_t loop, size_t upstream);
  Sent* Find(const core::FakeCall& call) const;
  Sent* FindSerial(uint64_t serial) {
    return serial - 1 < sent.size() ? &sent[serial - 1] : nullptr;
  }

  std::shared_ptr<Ask> Draw(size_t loop);

  // A caller asks now, on the loop whose turn it is. Returns what became of it.
  Role Begin(std::shared_ptr<Ask> ask);

  Choices choices;  // of the present step
  Report report;
  House house;
  History history;
  Tally tally;
  const Variety variety;
  const Defect defect;
  base::Instant now;
  size_t step = 0;
  std::array<uint64_t, kLoops> refusals_before = {};  // to keep a reply, until this step

  std::deque<Sent> sent;  // by serial, from 1
  std::unordered_map<const core::FakeCall*, Sent*> by_call;
  std::unordered_map<const model::Request*, std::shared_ptr<Ask>> asks;
  std::map<uint64_t, std::shared_ptr<Ask>> asked;  // one for each key, by its hash
  uint64_t asks_drawn = 0;

  // When the reply that was stored last was asked for, by the hash of its key.
  std::unordered_map<uint64_t, Moment> stored;

  // When the latest call in the background was sent, by its key and the reply that it replaces.
  std::map<std::pair<uint64_t, uint64_t>, base::Instant> refreshed;

  std::vector<std::shared_ptr<Caller>> callers;  // until they are over
  std::array<std::shared_ptr<memory::Client>, 3> clients;

  // How often the caller that is in the middle of asking on that loop is slow yet.
  std::array<int, kLoops> pauses = {};

  // Lets other loops act while this one is in the middle of something; does nothing from within
  // itself.
  std::function<void(size_t busy)> meanwhile = [](size_t) {};
};

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_WORLD_H_
