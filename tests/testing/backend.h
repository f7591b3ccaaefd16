#ifndef SINGLEFLIGHT_TESTS_TESTING_BACKEND_H_
#define SINGLEFLIGHT_TESTS_TESTING_BACKEND_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "tests/testing/answer.h"
#include "tests/testing/client.h"

namespace singleflight::testing {

// A call as the backend saw it.
struct SeenCall {
  std::string method;
  std::string authority;
  Metadata metadata;
  std::vector<std::string> messages;  // filled until the caller's side ends
  bool has_deadline = false;
};

// A gRPC server in this process that serves every method there is.
//
// A call is answered when its caller's side has ended and nothing holds it back; what it gets,
// AnswerWith says. Methods that end in /Echo send back every message as it comes. While the backend
// holds, calls wait, as many as there are: the test decides when an answer comes, not a clock.
class Backend {
 public:
  // On 127.0.0.1 and a free port; or on what `address` says: host:port or unix:/path.
  Backend() : Backend("127.0.0.1:0") {}
  explicit Backend(const std::string& address, const absl::optional<PeerTls>& tls = {});
  ~Backend();

  const std::string& address() const { return address_; }

  // What calls get from now on. To begin with: "reply to " and the request's first message.
  void AnswerWith(Answer answer);
  void AnswerWith(std::function<Answer(const SeenCall&)> answer);

  // Replies to calls that come from now on are compressed, with gzip, if their callers accept that.
  void CompressReplies();

  // After the initial metadata and the messages, the answer's end waits until Release.
  void KeepOpen();

  void Hold();
  void Release();

  // Calls that come from now on are not held; those that are held wait on.
  void HoldNoMore();

  // Lets the oldest call that is held go.
  void ReleaseOne();

  int calls() const;      // that have begun
  int held() const;       // that wait to be released
  int cancelled() const;  // that their caller ended, or its connection
  SeenCall call(size_t at) const;
  std::vector<SeenCall> all_calls() const;

  // These return when as many have been counted.
  void WaitForCalls(int n);
  void WaitForHeld(int n);
  void WaitForCancelled(int n);

  // Ends, and all that runs here with it. Start listens on the same address again.
  void Stop();
  void Start();

 private:
  class Impl;
  std::string address_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_BACKEND_H_
