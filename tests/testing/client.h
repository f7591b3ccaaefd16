#ifndef SINGLEFLIGHT_TESTS_TESTING_CLIENT_H_
#define SINGLEFLIGHT_TESTS_TESTING_CLIENT_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/testing/answer.h"
#include "tests/testing/child_process.h"

namespace singleflight::testing {

// Of a caller's messages.
enum class Compression { kNone, kGzip, kDeflate };

// How a client or a backend speaks TLS: paths of PEM files, empty for what it has not.
struct PeerTls {
  std::string ca;  // that the other side's certificate must be of
  std::string certificate;
  std::string private_key;
  std::string server_name = "";  // of a client: what the proxy's certificate is for
};

// How a call is made.
struct CallOptions {
  Metadata metadata = {};
  std::chrono::milliseconds timeout = kPatience;
  bool wait_for_ready = false;
  Compression compress = Compression::kNone;
};

// A unary call under way. Letting go of it before its end cancels it.
class PendingCall {
 public:
  class State;
  explicit PendingCall(std::shared_ptr<State> state) : state_(std::move(state)) {}
  PendingCall(PendingCall&&) = default;
  PendingCall& operator=(PendingCall&&) = default;
  ~PendingCall();

  Answer Wait();
  void Cancel();
  bool done() const;

 private:
  std::shared_ptr<State> state_;
};

// A call of several messages, one thing at a time. What cannot be sent or read returns false.
class StreamCall {
 public:
  class State;
  explicit StreamCall(std::unique_ptr<State> state);
  StreamCall(StreamCall&&) noexcept;
  ~StreamCall();

  bool Write(const std::string& message);
  bool WritesDone();
  bool Read(std::string* message);
  void Cancel();

  // Reads what is left, then the status. `messages` holds what this read.
  Answer Finish();

 private:
  std::unique_ptr<State> state_;
};

// A gRPC client with one connection of its own, which is made when the first call needs it.
class Client {
 public:
  // host:port or unix:/path.
  explicit Client(const std::string& address, const std::string& authority = "");
  Client(const std::string& address, const PeerTls& tls);
  ~Client();
  Client(Client&&) noexcept;

  PendingCall Start(const std::string& method, const std::string& message,
                    const CallOptions& options = {});
  Answer Ask(const std::string& method, const std::string& message,
             const CallOptions& options = {}) {
    return Start(method, message, options).Wait();
  }
  StreamCall Open(const std::string& method, const CallOptions& options = {});

 private:
  struct Channel;
  std::unique_ptr<Channel> channel_;
};

// Waits for all of them.
std::vector<Answer> WaitAll(std::vector<PendingCall>& calls);

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_CLIENT_H_
