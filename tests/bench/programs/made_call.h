// One call of bench-client, and whether its reply was right.

#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_MADE_CALL_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_MADE_CALL_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/bench/programs/body.h"
#include "tests/bench/programs/event_loop.h"

namespace singleflight::bench {

class ClientConnection;

enum class Verdict {
  kRight,       // 200, one grpc-status, which is 0, and exactly the expected bytes
  kFailed,      // it did not succeed as gRPC sees it
  kMismatched,  // it says that it succeeded, but the bytes are not what was expected
};

// One call of the checking client: what it sends, what it must get, and what has come so far. No
// reply is stored; the bytes are compared as they come.
class MadeCall {
 public:
  enum class Kind {
    kUnary,     // the reply is all of what is expected
    kDownload,  // whole messages of what is expected, one at least
    kUpload,    // the reply is the number of messages that were sent
  };

  MadeCall() = default;
  // `begun` is when the call was to begin: its latency counts from then.
  MadeCall(Kind kind, Body request, Body expected, Nanos begun)
      : request(request), begun_(begun), kind_(kind), expected_(expected) {}

  void OnField(absl::string_view name, absl::string_view value);
  void OnData(absl::string_view bytes);
  void OnEnd() { ended_ = true; }

  // A download that the client itself ends is right as far as it got.
  void Cut() { cut_ = true; }
  bool ended() const { return ended_; }

  // An upload ends with the message that it is sending.
  void EndUpload() { last_message_ = true; }
  bool last_message() const { return last_message_; }

  Verdict Judge() const;

  // What is wrong with it; `reset` is the code that closed the stream.
  std::string Complaint(uint32_t reset) const;

  // What a gRPC client tells the application, if the reply is not right.
  int Status(uint32_t reset) const;
  const std::string& message() const { return message_; }  // of the status, as it came

  Nanos begun() const { return begun_; }
  uint64_t received_bytes() const { return received_bytes_; }
  const Body& expected() const { return expected_; }

  Body request;
  ClientConnection* connection = nullptr;
  int32_t id = 0;

 private:
  bool Succeeded() const;
  bool Complete() const;

  Nanos begun_ = 0;
  Kind kind_ = Kind::kUnary;
  Body expected_;
  std::string upload_reply_;
  std::string message_;
  uint64_t received_bytes_ = 0;
  int http_status_ = 0;
  int grpc_status_ = -1;
  int grpc_statuses_ = 0;
  bool wrong_bytes_ = false;
  bool ended_ = false;
  bool cut_ = false;
  bool last_message_ = false;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_MADE_CALL_H_
