// One connection of the responder, the bare server that the bench compares with.

#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_RESPONDER_CONNECTION_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_RESPONDER_CONNECTION_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "tests/bench/programs/body.h"
#include "tests/bench/programs/endings.h"
#include "tests/bench/programs/event_loop.h"
#include "tests/bench/programs/served_calls.h"
#include "tests/bench/programs/wire.h"

namespace singleflight::bench {

struct ResponderOptions {
  std::string unary_reply;   // framed, as all of these
  std::string wrong_reply;   // what every `wrong_every`-th unary call gets
  uint64_t wrong_every = 0;  // 0: none
  std::string stream_message;
  uint64_t stream_messages = 0;  // kEndless: until the caller leaves
  std::string status;            // grpc-status
  Nanos delay = 0;               // from the end of a unary request to its reply
  bool echo = false;             // a unary reply is its request

  // What goes wrong with unary calls, or takes longer.
  Endings::Shares shares;
  uint64_t seed = 0;
  Nanos slow_delay = 0;
  size_t capacity = SIZE_MAX;       // so many at a time; what comes beyond gets UNAVAILABLE
  Nanos unavailable_from = kNever;  // from then, all get that, of the monotonic clock,
  Nanos unavailable_until = 0;      // until then
  uint64_t goaway_every = 0;        // GOAWAY behind so many of a connection; 0: none
};

class ResponderConnection;

// What the connections of a responder share.
struct Responding {
  Responding(const ResponderOptions& options, IoThread& io)
      : options(options), io(io), endings(options.seed, options.shares) {}

  const ResponderOptions& options;
  IoThread& io;
  uint64_t unary_calls = 0;  // that have begun
  ServedCalls calls;
  Endings endings;
  absl::flat_hash_set<std::unique_ptr<ResponderConnection>> connections;
};

// The server side of one connection.
class ResponderConnection final : public Wire {
 public:
  ResponderConnection(Responding& shared, Socket socket);
  ~ResponderConnection() override;

  void Answer(ServedCall& call);

 private:
  struct Callbacks;

  void OnOver(absl::string_view why) override;
  void SetMethod(ServedCall& call, absl::string_view path);
  ServedCall* Open(int32_t id);
  void OnBody(ServedCall& call, absl::string_view bytes);
  void OnRequestEnd(ServedCall& call);
  Ending EndingOf(const ServedCall& call);
  void AnswerUnavailable(ServedCall& call);
  ssize_t ReadReply(ServedCall& call, uint8_t* to, size_t max, uint32_t* flags);
  void OnStreamClosed(ServedCall& call);
  Body ReplyTo(ServedCall& call);

  Responding& shared_;
  std::vector<ServedCall*> open_;
  uint64_t served_ = 0;  // unary calls
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_RESPONDER_CONNECTION_H_
