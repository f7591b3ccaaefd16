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
};

class ResponderConnection;

// What the connections of a responder share.
struct Responding {
  Responding(const ResponderOptions& options, IoThread& io) : options(options), io(io) {}

  const ResponderOptions& options;
  IoThread& io;
  uint64_t unary_calls = 0;  // that have begun
  ServedCalls calls;
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
