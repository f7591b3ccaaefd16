#include <gmock/gmock.h>

#include "absl/synchronization/mutex.h"

// gRPC's own locks look like a deadlock to Abseil in programs that are both client and server.
int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
