// What the groups ask of the types that users bring.

#ifndef SINGLEFLIGHT_INTERNAL_REQUIREMENTS_H_
#define SINGLEFLIGHT_INTERNAL_REQUIREMENTS_H_

#include <concepts>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <type_traits>

namespace singleflight::internal {

// What the groups ask of types that users bring. Each function is evaluated by the compiler and
// says in a sentence what is missing.

template <typename Hash, typename Key>
concept Hashes = std::is_invocable_r_v<size_t, const Hash&, const Key&>;

// std::equal_to<Key> claims to compare whatever Key is.
template <typename Eq, typename Key>
concept Compares = std::is_invocable_r_v<bool, const Eq&, const Key&, const Key&> &&
    (!std::same_as<Eq, std::equal_to<Key>> || requires(const Key& key) {
      { key == key } -> std::convertible_to<bool>;
    });

template <typename Key, typename Hash, typename Eq>
consteval bool RequireKey() {
  static_assert(Hashes<Hash, Key>,
                "singleflight: the key has no hash; write an AbslHashValue for it "
                "(absl/hash/hash.h), or name a Hash in the group's template arguments");
  static_assert(Compares<Eq, Key>,
                "singleflight: the key cannot be compared; write an operator== for it, or name an "
                "Eq in the group's template arguments");
  return true;
}

template <typename R>
consteval bool RequireSharedResult() {
  static_assert(std::is_void_v<R> || std::is_object_v<R>,
                "singleflight: the result is a value or void, and not a reference");
  static_assert(std::is_void_v<R> || std::is_copy_constructible_v<R>,
                "singleflight: every follower gets a copy of the result, and this one cannot be "
                "copied; let it be a std::shared_ptr<const T>");
  return true;
}

template <typename Work>
concept TakesNothing = std::is_invocable_v<Work&>;

template <typename Work>
concept TakesStopToken = !TakesNothing<Work> && std::is_invocable_v<Work&, std::stop_token>;

template <typename Work>
struct ReturnedBy : std::invoke_result<Work&> {};

template <TakesStopToken Work>
struct ReturnedBy<Work> : std::invoke_result<Work&, std::stop_token> {};

template <typename Work, typename R>
consteval bool RequireWork() {
  constexpr bool kCanBeCalled = TakesNothing<Work> || TakesStopToken<Work>;
  static_assert(kCanBeCalled, "singleflight: the work takes nothing or a std::stop_token");
  if constexpr (kCanBeCalled && !std::is_void_v<R>) {
    static_assert(std::is_constructible_v<R, typename ReturnedBy<Work>::type>,
                  "singleflight: the work returns something that the group's result cannot be "
                  "made of");
  }
  return true;
}

template <typename Executor, typename Task>
consteval bool RequireExecutor() {
  static_assert(std::is_invocable_v<Executor&, Task>,
                "singleflight: the executor takes a task, which can be copied and called");
  return true;
}

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_REQUIREMENTS_H_
