#ifndef SINGLEFLIGHT_TESTS_DIFFERENTIAL_CALL_H_
#define SINGLEFLIGHT_TESTS_DIFFERENTIAL_CALL_H_

#include <grpcpp/generic/generic_stub.h>

#include <functional>
#include <memory>
#include <string>

#include "tests/differential/plan.h"

namespace singleflight::differential {

// What there is to see of a call, as lines.
struct Outcome {
  std::string text;
  bool hit = false;        // from memory, by its cache-status
  bool collapsed = false;  // shared the call of another
};

// Makes a call as planned, as "/<way>/differential.Echo/<kind>", and tells its outcome once, on a
// thread of gRPC's. What the closed list of docs/semantics.md (§6) lets differ on that way is left
// out of the text. Ways: direct and those whose names begin with relay add nothing; on others the
// proxy may share. By those that end in _again it may retry; by those that end in _by_grpc, gRPC
// carries the call (docs/transport-grpc.md).
void Call(grpc::GenericStub& stub, const std::shared_ptr<const Plan>& plan, const std::string& way,
          std::function<void(Outcome)> done);

// Whether the proxy may share a call that comes by that way.
bool Shares(const std::string& way);

// Whether an outcome is the direct one, but for what that way may change.
bool Same(const Outcome& direct, const Outcome& other, const std::string& way);

}  // namespace singleflight::differential

#endif  // SINGLEFLIGHT_TESTS_DIFFERENTIAL_CALL_H_
