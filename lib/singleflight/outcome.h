// What work came to: a value or an exception.

#ifndef SINGLEFLIGHT_OUTCOME_H_
#define SINGLEFLIGHT_OUTCOME_H_

#include "singleflight/internal/cxx20.h"

#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

namespace singleflight {

// Outcome is what work came to: exactly one of the two is set. As the Result of an AsyncGroup it
// takes exceptions to everyone aboard:
//
//   AsyncGroup<std::string, Outcome<Profile>> flights;
//   ...
//   landing.Land(Outcome<Profile>::Of([&] { return LoadProfile(user); }));
template <typename R>
struct Outcome {
  using Value = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

  std::optional<Value> value = {};
  std::exception_ptr error = {};

  // Does `work`, and keeps what it throws.
  template <typename Work>
  static Outcome Of(Work&& work) noexcept;
};

// Thrown where there will never be a result: a Landing was destroyed unfinished, or an executor
// destroyed its task without running it.
class Unanswered : public std::runtime_error {
 public:
  Unanswered() : std::runtime_error("singleflight: the flight ended without a result") {}
};

template <typename R>
template <typename Work>
Outcome<R> Outcome<R>::Of(Work&& work) noexcept {
  Outcome outcome;
  try {
    if constexpr (std::is_void_v<R>) {
      work();
      outcome.value.emplace();
    } else {
      outcome.value.emplace(work());
    }
  } catch (...) {
    outcome.value.reset();
    outcome.error = std::current_exception();
  }
  return outcome;
}

namespace internal {

// What a caller gets of a Result: itself, or what an Outcome holds; throws what an Outcome holds.
template <typename Result>
struct Answer {
  using Type = Result;
  static Result Of(Result&& result) { return std::move(result); }
  static const Result& Of(const Result& result) { return result; }
};

template <typename R>
struct Answer<Outcome<R>> {
  using Type = R;

  template <typename Landed>
  static R Of(Landed&& outcome) {
    if (outcome.error != nullptr) std::rethrow_exception(outcome.error);
    if constexpr (!std::is_void_v<R>) return *std::forward<Landed>(outcome).value;
  }
};

}  // namespace internal

}  // namespace singleflight

#endif  // SINGLEFLIGHT_OUTCOME_H_
