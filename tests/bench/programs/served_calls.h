#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_SERVED_CALLS_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_SERVED_CALLS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/programs/body.h"
#include "tests/bench/programs/endings.h"
#include "tests/bench/programs/event_loop.h"

namespace singleflight::bench {

class ResponderConnection;

// One call of the responder.
struct ServedCall {
  enum class Method { kUnary, kDownload, kUpload, kStats };

  ResponderConnection* connection = nullptr;  // null once the stream is closed
  int32_t id = 0;
  Method method = Method::kUnary;
  uint64_t number = 0;  // among the unary calls, from 1
  size_t place = 0;     // among its connection's open calls
  bool waits = false;   // for its delay to be over
  Ending ending = Ending::kAnswer;
  Body reply;
  std::string own_reply;  // what `reply` refers to if it is of this call only
  MessageCounter uploaded;
};

// Owns the calls of all connections and uses them again, so that in the steady state a call takes
// no memory beyond nghttp2's; holds those that wait until they are due, the slow ones in a line of
// their own.
class ServedCalls {
 public:
  ServedCall* New();

  // The stream is closed, which a waiting call outlives.
  void Closed(ServedCall* call);

  enum Line { kUsual, kSlow };

  // All of a line wait equally long: its `due` never decreases from call to call.
  void Wait(ServedCall* call, Nanos due, Line line);

  // A call that is due and whose stream is open; null: there is none.
  ServedCall* TakeDue(Nanos now);
  Nanos next_due() const { return std::min(FirstDue(kUsual), FirstDue(kSlow)); }

  // Those whose stream is closed are among them: a backend works on.
  size_t waiting() const { return waiting_[kUsual].size() + waiting_[kSlow].size(); }

 private:
  struct Waiting {
    Nanos due;
    ServedCall* call;
  };

  void Recycle(ServedCall* call);
  Nanos FirstDue(Line line) const {
    return waiting_[line].empty() ? kNever : waiting_[line].front().due;
  }

  std::vector<std::unique_ptr<ServedCall>> all_;
  std::vector<ServedCall*> unused_;
  std::deque<Waiting> waiting_[2];
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_SERVED_CALLS_H_
