// bench-responder: answers gRPC calls from memory with nothing but nghttp2 and epoll, on one
// thread. It is the yardstick of the benchmarks and the backend behind what they measure.
//
//   /bench.Bench/Download   a stream of --stream-messages messages
//   /bench.Bench/Upload     reads a stream; the reply's message is how many messages it carried
//   /bench.Stats/Calls      the reply's message is how many unary calls have begun
//   any other method        unary: --reply-bytes bytes, --delay after its request is whole
//
// Messages follow the pattern that bench-client checks; numbers in messages are decimal text.

#include <sys/epoll.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/bench/programs/body.h"
#include "tests/bench/programs/command_line.h"
#include "tests/bench/programs/responder_connection.h"
#include "tests/bench/programs/socket.h"
#include "tests/bench/programs/wire.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:0", "host:port to listen on; port 0 takes a free one");
ABSL_FLAG(uint32_t, reply_bytes, 100, "bytes of a unary reply's message");
ABSL_FLAG(absl::Duration, delay, absl::ZeroDuration(),
          "how long after its request is whole a unary reply goes out");
ABSL_FLAG(uint64_t, stream_messages, 0, "messages of a download; 0: until the caller leaves");
ABSL_FLAG(uint32_t, stream_message_bytes, 65536, "bytes of each message of a download");
ABSL_FLAG(uint64_t, wrong_every, 0,
          "every so many unary replies, one has a wrong last byte, to test clients; 0: none");
ABSL_FLAG(uint32_t, status, 0, "grpc-status of every reply");
ABSL_FLAG(bool, echo, false, "a unary reply is its request; --reply-bytes is for empty ones");
ABSL_FLAG(uint64_t, seed, 1, "of what becomes of which unary call: --slow-percent, --bad-percent");
ABSL_FLAG(double, slow_percent, 0, "of unary calls: they take --slow-delay instead of --delay");
ABSL_FLAG(absl::Duration, slow_delay, absl::Milliseconds(500), "see --slow-percent");
ABSL_FLAG(double, bad_percent, 0, "of unary calls: they end badly, or never (endings.h)");
ABSL_FLAG(uint64_t, capacity, 0,
          "unary calls at a time; what comes beyond gets UNAVAILABLE; 0: all");
ABSL_FLAG(absl::Duration, unavailable_after, absl::InfiniteDuration(),
          "from so long after the start, unary calls get UNAVAILABLE, for --unavailable-for");
ABSL_FLAG(absl::Duration, unavailable_for, absl::InfiniteDuration(), "see --unavailable-after");
ABSL_FLAG(uint64_t, goaway_every, 0, "GOAWAY behind so many unary calls of a connection; 0: none");

namespace singleflight::bench {
namespace {

// `from` and so much; absl::InfiniteDuration() is for ever.
Nanos After(Nanos from, absl::Duration time) {
  const Nanos nanos = absl::ToInt64Nanoseconds(time);
  return nanos > kNever - from ? kNever : from + nanos;
}

void AddBadDay(ResponderOptions& options) {
  options.seed = absl::GetFlag(FLAGS_seed);
  options.shares = {.slow = absl::GetFlag(FLAGS_slow_percent),
                    .bad = absl::GetFlag(FLAGS_bad_percent)};
  options.slow_delay = absl::ToInt64Nanoseconds(absl::GetFlag(FLAGS_slow_delay));
  if (absl::GetFlag(FLAGS_capacity) > 0) options.capacity = absl::GetFlag(FLAGS_capacity);
  options.unavailable_from = After(Now(), absl::GetFlag(FLAGS_unavailable_after));
  options.unavailable_until = After(options.unavailable_from, absl::GetFlag(FLAGS_unavailable_for));
  options.goaway_every = absl::GetFlag(FLAGS_goaway_every);
}

ResponderOptions OptionsFromFlags() {
  ResponderOptions options;
  options.unary_reply = Framed(Pattern(absl::GetFlag(FLAGS_reply_bytes)));
  options.wrong_reply = options.unary_reply;
  options.wrong_reply.back() = static_cast<char>(~options.wrong_reply.back());
  options.wrong_every = absl::GetFlag(FLAGS_wrong_every);
  options.stream_message = Framed(Pattern(absl::GetFlag(FLAGS_stream_message_bytes)));
  const uint64_t messages = absl::GetFlag(FLAGS_stream_messages);
  options.stream_messages = messages == 0 ? kEndless : messages;
  options.status = absl::StrCat(absl::GetFlag(FLAGS_status));
  options.delay = absl::ToInt64Nanoseconds(absl::GetFlag(FLAGS_delay));
  options.echo = absl::GetFlag(FLAGS_echo);
  AddBadDay(options);
  return options;
}

class Door final : public EventLoop::Handler {
 public:
  Door(const Socket& listener, Responding& responding)
      : listener_(listener), responding_(responding) {}

  void OnEvents(uint32_t) override {
    for (;;) {
      Socket socket = Accept(listener_);
      if (socket.fd() < 0) return;
      responding_.connections.insert(
          std::make_unique<ResponderConnection>(responding_, std::move(socket)));
    }
  }

 private:
  const Socket& listener_;
  Responding& responding_;
};

int Serve() {
  RaiseDescriptorLimit();
  const auto listener = Listen(absl::GetFlag(FLAGS_listen));
  if (!listener.ok()) return CannotStart("bench-responder", listener.status());
  const ResponderOptions options = OptionsFromFlags();
  const auto io = std::make_unique<IoThread>();
  Responding responding(options, *io);
  Door door(*listener, responding);
  io->loop.Watch(listener->fd(), EPOLLIN, &door);
  std::printf("bench-responder ready: listening on %s\n", LocalAddress(*listener).c_str());
  std::fflush(stdout);
  while (!io->loop.stopped()) {
    io->Turn(responding.calls.next_due());
    while (ServedCall* call = responding.calls.TakeDue(io->loop.turn_began())) {
      call->connection->Answer(*call);
    }
  }
  return 0;
}

}  // namespace
}  // namespace singleflight::bench

int main(int argc, char** argv) {
  using namespace singleflight::bench;
  ParseFlags("bench-responder", "answers gRPC calls from memory", argc, argv);
  return Serve();
}
