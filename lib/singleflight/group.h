// One kind of work, done once for all that ask meanwhile.

#ifndef SINGLEFLIGHT_GROUP_H_
#define SINGLEFLIGHT_GROUP_H_

#include "singleflight/internal/cxx20.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "singleflight/keyed_groups.h"
#include "singleflight/shared.h"

namespace singleflight {

// Group runs one kind of work, one execution at a time, and hands its result to all callers that
// asked meanwhile. It is KeyedGroups with a single key; all that is said there holds.
//
//   Group<Config> reload;
//   Config config = reload.Do(ReadConfig).value;
template <typename R>
class Group {
 public:
  template <typename Work>
  Shared<R> Do(Work&& work) {
    return group_.Do({}, std::forward<Work>(work));
  }

  // The same, but the caller leaves at `until`, with std::nullopt.
  template <typename Work>
  std::optional<Shared<R>> Do(Work&& work, const Until& until) {
    return group_.Do({}, std::forward<Work>(work), until);
  }

  // The same, but a leader gives its work to `executor` and leaves at `until` too.
  template <typename Executor, typename Work>
  std::optional<Shared<R>> DoOn(Executor&& executor, Work&& work, const Until& until) {
    return group_.DoOn(std::forward<Executor>(executor), {}, std::forward<Work>(work), until);
  }

  // Makes later callers start a new flight; those aboard are still served. False when there was no
  // flight to join.
  bool Forget() { return group_.Forget({}); }

  // Flights in the air, forgotten ones included, and followers that wait for them.
  size_t flights() const { return group_.flights(); }
  size_t waiting() const { return group_.waiting(); }

 private:
  struct NoHash {
    size_t operator()(std::monostate) const { return 0; }
  };

  KeyedGroups<std::monostate, R, NoHash> group_{1};
};

}  // namespace singleflight

#endif  // SINGLEFLIGHT_GROUP_H_
