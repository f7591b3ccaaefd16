#ifndef SINGLEFLIGHT_TESTS_TESTING_STEPS_OF_ONE_THREAD_H_
#define SINGLEFLIGHT_TESTS_TESTING_STEPS_OF_ONE_THREAD_H_

namespace singleflight::testing {

// How many random steps a test takes that has one thread. ThreadSanitizer has nothing to find
// there, and makes each step cost ten times as much: a fifth is enough with it.
constexpr int StepsOfOneThread(int steps) {
#ifdef __SANITIZE_THREAD__
  return steps / 5;
#else
  return steps;
#endif
}

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_STEPS_OF_ONE_THREAD_H_
