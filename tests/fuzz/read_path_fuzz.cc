// The machines of tests/core/*_random_test.cc, whose choices are the input's.

#include "tests/core/cache_steps.h"
#include "tests/core/collapse_steps.h"
#include "tests/fuzz/input.h"

namespace singleflight::core {
namespace {

template <typename Steps>
class Machine final : public Steps {
 public:
  explicit Machine(fuzz::Input& input) : input_(input) {
    Steps::choose_ = [this](size_t below) { return input_.Below(below); };
  }

  void Run() {
    SetOptions(input_.Byte());
    while (!input_.empty()) {
      Steps::TakeStep();
      SF_CHECK(!Steps::HasFailure());
    }
    Steps::Finish();
    Steps::TearDown();
    SF_CHECK(!Steps::HasFailure());
  }

 private:
  void TestBody() override {}

  void SetOptions(uint8_t bits) {
    if ((bits & 1) != 0) Steps::collapse_->max_waiters = 2;
    if ((bits & 2) != 0) Steps::collapse_->max_reply_bytes = 1000;
    if ((bits & 4) != 0) Steps::collapse_->on_abandon = OnAbandon::kComplete;
    if ((bits & 8) != 0) Steps::collapse_->max_join_age = absl::Milliseconds(200);
    if ((bits & 16) != 0) Steps::max_flights_ = 3;
    if ((bits & 32) != 0) Steps::max_held_bytes_ = 8000;
    if ((bits & 64) != 0 && Steps::cache_.has_value()) Steps::collapse_.reset();
  }

  fuzz::Input& input_;
};

}  // namespace
}  // namespace singleflight::core

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  fuzz::Input input(data, size);
  if (input.Chance()) {
    core::Machine<core::CollapseSteps>(input).Run();
  } else {
    core::Machine<core::CacheSteps>(input).Run();
  }
  return 0;
}
