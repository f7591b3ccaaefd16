// What goes back and forth between a caller and the read path: a question, and what a caller hears.
// The table of flights, `Flights`, is named here too.

#ifndef SINGLEFLIGHT_SERVER_CORE_WAITER_H_
#define SINGLEFLIGHT_SERVER_CORE_WAITER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "server/base/loop.h"
#include "server/base/slice.h"
#include "server/cache/entry.h"
#include "server/core/release.h"
#include "server/core/upstream.h"
#include "server/model/key.h"
#include "server/model/reply.h"
#include "singleflight/async_group.h"

namespace singleflight::core {

class Flight;
class ReadPath;
struct Route;

// The table of the flights in the air, shared by all loops. The context of a flight is the flight
// itself: the caller that leaves last tells it.
using Flights = AsyncGroup<model::Key, model::Reply, std::shared_ptr<Flight>, model::KeyHash>;

// A whole request. The deadline is its caller's, and counts only on routes that do not collapse: a
// flight that others may join has one of its own.
struct Question {
  std::shared_ptr<const model::Request> request;
  base::Slice message;  // framed as on the wire
  absl::optional<base::Instant> deadline;

  // Of whose share the flight takes. Null: nobody's.
  std::shared_ptr<memory::Client> client = nullptr;

  // The hash of its key. In this line its callers stand before a release gate, if they are.
  uint64_t line = 0;

  model::SpanRef span = {};  // its caller's, if that one is recorded

  bool background = false;  // its leader is a Refresh

  // The identity of the client whose request it is, where `client` is not; see Asked.
  uint64_t caused_by = ~uint64_t{0};
};

// A reply as one caller gets it, and where it came from.
struct Answer {
  enum class Source {
    kHit,        // it was kept
    kStale,      // likewise, and its flight failed
    kStored,     // upstream just sent it for this caller, and it is kept
    kForwarded,  // the same, and it is not kept
    kCollapsed,  // upstream sent it for another caller
    kOwn,        // this program says it
  };
  Source source;
  model::Reply reply;
  cache::Lifespan lifespan;  // `expires` only of what was kept; neither of kOwn

  // The flight that it comes from; null: from none.
  std::shared_ptr<const Flown> flown = nullptr;

  wire::StatusCode status = wire::StatusCode::kOk;  // what callers make of the reply

  // Upstream may refuse how the leader's message is encoded, and no more than that.
  bool about_encoding = false;

  bool was_kept() const { return source == Source::kHit || source == Source::kStale; }

  // Whether it serves every caller, however that caller encodes its messages.
  bool ForAnyEncoding() const { return !reply.encoded && !about_encoding; }
};

// What the reply in an answer counts for already when it goes to a caller (InWriting).
enum class Counted {
  kNot,      // it is kept; count it while it is being written
  kAsHeld,   // it came from another caller's flight, or was decoded; charge its client
  kAsAsked,  // the same, and its client was judged when its own call began
};

// A live upstream call that its flight could not share, with what has arrived so far.
struct Takeover {
  std::unique_ptr<UpstreamCall> call;
  absl::optional<model::Headers> initial;  // ready for a caller; nothing: it has not come yet
  std::string body;                        // consumed from the stream's window already
  Release why;
};

// One caller on the read path. It hears exactly one of the three, once, on its own loop: within
// ReadPath::Serve, or later if that said that it is aboard, unless ReadPath::Leave said that it had
// left.
class Waiter : public Flights::Waiter {
 public:
  // `path`: of its loop.
  explicit Waiter(ReadPath& path) : path_(path) {}

  // A reply that it can read.
  virtual void OnAnswer(const Answer& answer, Counted counted) = 0;

  // The leader alone: the reply is a stream or too large to share; go on with the call yourself.
  virtual void OnTakeover(Takeover takeover) = 0;

  // The flight could not be shared with you, or you cannot read its reply: make your own call,
  // through the upstream's release gate. `asked` is what the flight's leader asked. Its message is
  // the same as yours but for how it is encoded (ReadPath::MessageFor), or, where the route's key
  // says that messages may differ, for that too: then send your own.
  virtual void OnReleased(const Question& asked, Release why) = 0;

  // What it asked, and by which route. Nothing: it has gone, and nothing need be made readable.
  struct Asker {
    const Route& route;
    const model::Request& request;
  };
  virtual absl::optional<Asker> asker() const = 0;

  ReadPath& path() const { return path_; }
  inline base::Loop& loop() const;  // defined in read_path.h

 private:
  // Only a flight that is destroyed in the air lands this way, and no flight is.
  void OnLanded(const model::Reply* result) final;

  ReadPath& path_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_WAITER_H_
