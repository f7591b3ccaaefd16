#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_RESPONDER_CONNECTION_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_RESPONDER_CONNECTION_H_

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "tests/bench/programs/body.h"
#include "tests/bench/programs/event_loop.h"
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
};

class ResponderConnection;

// One call. Owned by its connection until it is closed, by the delay queue after that.
struct ServedCall {
  enum class Method { kUnary, kDownload, kUpload, kStats };

  ResponderConnection* connection = nullptr;  // null once the stream is closed
  int32_t id = 0;
  Method method = Method::kUnary;
  uint64_t number = 0;  // among the unary calls, from 1
  size_t place = 0;     // among its connection's open calls
  bool waits = false;   // in the delay queue
  Body reply;
  std::string own_reply;  // what `reply` refers to if it is of this call only
  MessageCounter uploaded;
};

// What the connections of a responder share.
struct Responding {
  Responding(const ResponderOptions& options, IoThread& io) : options(options), io(io) {}

  const ResponderOptions& options;
  IoThread& io;
  uint64_t unary_calls = 0;

  struct Waiting {
    Nanos due;
    ServedCall* call;
  };
  std::deque<Waiting> waiting;  // all wait equally long: first in, first out

  // Calls are used again: in the steady state a call takes no memory beyond nghttp2's.
  std::vector<std::unique_ptr<ServedCall>> calls;
  std::vector<ServedCall*> unused_calls;

  ServedCall* NewCall();
  void Recycle(ServedCall* call);

  // Answers the calls whose delay is over.
  void AnswerDue(Nanos now);
  Nanos next_due() const { return waiting.empty() ? kNever : waiting.front().due; }

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
  void OnRequestEnd(ServedCall& call);
  void OnStreamClosed(ServedCall& call);
  Body ReplyTo(ServedCall& call);

  Responding& shared_;
  std::vector<ServedCall*> open_;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_RESPONDER_CONNECTION_H_
