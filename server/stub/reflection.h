// Asks a backend once for the descriptors of its services, by gRPC's server reflection: v1, and
// where the backend does not have that, v1alpha.
//
// The backend is not trusted: how long it may take and how much it may say have bounds. What it
// says is no more than collected here; whoever reads it decides what it is worth.
//
// Threads: one of its own, so that nobody waits for a backend. It ends with the answer, or when
// this is destroyed, which cancels what is in the air and so takes no time. gRPC begins in this
// process with the first of these.

#ifndef SINGLEFLIGHT_SERVER_STUB_REFLECTION_H_
#define SINGLEFLIGHT_SERVER_STUB_REFLECTION_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/stub/reflection_failure.h"
#include "server/upstream/options.h"

namespace singleflight::stub {

class Reflection {
 public:
  static constexpr size_t kMostBytes = 4u << 20;
  static constexpr size_t kMostFiles = 1000;
  static constexpr size_t kMostServices = 1000;

  // Of the listed endpoints so many are asked, one after the other, until one answers.
  static constexpr size_t kMostEndpoints = 3;

  struct Answer {
    std::string descriptor_set;  // a google.protobuf.FileDescriptorSet
    absl::optional<ReflectionFailure> failure;
    std::string why;  // of the failure: a phrase
  };

  // `on_answer` is called once, on the thread above, but not after this is destroyed. `authority`:
  // what calls to the upstream carry. Each endpoint has `within` to say all.
  Reflection(const upstream::UpstreamOptions& options, const std::string& authority,
             absl::Duration within, std::function<void(Answer)> on_answer);
  ~Reflection();

 private:
  class Thread;
  const std::unique_ptr<Thread> thread_;
};

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_REFLECTION_H_
