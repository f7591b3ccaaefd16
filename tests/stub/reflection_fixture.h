#ifndef SINGLEFLIGHT_TESTS_STUB_REFLECTION_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_STUB_REFLECTION_FIXTURE_H_

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "server/stub/reflection.h"

namespace singleflight::stub::testing {

// Asks the upstream of `options_`, and waits for what it says.
class ReflectionTest : public ::testing::Test {
 protected:
  ReflectionTest() { options_.name = "catalog"; }

  Reflection::Answer Ask(absl::Duration within = absl::Seconds(20)) {
    std::mutex mu;
    std::condition_variable changed;
    absl::optional<Reflection::Answer> answer;
    const Reflection asking(options_, "catalog:1", within, [&](Reflection::Answer said) {
      const std::lock_guard lock(mu);
      answer = std::move(said);
      changed.notify_all();
    });
    std::unique_lock lock(mu);
    changed.wait(lock, [&] { return answer.has_value(); });
    return *answer;
  }
  upstream::UpstreamOptions options_;
};

}  // namespace singleflight::stub::testing

#endif  // SINGLEFLIGHT_TESTS_STUB_REFLECTION_FIXTURE_H_
