// One connection of bench-client.

#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_CLIENT_CONNECTION_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_CLIENT_CONNECTION_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/programs/made_call.h"
#include "tests/bench/programs/wire.h"

namespace singleflight::bench {

struct ClientConnectionOptions {
  std::string authority;
  std::string path;
  std::string timeout;  // grpc-timeout; empty: without a deadline
  uint32_t stream_window = 0;
  int32_t connection_window = 0;
};

// The client side of one connection.
class ClientConnection final : public Wire {
 public:
  class Listener {
   public:
    virtual void OnReady() = 0;  // the server's SETTINGS have come
    virtual void OnSent() = 0;   // the last byte of a request is in a frame
    // The stream is closed, by `reset` if that is not 0. A new call may be begun.
    virtual void OnEnded(const MadeCall& call, uint32_t reset) = 0;
    // Open calls stay open: nothing more will come for them.
    virtual void OnLost(absl::string_view why) = 0;

   protected:
    ~Listener() = default;
  };

  // `options` and `listener` outlive the connection.
  ClientConnection(IoThread& io, Socket socket, const ClientConnectionOptions& options,
                   Listener& listener);

  // The server's limit of concurrent streams holds a call back, nothing else does.
  MadeCall& Call(MadeCall call);

  // Ends an endless call.
  void Cancel(MadeCall& call);

 private:
  struct Callbacks;

  void OnOver(absl::string_view why) override;
  void Ended(MadeCall* call, uint32_t reset);

  const ClientConnectionOptions& options_;
  Listener& listener_;
  // Calls are used again, so that nothing but nghttp2 takes memory for a call.
  std::vector<std::unique_ptr<MadeCall>> calls_;
  std::vector<MadeCall*> unused_;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_CLIENT_CONNECTION_H_
