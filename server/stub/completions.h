// The thread on which gRPC says what it has done: one for the process, however many upstreams have
// `transport: grpc`. It does nothing itself: what has been done is posted to the loop of its call.
//
// gRPC begins in this process where one of these is made, with threads of its own, so whoever has
// no such upstream makes none.

#ifndef SINGLEFLIGHT_SERVER_STUB_COMPLETIONS_H_
#define SINGLEFLIGHT_SERVER_STUB_COMPLETIONS_H_

#include <memory>
#include <thread>

namespace grpc {
class CompletionQueue;
}

namespace singleflight::stub {

// Sets what gRPC keeps for the whole process. Before anything of it begins.
void PrepareGrpc();

// Something that gRPC was asked to do. `this` is its tag.
class Completion {
 public:
  // On the thread above, once each time. `ok`: it came to something.
  virtual void OnDone(bool ok) = 0;

 protected:
  ~Completion() = default;
};

class Completions {
 public:
  Completions();
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  // Waits until all that was asked for is done, and so everything has to be cancelled before. From
  // now on nothing may be asked for.
  ~Completions();

  grpc::CompletionQueue& queue() { return *queue_; }

 private:
  void Run();

  const std::unique_ptr<grpc::CompletionQueue> queue_;
  std::thread thread_;
};

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_COMPLETIONS_H_
