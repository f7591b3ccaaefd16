#ifndef SINGLEFLIGHT_SERVER_NET_BYTE_STREAM_H_
#define SINGLEFLIGHT_SERVER_NET_BYTE_STREAM_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/net/address.h"
#include "server/net/socket.h"
#include "server/net/worker.h"

namespace singleflight::net {

// Two directions of bytes that never block. Belongs to one worker.
class ByteStream {
 public:
  enum class Outcome {
    kDone,        // `size` bytes; more may be had immediately
    kWouldBlock,  // wait
    kEnd,         // Read: the peer ended its side. Nothing more comes
    kFailed,      // the stream is broken; `error` is the errno
  };
  struct Result {
    Outcome outcome;
    size_t size = 0;
    int error = 0;
  };

  virtual ~ByteStream() = default;
  virtual Result Read(char* bytes, size_t room) = 0;
  virtual Result Write(absl::string_view bytes) = 0;

  // Of the bytes that Write took, how many still wait here; WhenWritable tells when none does.
  virtual size_t backlog() const { return 0; }

  // Call back once, in a turn of the worker; never after Close. One of each may be outstanding.
  virtual void WhenReadable(absl::AnyInvocable<void()> callback) = 0;
  virtual void WhenWritable(absl::AnyInvocable<void()> callback) = 0;

  // Tells the peer that nothing more comes; it may still send.
  virtual void EndWriting() = 0;
  virtual void Close() = 0;

  // In words, what broke the stream. `error` is that of the Result.
  virtual std::string WhyFailed(int error) const { return std::strerror(error); }
};

// A connected TCP or Unix socket as a ByteStream of that worker's. Small writes go out immediately.
// Over TCP, the system gives a peer up that takes nothing of what waits for it during `patience`,
// whether it acknowledges nothing or keeps its window shut.
std::unique_ptr<ByteStream> MakeSocketStream(Worker& worker, Socket socket,
                                             absl::Duration patience = absl::Seconds(20));

// The same, to be connected to `endpoint`: WhenWritable tells when it is, or cannot be. A Write,
// even of nothing, says which.
std::unique_ptr<ByteStream> ConnectSocketStream(Worker& worker, const Endpoint& endpoint);

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_BYTE_STREAM_H_
